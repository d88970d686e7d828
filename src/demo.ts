// Owns when the demo is seeded: at the first start, and again when its definition changes. A process of its own does
// it, so that the ORM it needs does not stay in the server's memory.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { demoClients, demoPeople, seedDemo } from '../prisma/seed.ts'
import type { Config } from './config/schema.ts'
import { isFromSources } from './kernel/places.ts'
import { hashText } from './kernel/secrets.ts'
import { readDemoSeed, saveDemoSeed } from './platform/instance.ts'
import type { Services } from './services.ts'

const originOf = ({ playgroundPort }: Config): string | undefined =>
  playgroundPort === 0 ? undefined : `http://localhost:${playgroundPort}`

const fingerprintOf = (config: Config): string =>
  hashText(JSON.stringify([demoPeople, demoClients(config.issuer, originOf(config))]))

/** Seeds the demo here and now. */
export async function seedHere(config: Config, services: Services): Promise<void> {
  await seedDemo({ ...services, issuer: config.issuer, playgroundOrigin: originOf(config) })
  await saveDemoSeed(services.db, fingerprintOf(config))
}

/** Sees to it that the demo is there. */
export async function ensureDemo(config: Config, services: Pick<Services, 'db'>): Promise<void> {
  if ((await readDemoSeed(services.db)) === fingerprintOf(config)) return
  const program = join(import.meta.dirname, isFromSources() ? 'seed.ts' : 'seed.js')
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'ignore', 'inherit'] })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code !== 0) throw new Error('The demo could not be seeded: the lines above say why.')
}
