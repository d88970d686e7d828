// Owns the rows of APIs, and of what clients may ask for there, by the hundred: how an import brings them in and an
// export takes them out.
import type { Db, Tx } from '../../platform/postgres.ts'
import type { ManagedApi } from './apis-store.ts'
import type { ClientApi } from './store.ts'

export type ApiClientPlace = { identifier: string; clientId: string }
export type ApiClientRow = ApiClientPlace & Pick<ClientApi, 'scopes' | 'serves'>

export type ApiBulkStore = ReturnType<typeof createApiBulkStore>

const columns = `identifier, name, scopes, open_to_all AS "openToAll", wants_permissions AS "wantsPermissions",
  detail_types AS "detailTypes", created_at AS "createdAt", updated_at AS "updatedAt"`

export function createApiBulkStore(db: Pick<Db, 'query'>) {
  const findAny = async (tx: Tx, identifiers: readonly string[]): Promise<ManagedApi[]> => {
    const rows = await tx.api.findMany({ where: { identifier: { in: [...identifiers] } } })
    return rows.map((row) => ({ ...row, detailTypes: row.detailTypes as ManagedApi['detailTypes'] }))
  }

  /** Gives the identifiers of those that went in; the others met somebody who was quicker. */
  async function insertAll(tx: Tx, apis: readonly ManagedApi[]): Promise<Set<string>> {
    const rows = await tx.api.createManyAndReturn({
      data: [...apis],
      skipDuplicates: true,
      select: { identifier: true },
    })
    return new Set(rows.map(({ identifier }) => identifier))
  }

  const findClients = (tx: Tx, places: readonly ApiClientPlace[]): Promise<ApiClientRow[]> =>
    tx.apiClient.findMany({
      where: { OR: places.map(({ identifier, clientId }) => ({ identifier, clientId })) },
    })

  const insertClients = (tx: Tx, entries: readonly ApiClientRow[]): Promise<ApiClientPlace[]> =>
    tx.apiClient.createManyAndReturn({
      data: [...entries],
      skipDuplicates: true,
      select: { identifier: true, clientId: true },
    })

  const listAfter = (identifier: string, take: number): Promise<ManagedApi[]> =>
    db.query({
      name: 'apis_export',
      text: `SELECT ${columns} FROM apis WHERE identifier > $1 ORDER BY identifier LIMIT $2::int`,
      values: [identifier, take],
    })

  const listClientsAfter = (
    { identifier, clientId }: ApiClientPlace,
    take: number,
  ): Promise<ApiClientRow[]> =>
    db.query({
      name: 'api_clients_export',
      text: `SELECT identifier, client_id AS "clientId", scopes, serves FROM api_clients
        WHERE (identifier, client_id) > ($1, $2) ORDER BY identifier, client_id LIMIT $3::int`,
      values: [identifier, clientId, take],
    })

  return { findAny, insertAll, findClients, insertClients, listAfter, listClientsAfter }
}
