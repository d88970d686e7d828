// Owns the SQL about APIs as they are managed: read, locked, removed. How they are written, and what a client may ask of
// one, as the protocol reads it, is store.ts.
import type { Db, Tx } from '../../platform/postgres.ts'
import type { KnownDetailType } from './authorization-details.ts'
import type { SavedApi } from './store.ts'

export type ManagedApi = Required<SavedApi> & { createdAt: Date; updatedAt: Date }
export type ApisStore = ReturnType<typeof createApisStore>

const columns = `identifier, name, scopes, open_to_all AS "openToAll", wants_permissions AS "wantsPermissions",
  detail_types AS "detailTypes", created_at AS "createdAt", updated_at AS "updatedAt"`

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

  /** Those of every API; of two that register the same one, the older counts. */
  const listDetailTypes = (): Promise<KnownDetailType[]> =>
    db
      .query<{ known: KnownDetailType }>({
        name: 'apis_detail_types',
        text: `SELECT t || jsonb_build_object('api', a.identifier, 'apiName', a.name) AS known
          FROM apis a CROSS JOIN LATERAL jsonb_array_elements(a.detail_types) AS t
          ORDER BY a.created_at DESC, a.identifier DESC`,
        values: [],
      })
      .then((rows) => [...new Map(rows.map(({ known }) => [known.type, known])).values()])

  /** Changes of one API wait for each other here; one that is not there yet has no version. */
  async function lockVersion(tx: Tx, identifier: string): Promise<Date | undefined> {
    const [row] = await tx.$queryRaw<{ updatedAt: Date }[]>`
      SELECT updated_at AS "updatedAt" FROM apis WHERE identifier = ${identifier} FOR UPDATE`
    return row?.updatedAt
  }

  /** Whom tokens for it would be made for without being asked: clients whose own API it is. */
  async function isDefault(tx: Tx, identifier: string): Promise<boolean> {
    const client = await tx.client.findFirst({
      where: { defaultResource: identifier },
      select: { id: true },
    })
    return client !== null
  }

  /** What clients may ask for there goes with it. */
  async function remove(tx: Tx, identifier: string): Promise<void> {
    await tx.api.delete({ where: { identifier }, select: { identifier: true } })
  }

  async function disallow(tx: Tx, { identifier, clientId }: { identifier: string; clientId: string }) {
    return (await tx.apiClient.deleteMany({ where: { identifier, clientId } })).count === 1
  }

  return { list, find, listDetailTypes, lockVersion, isDefault, remove, disallow }
}
