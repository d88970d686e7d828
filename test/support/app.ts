// Runs the whole product inside the test process: real services on a real database, listening on loopback.
// What needs a process of its own (signals, kill -9) uses process.ts.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { demoPeople, seedDemo } from '../../prisma/seed.ts'
import { createApp } from '../../src/app.ts'
import { limits } from '../../src/config/limits.ts'
import { loadConfig } from '../../src/config/load.ts'
import { ClientMetadata } from '../../src/features/clients/schema.ts'
import { runJobs } from '../../src/jobs.ts'
import { createPages, type SharedPages } from '../../src/protocol.ts'
import { openServices, type Services } from '../../src/services.ts'
import { SteadyResponse } from '../../src/web/steady-response.ts'
import { freePort } from './ports.ts'
import { createTestDatabase } from './postgres.ts'
import { insertSigningKeys } from './signing-keys.ts'

export type TestApp = {
  issuer: string
  /** Where it listens, whatever its issuer says. */
  listening: string
  services: Services
  /** Statements sent to the database since the last call, by name; heartbeats and other clockwork are left out. */
  statements(): string[]
  /** Lets time pass for the product; needs FOYER_TEST_HOOKS. */
  advance(seconds: number): Promise<void>
  /** Registers a client with the secret `secret-of-ID`, or without one when it is public. */
  addClient(id: string, metadata: Record<string, unknown>): Promise<void>
  /** Facts of the audit log, oldest first. */
  auditTypes(): Promise<string[]>
  close(): Promise<void>
}

/** `:PORT` in a value becomes the port that was found free. */
export type TestAppOptions = {
  env?: Record<string, string>
  databaseUrl?: string
  /** Runs jobs beside it, such as the sending of mails: see mails.ts. */
  jobs?: boolean
}

// What the product sends by itself, whatever it is asked: keys and types are read again once it listens for changes.
const clockwork =
  /^(timekeeper\.|sweep_|audit_seal_|signing_keys_list$|apis_detail_types$|LISTEN|SELECT 1$)|graphile_worker/

export const secretOf = (id: string): string => `secret-of-${id}`

/** With what a test bench asks for: a clock that can be moved. */
export const testHooks = { FOYER_TEST_HOOKS: '1' }

let pages: SharedPages | undefined
/** Compiled once for all products of a test file, and never read again: nobody edits them meanwhile. */
function sharedPages(): SharedPages {
  pages ??= createPages({ reload: false })
  return pages
}

/** One product on a fresh, seeded database, or on one that another product of the test made. */
export async function startApp({ env = {}, databaseUrl, jobs }: TestAppOptions = {}): Promise<TestApp> {
  const database = databaseUrl === undefined ? await createTestDatabase() : undefined
  const port = await freePort()
  const config = loadConfig(
    {
      PORT: String(port),
      DATABASE_URL: databaseUrl ?? database?.url,
      FOYER_PLAYGROUND_PORT: '0',
      FOYER_KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
      LOG_LEVEL: 'silent',
      ...Object.fromEntries(
        Object.entries(env).map(([name, value]) => [name, value.replace(':PORT', `:${port}`)]),
      ),
    },
    process.cwd(),
  )
  const seen: string[] = []
  const services = await openServices(config, { role: 'server', onStatement: (name) => seen.push(name) })
  await insertSigningKeys(services)
  if (config.mode === 'development') {
    await seedDemo({ ...services, issuer: config.issuer, playgroundOrigin: undefined })
  }
  const people = demoPeople.map(({ email, password, profile }) => ({
    email,
    password,
    name: profile?.name ?? email,
  }))
  const app = await createApp({
    config,
    services,
    pages: sharedPages(),
    demoPeople: config.mode === 'development' ? people : [],
    draining: () => false,
  })
  const options = { ServerResponse: SteadyResponse, maxHeaderSize: limits.headerBytes }
  const server = createServer(options, app.callback)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  if ((server.address() as AddressInfo).port !== port) throw new Error('the port was taken')
  const worker = jobs ? await runJobs(services) : undefined

  return {
    issuer: config.issuer,
    listening: `http://127.0.0.1:${port}`,
    services,
    statements: () => seen.splice(0).filter((name) => !clockwork.test(name)),
    advance: async (seconds) => {
      const headers = { 'content-type': 'application/json' }
      const body = JSON.stringify({ advance_seconds: seconds })
      const response = await fetch(`${config.issuer}/dev/clock`, { method: 'POST', headers, body })
      if (!response.ok) throw new Error(`the clock did not move: ${await response.text()}`)
      await response.arrayBuffer()
    },
    addClient: async (id, metadata) => {
      const client = { id, secret: secretOf(id), metadata: ClientMetadata.parse(metadata) }
      await services.clients.createKnown({ kind: 'system' }, client)
    },
    auditTypes: async () => {
      const rows = await services.db.query<{ type: string }>({
        text: 'SELECT type FROM audit_events ORDER BY at, id',
        values: [],
      })
      return rows.map(({ type }) => type)
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await worker?.stop()
      await services.close()
      await database?.drop()
    },
  }
}
