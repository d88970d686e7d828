// The composition root of everything below HTTP: the database is opened, each service is built once and handed
// what it needs. The server, the worker and the command line all begin here.
import type { Config } from './config/schema.ts'
import { claimsOf } from './features/accounts/claims.ts'
import { createPasswordPolicy } from './features/accounts/password-policy.ts'
import { createAccounts } from './features/accounts/service.ts'
import { createAccountStore } from './features/accounts/store.ts'
import { createTickets } from './features/accounts/tickets.ts'
import { createArtifacts } from './features/artifacts/service.ts'
import { createSigningKeyStore } from './features/artifacts/signing-keys.ts'
import { endAllOf, endAllOfClient } from './features/artifacts/store.ts'
import { createAudit } from './features/audit/service.ts'
import { createClientCache } from './features/clients/cache.ts'
import { createClients } from './features/clients/service.ts'
import { createClientStore } from './features/clients/store.ts'
import { createTeams } from './features/teams/service.ts'
import { createTeamStore } from './features/teams/store.ts'
import { createClock, replaceDateNow } from './kernel/time.ts'
import type { Connection } from './platform/connection.ts'
import { openDatabase } from './platform/database.ts'
import { createListener } from './platform/listener.ts'
import { createAccessLog, createLog } from './platform/log.ts'
import { createInbox, createMailer } from './platform/mailer.ts'
import { createPasswords } from './platform/passwords.ts'
import { createDb } from './platform/postgres.ts'
import { createQueue } from './platform/queue.ts'
import { createRedis } from './platform/redis.ts'
import { createSealer, loadKeyEncryptionKey } from './platform/sealer.ts'
import { createTelemetry } from './platform/telemetry.ts'
import { createTimekeeper } from './platform/timekeeper.ts'

export type Role = 'server' | 'guest'

export type OpenOptions = {
  role: Role
  /** Told the name of every statement sent to the database: how tests count round trips. */
  onStatement?: (statement: string) => void
}

function createPlatform(config: Config, connection: Connection, { role, onStatement }: OpenOptions) {
  const log = createLog(config.log)
  const access = createAccessLog(log, config.log)
  const clock = createClock()
  if (config.testHooks) replaceDateNow(clock)
  const telemetry = createTelemetry({ clock })
  const onQuery = (statement: string) => {
    telemetry.countStatement()
    onStatement?.(statement)
  }
  const db = createDb({ connection, poolSize: config.databasePoolSize, clock, log, onQuery })
  const listener = createListener({ connection, log })
  const timekeeper = createTimekeeper({
    db,
    clock,
    listener,
    testHooks: config.testHooks,
    log,
    heartbeat: role === 'server',
  })
  const redis = createRedis(config.redisUrl, { log })
  const inbox = config.mode === 'development' ? createInbox() : undefined
  const mailer = createMailer({ config, log, clock, ...(inbox && { capture: inbox }) })
  const queue = createQueue({ db, log, useNodeTime: config.testHooks })
  const passwords = createPasswords({
    observeHash: telemetry.observePasswordHash,
    observe: ({ waitedMs, slow }) => slow && log.warn({ event: 'passwords.queue_slow', waitedMs }),
  })
  telemetry.watchPasswordQueue(passwords.waiting)
  return {
    config,
    log,
    access,
    clock,
    telemetry,
    db,
    listener,
    timekeeper,
    redis,
    inbox,
    mailer,
    queue,
    passwords,
  }
}

export type Platform = ReturnType<typeof createPlatform>

function createFeatures(platform: Platform, sealer: ReturnType<typeof createSealer>) {
  const { config, db, clock, listener, redis, timekeeper, passwords } = platform
  const audit = createAudit({ db, clock })
  const artifacts = createArtifacts({
    db,
    clock,
    sealer,
    refreshTokenTtlSeconds: config.refreshTokenTtlSeconds,
    lastOutage: timekeeper.lastOutage,
    reuseFact: (unit, grantId) =>
      audit.recordWrite({
        type: 'token.reuse_detected',
        actor: { kind: 'stranger' },
        details: { grantId },
        ...(unit.origin.requestId !== undefined && { requestId: unit.origin.requestId }),
        ...(unit.origin.address !== undefined && { address: unit.origin.address }),
      }),
  })

  const accountStore = createAccountStore(db)
  const policy = createPasswordPolicy({ minLength: config.passwordMinLength })
  const accounts = createAccounts({
    db,
    store: accountStore,
    passwords,
    policy,
    clock,
    audit,
    endAll: endAllOf,
  })
  const tickets = createTickets({ db, store: accountStore, accounts, clock, audit })

  const clientStore = createClientStore(db)
  const clientCache = createClientCache({ store: clientStore, listener, redis, sealer, clock })
  const clients = createClients({ db, store: clientStore, clock, audit, endAllOfClient })
  const teams = createTeams({ db, store: createTeamStore(db), clock, accounts, audit })
  const signingKeys = createSigningKeyStore({ db, sealer })

  return {
    audit,
    artifacts,
    accountStore,
    accounts,
    tickets,
    clients,
    clientCache,
    teams,
    signingKeys,
    claimsOf,
  }
}

/**
 * Opens the database, migrates it, and builds every service. As `server` it owns the data directory; as `guest` it
 * works beside a server that runs. Whoever closes last stops the embedded database.
 */
export async function openServices(config: Config, options: OpenOptions) {
  const { role } = options
  const { key, notes } = await loadKeyEncryptionKey({ config })
  const log = createLog(config.log)
  for (const note of notes) log.warn({ event: 'config.note' }, note)

  const database = await openDatabase({ config, role, log })
  const platform = createPlatform(config, database.connection, options)
  await platform.queue.migrate()
  await platform.timekeeper.start()
  const sealer = createSealer(key)
  const features = createFeatures(platform, sealer)

  async function close(): Promise<void> {
    await platform.timekeeper.stop()
    platform.mailer.close()
    await Promise.all([platform.redis.close(), platform.listener.close()])
    await platform.db.close()
    await database.close()
    platform.access.flush()
  }
  return { ...platform, ...features, sealer, close }
}

export type Services = Awaited<ReturnType<typeof openServices>>
