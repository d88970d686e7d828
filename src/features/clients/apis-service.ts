// Owns APIs as they are managed: registered, changed, and which clients may ask for what there.
import { conflict, forbidden, notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import type { Clock } from '../../kernel/time.ts'
import { assertVersion, nextVersion } from '../../kernel/versions.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { ApisStore, ManagedApi } from './apis-store.ts'
import { firstPartyClient, managementApi } from './first-party.ts'
import type { ClientApi, ClientStore, SavedApi } from './store.ts'

export type ApisDeps = {
  db: Pick<Db, 'inTransaction'>
  store: ApisStore
  clientStore: Pick<ClientStore, 'find' | 'upsertApi' | 'allowApi' | 'notify'>
  clock: Clock
  audit: Pick<Audit, 'record'>
  issuer: string
}

export type Apis = ReturnType<typeof createApis>

export function createApis({ db, store, clientStore, clock, audit, issuer }: ApisDeps) {
  async function get(identifier: string): Promise<ManagedApi> {
    const api = await store.find(identifier)
    if (!api) throw notFound()
    return api
  }

  async function list({ cursor, limit }: { cursor?: string; limit: number }) {
    const rows = await store.list({ after: cursor, limit: limit + 1 })
    const data = rows.slice(0, limit)
    return { data, nextCursor: rows.length > limit ? (data.at(-1)?.identifier ?? null) : null }
  }

  /** An API may be new to every client, so all of them are read again. */
  async function save(
    actor: Actor,
    { expected, ...api }: SavedApi & { expected?: readonly Date[] | undefined },
  ): Promise<ManagedApi> {
    // Its scopes are those that the routes ask for, in every installation
    if (api.identifier === managementApi(issuer)) throw forbidden()
    await db.inTransaction(async (tx) => {
      const before = await store.lockVersion(tx, api.identifier)
      assertVersion(before, expected)
      const now = clock.now()
      await clientStore.upsertApi(tx, { ...api, now: before ? nextVersion(before, now) : now })
      await audit.record(tx, {
        type: 'api.saved',
        actor,
        details: { api: api.identifier, scopes: api.scopes },
      })
      await clientStore.notify(tx, '*')
    })
    return get(api.identifier)
  }

  /** What a client may ask for at an API; nothing more when the list is empty. */
  async function allow(
    actor: Actor,
    clientId: string,
    entry: Pick<ClientApi, 'identifier' | 'scopes' | 'serves'>,
  ): Promise<void> {
    if (clientId === firstPartyClient) throw forbidden()
    await get(entry.identifier)
    if (!(await clientStore.find(clientId))) throw notFound('client_not_found')
    await db.inTransaction(async (tx) => {
      await clientStore.allowApi(tx, clientId, entry)
      const details = { api: entry.identifier, scopes: entry.scopes, serves: entry.serves }
      await audit.record(tx, { type: 'api.client_allowed', actor, clientId, details })
      await clientStore.notify(tx, clientId)
    })
  }

  /** Not while it is some client's own API: their tokens would be for nothing. */
  async function remove(actor: Actor, identifier: string): Promise<void> {
    if (identifier === managementApi(issuer)) throw forbidden()
    await db.inTransaction(async (tx) => {
      if (!(await store.lockVersion(tx, identifier))) throw notFound()
      if (await store.isDefault(tx, identifier)) throw conflict('api_in_use')
      await store.remove(tx, identifier)
      await audit.record(tx, { type: 'api.deleted', actor, details: { api: identifier } })
      await clientStore.notify(tx, '*')
    })
  }

  /** Takes away what was allowed to one client; where the API is open to all, it is a client like any other. */
  async function disallow(actor: Actor, clientId: string, identifier: string): Promise<void> {
    if (clientId === firstPartyClient) throw forbidden()
    await db.inTransaction(async (tx) => {
      if (!(await store.disallow(tx, { identifier, clientId }))) throw notFound()
      const details = { api: identifier, scopes: [], serves: false }
      await audit.record(tx, { type: 'api.client_allowed', actor, clientId, details })
      await clientStore.notify(tx, clientId)
    })
  }

  return { get, list, listDetailTypes: store.listDetailTypes, save, remove, allow, disallow }
}
