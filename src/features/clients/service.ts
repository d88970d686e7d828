// Owns clients: registered, changed, their secrets rotated, removed. Every change is told to the caches.
// What their tokens may do is src/oidc; reading a client for a request is the store's findForProtocol.
import {
  type FieldError,
  forbidden,
  invalidInput,
  notFound,
  preconditionFailed,
} from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { hashSecret, issueSecret, newId } from '../../kernel/secrets.ts'
import { after, type Clock, hours } from '../../kernel/time.ts'
import { nextVersion } from '../../kernel/versions.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { AuditDetails } from '../audit/store.ts'
import type { ClientAccess } from './access.ts'
import { firstPartyClient } from './first-party.ts'
import type { ClientMetadata } from './schema.ts'
import { isSameSector } from './sector-document.ts'
import { type CertificateOffer, missingFor, needsSecret } from './security-schema.ts'
import type { Client, ClientApi, ClientStore, NewClient, RegistrationTokens, SavedApi } from './store.ts'

export type ClientsDeps = {
  db: Pick<Db, 'inTransaction'>
  store: ClientStore
  clock: Clock
  audit: Pick<Audit, 'record'>
  /** What is wrong with whom a client is for: names of roles and ids of teams that are not there. */
  audienceProblems: (access: ClientAccess) => Promise<FieldError[]>
  /** What is wrong with the document that says what belongs to a client's sector. */
  sectorProblems: (metadata: ClientMetadata) => Promise<FieldError[]>
  certificates: CertificateOffer
  /** Ends every grant that people gave a client, and with it its tokens. */
  endAllOfClient: (tx: Tx, clientId: string) => Promise<void>
}

export type CreatedClient = Client & { secret?: string }
type KnownClient = Pick<NewClient, 'id' | 'metadata' | 'registrationTokenHash' | 'documentReadAt'> & {
  secret?: string
}
type ClientChange = {
  metadata: ClientMetadata
  expected?: readonly Date[] | undefined
  /** By whoever holds this token, which gives way to another one. */
  registration?: RegistrationTokens
}
export type Clients = ReturnType<typeof createClients>

/** So long may an old secret still be used after its rotation, until every instance of the app has the new one. */
export const secretOverlapMs = hours(24)
const longestPage = 100

export function createClients(deps: ClientsDeps) {
  const { db, store, clock, audit, endAllOfClient } = deps

  async function get(id: string): Promise<Client> {
    const client = await store.find(id)
    if (!client) throw notFound('client_not_found')
    return client
  }

  async function list({ cursor, limit = 50 }: { cursor?: string; limit?: number } = {}) {
    const size = Math.min(Math.max(1, limit), longestPage)
    const rows = await store.list({ after: cursor, limit: size + 1 })
    const data = rows.slice(0, size)
    return { data, nextCursor: rows.length > size ? (data.at(-1)?.id ?? null) : null }
  }

  /** The one constructor of clients. The secret leaves here and rests only as a hash. */
  async function create(actor: Actor, metadata: ClientMetadata): Promise<CreatedClient> {
    const { secret } = issueSecret('foyer_cs')
    return createKnown(actor, { id: newId(clock.now()), secret, metadata })
  }

  /** With an id and secret that are agreed beforehand: the demo's, and those brought from elsewhere. */
  async function createKnown(actor: Actor, { secret, ...known }: KnownClient): Promise<CreatedClient> {
    const { id, metadata } = known
    if (needsSecret(metadata) && !secret) throw invalidInput([secretMissing])
    assertServed(metadata)
    await assertAudience(metadata)
    await assertSector(metadata)
    return db.inTransaction(async (tx) => {
      const client = await store.insert(tx, { ...known, now: clock.now() })
      await audit.record(tx, {
        type: 'client.created',
        actor,
        clientId: id,
        ...(metadata.access && accessDetails(metadata)),
      })
      if (!secret || !needsSecret(metadata)) {
        await store.notify(tx, id)
        return client
      }
      await addSecret(tx, id, hashSecret(secret))
      await store.notify(tx, id)
      return { ...client, secret }
    })
  }

  function assertServed(metadata: ClientMetadata): void {
    const missing = missingFor(metadata, deps.certificates)
    if (missing) throw invalidInput([missing])
  }

  async function assertAudience({ access }: ClientMetadata): Promise<void> {
    const problems = access ? await deps.audienceProblems(access) : []
    if (problems.length > 0) throw invalidInput(problems)
  }

  async function assertSector(metadata: ClientMetadata): Promise<void> {
    const problems = await deps.sectorProblems(metadata)
    if (problems.length > 0) throw invalidInput(problems)
  }

  const addSecret = (tx: Tx, clientId: string, hash: Buffer): Promise<void> => {
    const now = clock.now()
    return store.insertSecret(tx, { id: newId(now), clientId, hash, now })
  }

  /** Replaces the registration as a whole (RFC 7592 §2.2). */
  async function update(
    actor: Actor,
    id: string,
    { metadata, expected, registration }: ClientChange,
  ): Promise<Client> {
    assertOwners(id)
    const before = await get(id)
    const moved = nextVersion(before.updatedAt, clock.now())
    if (needsSecret(metadata) && !needsSecret(before.metadata)) throw invalidInput([becomesConfidential])
    assertServed(metadata)
    // What it named before may have been deleted since, and need not be there to stay
    if (!isSameAccess(before.metadata, metadata)) await assertAudience(metadata)
    if (!isSameSector(before.metadata, metadata)) await assertSector(metadata)
    return db.inTransaction(async (tx) => {
      // First, so that a token that was spent meanwhile is told as that
      if (registration && !(await store.rotateRegistration(tx, id, registration)))
        throw notFound('client_not_found')
      const client = await store.update(tx, id, { metadata, expected, now: moved })
      if (!client) throw expected ? preconditionFailed() : notFound('client_not_found')
      const details = isSameAccess(before.metadata, metadata) ? {} : accessDetails(metadata)
      await audit.record(tx, { type: 'client.updated', actor, clientId: id, ...details })
      await store.notify(tx, id)
      return client
    })
  }

  /** One that is disabled is unknown to the protocol, and what it holds is worth nothing until it is enabled again. */
  async function setEnabled(actor: Actor, id: string, enabled: boolean): Promise<Client> {
    assertOwners(id)
    return db.inTransaction(async (tx) => {
      const before = await store.lock(tx, id)
      if (!before) throw notFound('client_not_found')
      if (before.enabled === enabled) return before
      const client = await store.setEnabled(tx, id, {
        enabled,
        now: nextVersion(before.updatedAt, clock.now()),
      })
      await audit.record(tx, { type: enabled ? 'client.enabled' : 'client.disabled', actor, clientId: id })
      await store.notify(tx, id)
      return client
    })
  }

  async function remove(actor: Actor, id: string): Promise<void> {
    assertOwners(id)
    await db.inTransaction(async (tx) => {
      if (!(await store.remove(tx, id))) throw notFound('client_not_found')
      await endAllOfClient(tx, id)
      await audit.record(tx, { type: 'client.deleted', actor, clientId: id })
      await store.notify(tx, id)
    })
  }

  /** Two secrets live for a day, the new one and the one before; a third ends at once. */
  async function rotateSecret(actor: Actor, id: string): Promise<{ secret: string; oldExpiresAt: Date }> {
    assertOwners(id)
    const { secret, hash } = issueSecret('foyer_cs')
    const now = clock.now()
    const oldExpiresAt = after(now, secretOverlapMs)
    await db.inTransaction(async (tx) => {
      const client = await store.lock(tx, id)
      if (!client) throw notFound('client_not_found')
      if (!needsSecret(client.metadata)) throw invalidInput([hasNoSecret])
      await store.expireSecrets(tx, id, { expiresAt: oldExpiresAt, now })
      await addSecret(tx, id, hash)
      await audit.record(tx, { type: 'client.secret_rotated', actor, clientId: id })
      await store.notify(tx, id)
    })
    return { secret, oldExpiresAt }
  }

  /** An API may be new to every client, so all of them are read again. */
  async function saveApi(api: SavedApi): Promise<void> {
    await db.inTransaction(async (tx) => {
      await store.upsertApi(tx, { ...api, now: clock.now() })
      await store.notify(tx, '*')
    })
  }

  async function allowApi(
    clientId: string,
    entry: Pick<ClientApi, 'identifier' | 'scopes' | 'serves'>,
  ): Promise<void> {
    await db.inTransaction(async (tx) => {
      await store.allowApi(tx, clientId, entry)
      await store.notify(tx, clientId)
    })
  }

  return {
    get,
    find: store.find,
    list,
    create,
    createKnown,
    update,
    setEnabled,
    remove,
    rotateSecret,
    saveApi,
    allowApi,
  }
}

/** The client of the JSON door follows first-party.ts; with a secret somebody could authenticate as it. */
function assertOwners(id: string): void {
  if (id === firstPartyClient) throw forbidden()
}

/** Who is let in from now on, for the audit log. */
const accessDetails = ({ access }: ClientMetadata): { details: AuditDetails } => ({
  details: access ? { access: 'limited', ...access } : { access: 'everyone' },
})

const isSameAccess = (before: ClientMetadata, after: ClientMetadata): boolean =>
  accessKey(before) === accessKey(after)
const accessKey = ({ access }: ClientMetadata): string =>
  JSON.stringify(access && [access.roles, access.teams])

const secretMissing: FieldError = {
  pointer: '/client_secret',
  code: 'required',
  detail: 'A client that authenticates needs a secret.',
}
const becomesConfidential: FieldError = {
  pointer: '/token_endpoint_auth_method',
  code: 'invalid',
  detail: 'A public client stays one: register another client for the part that can keep a secret.',
}
const hasNoSecret: FieldError = {
  pointer: '/client_id',
  code: 'invalid',
  detail: 'This client proves itself without a secret: there is none to rotate.',
}
