// Owns the life of a server process: open, seed, listen, run jobs, and on SIGTERM let every request finish.
import type { Server } from 'node:http'
import { isAbsolute, relative } from 'node:path'
import { demoPeople } from '../prisma/seed.ts'
import { createApp } from './app.ts'
import type { Config } from './config/schema.ts'
import { ensureDemo } from './demo.ts'
import { banner } from './dev/banner.ts'
import { createPlayground } from './dev/playground.ts'
import { runJobs } from './jobs.ts'
import { version } from './kernel/version.ts'
import { letYoungGrow } from './kernel/young-generation.ts'
import type { RunningQueue } from './platform/queue.ts'
import { createPages, type SharedPages } from './protocol.ts'
import { openServices, type Services } from './services.ts'
import { onSignal } from './signals.ts'
import { metricsListener } from './web/health.ts'
import { drain, listenOn } from './web/listeners.ts'

/** A taken port is said, and ends nothing: the playground is a convenience. */
async function startPlayground(config: Config, services: Services, pages: SharedPages): Promise<Server[]> {
  if (config.playgroundPort === 0) return []
  const origin = `http://localhost:${config.playgroundPort}`
  const playground = createPlayground({
    issuer: config.issuer,
    origin,
    log: services.log,
    clock: services.clock,
    ...pages,
  })
  try {
    const where = { port: config.playgroundPort, hosts: config.listen.hosts }
    return await listenOn(playground.callback(), where, 'FOYER_PLAYGROUND_PORT')
  } catch (error) {
    services.log.warn({ event: 'playground.unavailable', port: config.playgroundPort, err: error })
    return []
  }
}

/** Puts a one-time token into the log while nobody administers this installation. */
async function offerClaim({ tickets, log }: Services): Promise<boolean> {
  if (!(await tickets.isUnclaimed())) return false
  const { token, expiresAt } = await tickets.issueTicket({ purpose: 'claim' })
  log.warn({ event: 'instance.unclaimed', expiresAt }, `Claim this installation at /setup with ${token}`)
  return true
}

/** As somebody in the folder of the start would name it. */
function placeOf(path: string): string {
  const below = relative(process.cwd(), path)
  return below.startsWith('..') || isAbsolute(below) ? path : `./${below}`
}

function bannerOf(
  config: Config,
  { unclaimed, playground }: { unclaimed: boolean; playground: boolean },
): string {
  return banner({
    version,
    mode: config.mode,
    database: config.databaseUrl === undefined ? `embedded in ${placeOf(config.dataDir)}` : 'at DATABASE_URL',
    node: process.version,
    issuer: config.issuer,
    playground: playground ? `http://localhost:${config.playgroundPort}` : undefined,
    unclaimed,
    color: config.log.color && process.stdout.isTTY === true,
  })
}

type Running = { servers: Server[]; worker: RunningQueue | undefined; playground: boolean }

async function open(config: Config, services: Services, draining: () => boolean): Promise<Running> {
  const development = config.mode === 'development'
  if (development) await ensureDemo(config, services)

  const pages = createPages()
  const people = demoPeople.map(({ email, password, profile }) => ({
    email,
    password,
    name: profile?.name ?? email,
  }))
  const app = await createApp({ config, services, pages, demoPeople: development ? people : [], draining })

  const servers = await listenOn(app.callback, config.listen)
  const { port } = config.metrics
  if (port !== undefined) {
    const where = { port, hosts: config.listen.hosts }
    servers.push(...(await listenOn(metricsListener(services.telemetry), where, 'METRICS_PORT')))
  }
  const playground = development ? await startPlayground(config, services, pages) : []
  const worker = config.worker === 'inside' ? await runJobs(services) : undefined
  return { servers: [...servers, ...playground], worker, playground: playground.length > 0 }
}

/** Runs Foyer until it is told to end. Throws when it cannot start, with everything closed again. */
export async function runServer(config: Config): Promise<void> {
  const ending = onSignal()
  const services = await openServices(config, { role: 'server' })
  try {
    const { servers, worker, playground } = await open(config, services, ending.isAsked)
    const unclaimed = config.mode === 'production' && (await offerClaim(services))
    letYoungGrow()
    process.stdout.write(bannerOf(config, { unclaimed, playground }))
    await ending.asked
    services.feed.close()
    await drain(servers)
    await worker?.stop()
  } finally {
    await services.close()
  }
  // What is left are timers of libraries; nothing of ours is open any more.
  process.exit(0)
}
