// Owns the rows of roles that are not built in, and which accounts hold those of the whole installation.
import { Prisma, type Role as RoleModel } from '../../generated/prisma/client.ts'
import { dateOf } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { type Look, type Looked, look as lookFor } from './look-store.ts'
import type { OwnRole, StoredRole } from './schema.ts'

/** Where a role counts: in one team, or in the whole installation. */
export type Home = string | null

export type RoleChange = { permissions?: string[]; description?: string | null; now: Date }
export type Holder = { roles: string[]; ownRoles: Record<string, string[]> | null }

type ListedRow = Omit<StoredRole, 'updatedAt'> & { updatedAt: string }

export type RoleStore = ReturnType<typeof createRoleStore>

const keyOf = (teamId: Home): string => teamId ?? 'instance'

export function createRoleStore(db: Pick<Db, 'prisma'>) {
  async function list(teamId: Home): Promise<StoredRole[]> {
    const rows = await db.prisma.role.findMany({ where: { home: keyOf(teamId) }, orderBy: { name: 'asc' } })
    return rows.map(present)
  }

  /** All there are, as whoever asks for them looks there. */
  async function look(key: Look): Promise<Looked<StoredRole>> {
    const { rows, ...looked } = await lookFor<ListedRow>(
      db,
      key,
      Prisma.sql`
        SELECT o.name, o.description, o.permissions, o.updated_at AS "updatedAt"
        FROM roles o WHERE o.home = ${keyOf(key.teamId)} ORDER BY o.name`,
    )
    return { ...looked, rows: rows.map((row) => ({ ...row, updatedAt: dateOf(row.updatedAt) })) }
  }

  async function find(
    teamId: Home,
    name: string,
    on: Pick<Tx, 'role'> = db.prisma,
  ): Promise<StoredRole | null> {
    const row = await on.role.findUnique({ where: { home_name: { home: keyOf(teamId), name } } })
    return row && present(row)
  }

  const lookForPermissions = (accountId: string | null): Promise<Looked<{ name: string }>> =>
    lookFor(
      db,
      { accountId, teamId: null },
      Prisma.sql`SELECT DISTINCT unnest(permissions) AS name FROM roles ORDER BY 1`,
    )

  async function insert(tx: Tx, teamId: Home, role: OwnRole & { now: Date }): Promise<void> {
    const { now, ...data } = role
    await tx.role.create({
      data: { ...data, home: keyOf(teamId), teamId, createdAt: now, updatedAt: now },
      select: { name: true },
    })
  }

  /** Until the transaction ends it stays, with what it holds. */
  async function hold(tx: Tx, teamId: Home, name: string): Promise<StoredRole | null> {
    await tx.$queryRaw`SELECT 1 FROM roles WHERE home = ${keyOf(teamId)} AND name = ${name} FOR SHARE`
    return find(teamId, name, tx)
  }

  async function lock(tx: Tx, teamId: Home, name: string): Promise<StoredRole | null> {
    await tx.$queryRaw`SELECT 1 FROM roles WHERE home = ${keyOf(teamId)} AND name = ${name} FOR UPDATE`
    return find(teamId, name, tx)
  }

  async function update(tx: Tx, teamId: Home, { name, now, ...data }: RoleChange & { name: string }) {
    const where = { home_name: { home: keyOf(teamId), name } }
    return present(await tx.role.update({ where, data: { ...data, updatedAt: now } }))
  }

  async function remove(tx: Tx, teamId: Home, name: string): Promise<void> {
    const where = { home_name: { home: keyOf(teamId), name } }
    await tx.role.delete({ where, select: { name: true } })
  }

  async function isHeld(tx: Tx, teamId: Home, name: string): Promise<boolean> {
    const held =
      teamId === null
        ? await tx.account.findFirst({ where: { roles: { has: name } }, select: { id: true } })
        : await tx.teamMember.findFirst({ where: { teamId, role: name }, select: { role: true } })
    return held !== null
  }

  /** Of an account that is there, active or not: who is disabled is disarmed all the same. */
  async function lockHolder(tx: Tx, accountId: string): Promise<Holder | undefined> {
    const [row] = await tx.$queryRaw<{ roles: string[] }[]>`
      SELECT roles FROM accounts WHERE id = ${accountId}::uuid FOR NO KEY UPDATE`
    if (!row) return undefined
    const own = await tx.role.findMany({ where: { home: keyOf(null), name: { in: row.roles } } })
    return {
      roles: row.roles,
      ownRoles: Object.fromEntries(own.map((each) => [each.name, each.permissions])),
    }
  }

  async function setRolesOf(tx: Tx, accountId: string, { roles, now }: { roles: string[]; now: Date }) {
    // Later than the change before it, so that each has a version of its own
    await tx.$executeRaw`UPDATE accounts SET roles = ${roles}::text[],
        updated_at = greatest(${now}::timestamptz, updated_at + interval '1 millisecond')
      WHERE id = ${accountId}::uuid`
  }

  return {
    list,
    look,
    find,
    lookForPermissions,
    insert,
    hold,
    lock,
    update,
    remove,
    isHeld,
    lockHolder,
    setRolesOf,
  }
}

const present = ({ name, description, permissions, updatedAt }: RoleModel): StoredRole => ({
  name,
  description,
  permissions,
  updatedAt,
})
