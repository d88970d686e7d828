// Owns APIs as they are managed: registered, changed, and which clients may ask for what there.
import { forbidden, notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { ApisStore, ManagedApi } from './apis-store.ts'
import { firstPartyClient, managementApi } from './first-party.ts'
import type { Api, ClientApi, ClientStore } from './store.ts'

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
  async function save(actor: Actor, api: Api): Promise<ManagedApi> {
    // Its scopes are those that the routes ask for, in every installation
    if (api.identifier === managementApi(issuer)) throw forbidden()
    await db.inTransaction(async (tx) => {
      await clientStore.upsertApi(tx, { ...api, now: clock.now() })
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

  return { get, list, save, allow }
}
