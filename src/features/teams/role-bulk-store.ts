// Owns the rows of roles that are not built in by the hundred: how an import brings them in, how an export takes them
// out. Their home is the installation, or the team with this id.
import type { Db, Tx } from '../../platform/postgres.ts'

export type RolePlace = { home: string; name: string }
export type RoleRow = RolePlace & {
  teamId: string | null
  description: string | null
  permissions: string[]
  createdAt: Date
  updatedAt: Date
}
export type ExportedRole = RoleRow & { slug: string | null }

export const instanceHome = 'instance'

export type RoleBulkStore = ReturnType<typeof createRoleBulkStore>

export function createRoleBulkStore(db: Pick<Db, 'query'>) {
  const findAny = (tx: Tx, places: readonly RolePlace[]): Promise<RoleRow[]> =>
    tx.role.findMany({ where: { OR: places.map(({ home, name }) => ({ home, name })) } })

  /** Gives those that went in; the others met somebody who was quicker. */
  const insertAll = (tx: Tx, roles: readonly RoleRow[]): Promise<RolePlace[]> =>
    tx.role.createManyAndReturn({
      data: [...roles],
      skipDuplicates: true,
      select: { home: true, name: true },
    })

  const listAfter = ({ home, name }: RolePlace, take: number): Promise<ExportedRole[]> =>
    db.query({
      name: 'roles_export',
      text: `SELECT r.home, r.name, r.team_id AS "teamId", t.slug, r.description, r.permissions,
          r.created_at AS "createdAt", r.updated_at AS "updatedAt"
        FROM roles r LEFT JOIN teams t ON t.id = r.team_id
        WHERE (r.home, r.name) > ($1, $2) ORDER BY r.home, r.name LIMIT $3::int`,
      values: [home, name, take],
    })

  return { findAny, insertAll, listAfter }
}
