// Owns how APIs come in from a file, and after them what clients may ask for there.
import { isDeepStrictEqual } from 'node:util'
import type { Actor } from '../../kernel/events.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { ApiBulkStore, ApiClientPlace, ApiClientRow } from '../clients/api-bulk-store.ts'
import type { ManagedApi } from '../clients/apis-store.ts'
import type { ClientBulkStore } from '../clients/bulk-store.ts'
import { firstPartyClient } from '../clients/first-party.ts'
import type { ClientStore } from '../clients/store.ts'
import { type Outcome, outcomesOf, type Plan, refused, rowsOf, standsOrDiffers } from './outcome.ts'
import type { ApiClientRecord, ApiRecord } from './schema.ts'

export type ApiImportDeps = {
  store: ApiBulkStore
  clients: Pick<ClientBulkStore, 'findAny'>
  notify: ClientStore['notify']
  audit: Pick<Audit, 'recordAll'>
  clock: Clock
}

type ApiRow = ManagedApi & { id: string }
type EntryRow = ApiClientRow & { id: string }

export function createApiImport({ store, notify, audit, clock }: ApiImportDeps) {
  return async (tx: Tx, actor: Actor, records: readonly ApiRecord[]): Promise<Outcome[]> => {
    const now = clock.now()
    const found = await store.findAny(
      tx,
      records.map(({ identifier }) => identifier),
    )
    const there = new Map(found.map((api) => [api.identifier, api]))
    const plans = records.map((record) => planFor(rowOf(record, now), there.get(record.identifier)))
    const rows = rowsOf(plans).map(({ id: _, ...api }) => api)
    const inserted = await store.insertAll(tx, rows)
    if (inserted.size === 0) return outcomesOf(plans, inserted)
    await audit.recordAll(
      tx,
      rows
        .filter(({ identifier }) => inserted.has(identifier))
        .map(({ identifier: api, scopes }) => ({ type: 'api.saved', actor, details: { api, scopes } })),
    )
    // An API may be new to every client
    await notify(tx, '*')
    return outcomesOf(plans, inserted)
  }
}

function rowOf(record: ApiRecord, now: Date): ApiRow {
  const { identifier, name, scopes, created_at: createdAt = now, updated_at: updatedAt = createdAt } = record
  return {
    id: identifier,
    identifier,
    name,
    scopes,
    openToAll: record.open_to_all,
    wantsPermissions: record.wants_permissions,
    detailTypes: record.authorization_details_types,
    createdAt,
    updatedAt,
  }
}

const compared = {
  name: 'name',
  scopes: 'scopes',
  openToAll: 'open_to_all',
  wantsPermissions: 'wants_permissions',
  detailTypes: 'authorization_details_types',
} as const satisfies Partial<Record<keyof ManagedApi, keyof ApiRecord>>

/** When it was made or changed is nothing that a line is held to. */
function planFor(row: ApiRow, same: ManagedApi | undefined): Plan<ApiRow> {
  if (!same) return { row }
  const differing = Object.entries(compared).filter(
    ([member]) => !isDeepStrictEqual(Reflect.get(row, member), Reflect.get(same, member)),
  )
  return standsOrDiffers(
    'an API with this identifier',
    differing.map(([, name]) => name),
  )
}

const idOf = ({ identifier, clientId }: ApiClientPlace): string => `${identifier} ${clientId}`

export function createApiClientImport({ store, clients, notify, audit }: ApiImportDeps) {
  return async (tx: Tx, actor: Actor, records: readonly ApiClientRecord[]): Promise<Outcome[]> => {
    const wanted = records.map(
      ({ api: identifier, client: clientId, scopes, serves }): EntryRow => ({
        id: idOf({ identifier, clientId }),
        identifier,
        clientId,
        scopes,
        serves,
      }),
    )
    const apis = await store.findAny(
      tx,
      wanted.map(({ identifier }) => identifier),
    )
    const askers = await clients.findAny(
      tx,
      wanted.map(({ clientId }) => clientId),
    )
    const around = {
      apis: new Set(apis.map(({ identifier }) => identifier)),
      clients: new Set(askers.map(({ id }) => id)),
      entries: new Map((await store.findClients(tx, wanted)).map((entry) => [idOf(entry), entry])),
    }
    const plans = wanted.map((row) => entryFor(row, around))
    const rows = rowsOf(plans).map(({ id: _, ...entry }) => entry)
    const inserted = new Set((await store.insertClients(tx, rows)).map(idOf))
    if (inserted.size === 0) return outcomesOf(plans, inserted)
    await audit.recordAll(
      tx,
      rows
        .filter((row) => inserted.has(idOf(row)))
        .map(({ clientId, identifier: api, scopes, serves }) => ({
          type: 'api.client_allowed',
          actor,
          clientId,
          details: { api, scopes, serves },
        })),
    )
    await notify(tx, '*')
    return outcomesOf(plans, inserted)
  }
}

type Around = {
  apis: ReadonlySet<string>
  clients: ReadonlySet<string>
  entries: ReadonlyMap<string, ApiClientRow>
}

function entryFor(row: EntryRow, { apis, clients, entries }: Around): Plan<EntryRow> {
  if (row.clientId === firstPartyClient) return refused('/client: is one of Foyer’s own')
  if (!apis.has(row.identifier)) return refused('/api: there is no such API')
  if (!clients.has(row.clientId)) return refused('/client: there is no such client')
  const same = entries.get(row.id)
  if (!same) return { row }
  const differing = (['scopes', 'serves'] as const).filter(
    (member) => !isDeepStrictEqual(row[member], same[member]),
  )
  return standsOrDiffers('an entry for this client', differing)
}
