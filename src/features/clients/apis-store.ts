// Owns reading APIs as they are managed. What a client may ask of one, as the protocol reads it, is store.ts.
import type { Db } from '../../platform/postgres.ts'
import type { Api } from './store.ts'

export type ManagedApi = Api & { createdAt: Date }
export type ApisStore = ReturnType<typeof createApisStore>

const columns = 'identifier, name, scopes, open_to_all AS "openToAll", created_at AS "createdAt"'

export function createApisStore(db: Pick<Db, 'query'>) {
  const list = ({ after, limit }: { after?: string | undefined; limit: number }): Promise<ManagedApi[]> =>
    db.query<ManagedApi>({
      name: 'apis_list',
      text: `SELECT ${columns} FROM apis WHERE identifier > $1 ORDER BY identifier LIMIT $2::int`,
      values: [after ?? '', limit],
    })

  async function find(identifier: string): Promise<ManagedApi | null> {
    const [row] = await db.query<ManagedApi>({
      name: 'apis_find',
      text: `SELECT ${columns} FROM apis WHERE identifier = $1`,
      values: [identifier],
    })
    return row ?? null
  }

  return { list, find }
}
