// The composition root of everything below HTTP: the database is opened, each service is built once and handed
// what it needs. The server, the worker and the command line all begin here.
import { join } from 'node:path'
import { demoPeople } from '../prisma/seed.ts'
import type { Config } from './config/schema.ts'
import { claimsOf } from './features/accounts/claims.ts'
import { createDeletion } from './features/accounts/deletion-service.ts'
import { createDeletionStore } from './features/accounts/deletion-store.ts'
import { createEmailChange } from './features/accounts/email-change-service.ts'
import { createEmailChangeStore } from './features/accounts/email-change-store.ts'
import { createExport } from './features/accounts/export.ts'
import { createLeakedPasswords } from './features/accounts/password-leaks.ts'
import { createCommonPasswords } from './features/accounts/password-list.ts'
import {
  createPasswordCheck,
  createPasswordPolicy,
  createStrength,
} from './features/accounts/password-policy.ts'
import { createPasswordChange } from './features/accounts/password-service.ts'
import { createPasswordStore } from './features/accounts/password-store.ts'
import { createRecovery } from './features/accounts/recovery-service.ts'
import { createRecoveryStore } from './features/accounts/recovery-store.ts'
import { createRegistration } from './features/accounts/registration-service.ts'
import { createRegistrationStore } from './features/accounts/registration-store.ts'
import { createAccounts } from './features/accounts/service.ts'
import { createAccountStore } from './features/accounts/store.ts'
import { createTickets } from './features/accounts/tickets.ts'
import { createArtifacts } from './features/artifacts/service.ts'
import { endAllOf, endAllOfClient } from './features/artifacts/store.ts'
import { type AuditLog, createAuditLog } from './features/audit/audit-log.ts'
import { createLocks } from './features/authn/locks.ts'
import { createReuseNotice, reuseNoticeOf } from './features/authn/reuse-notice.ts'
import { createHandOver } from './features/challenges/mail.ts'
import { createChallenges } from './features/challenges/service.ts'
import { createApis } from './features/clients/apis-service.ts'
import { createApisStore } from './features/clients/apis-store.ts'
import { withAccountClient } from './features/clients/built-in.ts'
import { createClientCache } from './features/clients/cache.ts'
import { createClientDocuments } from './features/clients/document-clients.ts'
import { createDocumentStore, withDocumentRules } from './features/clients/document-store.ts'
import { saveFirstParty } from './features/clients/first-party-store.ts'
import { createClientLogos } from './features/clients/logos.ts'
import { createLogosStore } from './features/clients/logos-store.ts'
import { createSectorCheck } from './features/clients/sector-document.ts'
import { certificateOffer } from './features/clients/security-schema.ts'
import { createSelfRegistration } from './features/clients/self-registration.ts'
import { createClients } from './features/clients/service.ts'
import { createClientStore } from './features/clients/store.ts'
import { createUpstreamStore } from './features/federation/upstream-store.ts'
import { createUpstreams } from './features/federation/upstreams-service.ts'
import { createOutbox, mailTask } from './features/outbox/service.ts'
import { createPasswordless } from './features/passwordless/service.ts'
import { deviceNameOf } from './features/sessions/device-names.ts'
import { createSessions } from './features/sessions/service.ts'
import { createSessionStore } from './features/sessions/store.ts'
import { createAudiences } from './features/teams/audience-service.ts'
import { createAudienceStore } from './features/teams/audience-store.ts'
import { isFromSources, projectFolder } from './kernel/places.ts'
import { createClock, replaceDateNow } from './kernel/time.ts'
import { createKeys } from './keys.ts'
import { createLogout } from './logout.ts'
import type { Connection } from './platform/connection.ts'
import { type Database, openDatabase } from './platform/database.ts'
import { createRootedSealer } from './platform/derivation-root.ts'
import { createMessages } from './platform/i18n.ts'
import { createLimiter } from './platform/limiter.ts'
import { createListener } from './platform/listener.ts'
import { createAccessLog, createLog } from './platform/log.ts'
import { createInbox, createMailer } from './platform/mailer.ts'
import { createOutbound } from './platform/outbound.ts'
import { createPasswords } from './platform/passwords.ts'
import { createDb } from './platform/postgres.ts'
import { createQueue } from './platform/queue.ts'
import { openRedis } from './platform/redis.ts'
import { loadKeyEncryptionKey, type Sealer } from './platform/sealer.ts'
import { createTelemetry } from './platform/telemetry.ts'
import { loadTemplates } from './platform/templates.ts'
import { createTimekeeper } from './platform/timekeeper.ts'
import { createTeamFeatures } from './teams.ts'
import { createWebhookFeature } from './webhooks.ts'

export type Role = 'server' | 'guest'

export type OpenOptions = {
  role: Role
  /** Told the name of every statement sent to the database: how tests count round trips. */
  onStatement?: (statement: string) => void
}

async function createPlatform(config: Config, connection: Connection, { role, onStatement }: OpenOptions) {
  const log = createLog(config.log)
  const access = createAccessLog(log)
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
  const redis = await openRedis(config.redisUrl, { log })
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
    outbound: createOutbound({ testHooks: config.testHooks }),
  }
}

export type Platform = Awaited<ReturnType<typeof createPlatform>>

function createMails(platform: Platform, sealer: Sealer) {
  const { config, queue, mailer, clock, log, telemetry } = platform
  const reload = isFromSources()
  const templates = loadTemplates(projectFolder('views/mail'), { reload })
  const messages = createMessages(projectFolder('locales'), { reload })
  telemetry.watchOutbox(() => queue.countWaiting(mailTask))
  return createOutbox({
    queue,
    sealer,
    mailer,
    clock,
    log,
    sender: { product: 'Foyer', issuer: config.issuer, deviceOf: deviceNameOf },
    wordsOf: (language) =>
      messages.translator(messages.choose({ account: language, fallback: config.locale })),
    render: (letter) => templates.render('letter', letter),
    observe: telemetry.countMail,
  })
}

function createPasswordRules({ config, log, outbound }: Platform) {
  const minLength = config.passwordMinLength
  const isCommon = createCommonPasswords(join(projectFolder('wordlists'), 'common-passwords.br'))
  const rules = { minLength, ...(config.passwordBlocklist && { isCommon }) }
  const isLeaked =
    config.passwordBreachUrl === undefined
      ? undefined
      : createLeakedPasswords({ url: config.passwordBreachUrl, ask: outbound, log })
  const policy = createPasswordCheck({ policy: createPasswordPolicy(rules), isLeaked })
  return { policy, strengthOf: createStrength(rules) }
}

type Founded = {
  sealer: Sealer
  audit: AuditLog['audit']
  outbox: ReturnType<typeof createOutbox>
  sessions: ReturnType<typeof createSessions>
  accounts: ReturnType<typeof createAccounts>
  accountStore: ReturnType<typeof createAccountStore>
}

/** What people do with mails and passwords. */
function createProofs(platform: Platform, founded: Founded) {
  const { config, db, clock, passwords } = platform
  const limiter = createLimiter({ db })
  const unlimited = config.testHooks ? demoPeople.map(({ email }) => email) : []
  const challenges = createChallenges({ ...founded, db, limiter, clock, unlimited })
  const deps = { ...founded, db, clock, limiter, challenges, passwords, issuer: config.issuer }
  const shared = { ...deps, sendMail: founded.outbox.enqueue, endAll: endAllOf }
  const recovery = createRecovery({ ...shared, store: createRecoveryStore(db) })
  const passwordChange = createPasswordChange({
    ...shared,
    store: createPasswordStore(db),
    endOthers: founded.sessions.endOthersIn,
  })
  const emailChange = createEmailChange({ ...shared, store: createEmailChangeStore() })
  const holders = createRegistrationStore(db)
  const joining = { ...shared, mode: config.registration, handOver: createHandOver(shared) }
  const registration = createRegistration({
    ...joining,
    store: holders,
    accountUrl: `${config.issuer}/account`,
  })
  const passwordless = createPasswordless({ ...joining, holders, registration })
  return { challenges, recovery, passwordChange, emailChange, registration, passwordless }
}

/** What oidc-provider keeps, and what happens when something spent comes back. */
function createProtocolStorage(platform: Platform, { sealer, audit }: Pick<Founded, 'sealer' | 'audit'>) {
  const { config, db, clock, queue, timekeeper } = platform
  return createArtifacts({
    db,
    clock,
    sealer,
    refreshTokenTtlSeconds: config.refreshTokenTtlSeconds,
    lastOutage: timekeeper.lastOutage,
    reuseNotice: () => reuseNoticeOf(queue, clock),
    reuseFact: (unit, grantId) =>
      audit.recordWrite({
        type: 'token.reuse_detected',
        actor: { kind: 'stranger' },
        details: { grantId },
        ...(unit.origin.requestId !== undefined && { requestId: unit.origin.requestId }),
        ...(unit.origin.address !== undefined && { address: unit.origin.address }),
      }),
  })
}

function createAccountFeatures(platform: Platform, { audit }: Pick<Founded, 'audit'>) {
  const { db, clock, passwords } = platform
  const accountStore = createAccountStore(db)
  const { policy, strengthOf } = createPasswordRules(platform)
  const shared = { db, clock, audit }
  const accounts = createAccounts({ ...shared, store: accountStore, passwords, policy, endAll: endAllOf })
  const tickets = createTickets({ ...shared, store: accountStore, accounts })
  return { accountStore, accounts, tickets, strengthOf }
}

function createClientFeatures(
  platform: Platform,
  { sealer, audit, accounts, outbox }: Pick<Founded, 'sealer' | 'audit' | 'accounts' | 'outbox'>,
) {
  const { config, db, clock, listener, redis, outbound } = platform
  const clientStore = createClientStore(db)
  const clientCache = createClientCache({
    store: withDocumentRules(withAccountClient(clientStore, config), config),
    listener,
    redis,
    sealer,
    clock,
  })
  const audienceProblems = createAudiences({ store: createAudienceStore(db) }).problemsOf
  const shared = { db, clock, audit }
  const certificates = certificateOffer(config.mutualTls)
  const sectorProblems = createSectorCheck({ call: outbound })
  const checks = { audienceProblems, sectorProblems, certificates }
  const registry = { ...shared, ...checks, store: clientStore, endAllOfClient }
  const clients = createClients(registry)
  const selfRegistration = createSelfRegistration({ clients, store: clientStore, clock })
  const clientDocuments = createClientDocuments({
    ...shared,
    store: { ...clientStore, ...createDocumentStore(db) },
    findClient: clientCache.find,
    clients,
    call: outbound,
    limiter: createLimiter({ db }),
    log: platform.log,
    rules: config,
  })
  const reuseNotice = createReuseNotice({
    db,
    accounts,
    appName: async (id) => (await clientCache.find(id))?.metadata.client_name ?? id,
    outbox,
    limiter: createLimiter({ db }),
    clock,
  })
  const apis = createApis({ ...shared, issuer: config.issuer, store: createApisStore(db), clientStore })
  const clientLogos = createClientLogos({ store: createLogosStore(db), call: outbound, clock })
  return { clients, selfRegistration, clientDocuments, apis, clientCache, clientLogos, reuseNotice }
}

/** What people take along, and how they go. */
function createDeparture(
  { config, db, clock }: Platform,
  founded: Omit<Founded, 'sealer'>,
  { teams: { membershipsOf }, ownership }: ReturnType<typeof createTeamFeatures>,
) {
  const deletion = createDeletion({
    ...founded,
    ownership,
    db,
    store: createDeletionStore(db),
    clock,
    endAll: endAllOf,
    sendMail: founded.outbox.enqueue,
    issuer: config.issuer,
  })
  const { exportOf } = createExport({ ...founded, membershipsOf, clock })
  return { deletion, exportOf }
}

function createFeatures(platform: Platform, sealer: Sealer) {
  const { db, clock } = platform
  const auditLog = createAuditLog(platform)
  const { audit } = auditLog
  const artifacts = createProtocolStorage(platform, { sealer, audit })
  const outbox = createMails(platform, sealer)
  const sessions = createSessions({ db, store: createSessionStore(db), clock, audit, endAllOf })
  const people = createAccountFeatures(platform, { audit })
  const { accounts, accountStore } = people
  const proofs = createProofs(platform, { sealer, audit, outbox, sessions, accounts, accountStore })

  const registered = createClientFeatures(platform, { sealer, audit, accounts, outbox })
  const { clientCache } = registered
  const inTeams = createTeamFeatures({ ...platform, sealer, audit, outbox, accountStore })
  const keys = createKeys({ ...platform, sealer, audit })
  const departure = createDeparture(platform, { audit, outbox, sessions, accounts, accountStore }, inTeams)

  return {
    ...auditLog,
    artifacts,
    outbox,
    sessions,
    ...people,
    ...proofs,
    ...registered,
    ...inTeams,
    ...keys,
    backChannelLogout: createLogout({ ...platform, ...keys, sealer, audit, clientCache }),
    upstreams: createUpstreams({ db, store: createUpstreamStore(db), sealer, clock, audit }),
    ...departure,
    ...createWebhookFeature({ ...platform, sealer, audit, outbox }),
    locks: createLocks({ db, audit }),
    claimsOf,
  }
}

/**
 * Opens the database, migrates it, and builds every service. As `server` it owns the data directory; as `guest` it
 * works beside a server that runs. Whoever closes last stops the embedded database.
 */
export async function openServices(config: Config, options: OpenOptions) {
  const { key, notes } = await loadKeyEncryptionKey({ config })
  const log = createLog(config.log)
  for (const note of notes) log.warn({ event: 'config.note' }, note)

  const database = await openDatabase({ config, role: options.role, log })
  const platform = await createPlatform(config, database.connection, options)
  const close = () => closeAll(platform, database)
  try {
    await platform.queue.migrate()
    await platform.timekeeper.start()
    const sealer = await createRootedSealer({ key, other: config.otherKeyEncryptionKey }, platform.db)
    const features = createFeatures(platform, sealer)
    if (options.role === 'server') {
      await saveFirstParty(platform.db, { issuer: config.issuer, now: platform.clock.now() })
    }
    return { ...platform, ...features, sealer, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function closeAll(platform: Platform, database: Database): Promise<void> {
  await platform.timekeeper.stop()
  platform.mailer.close()
  await Promise.all([platform.redis.close(), platform.listener.close()])
  await platform.db.close()
  await database.close()
  platform.access.flush()
}

export type Services = Awaited<ReturnType<typeof openServices>>
