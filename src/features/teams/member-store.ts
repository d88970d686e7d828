// Owns the rows of who belongs to a team. Whoever changes them holds the lock on the team's row (store.ts).
import { Prisma } from '../../generated/prisma/client.ts'
import { dateOf } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { beforeAll, type Looked, look, type TeamPage } from './look-store.ts'
import type { Member, Membership } from './schema.ts'

export type NewMember = { teamId: string; accountId: string; role: string; joinedAt: Date }
export type Key = { teamId: string; accountId: string }

type ListedMember = Omit<Member, 'joinedAt'> & { joinedAt: string }

export type MemberStore = ReturnType<typeof createMemberStore>

export function createMemberStore(db: Pick<Db, 'prisma'>) {
  /** Until the transaction ends the account stays active: whoever disables or deletes it waits. */
  async function holdActive(tx: Tx, accountId: string): Promise<boolean> {
    const rows = await tx.$queryRaw<unknown[]>`
      SELECT 1 FROM accounts WHERE id = ${accountId}::uuid AND status = 'active' FOR SHARE`
    return rows.length === 1
  }

  async function insert(tx: Tx, member: NewMember): Promise<void> {
    await tx.teamMember.create({ data: member })
  }

  async function findRole(tx: Tx, key: Key): Promise<string | undefined> {
    const row = await tx.teamMember.findUnique({ where: { teamId_accountId: key }, select: { role: true } })
    return row?.role
  }

  async function setRole(tx: Tx, key: Key, role: string): Promise<void> {
    await tx.teamMember.update({ where: { teamId_accountId: key }, data: { role }, select: { role: true } })
  }

  /** Gives who they are. */
  async function demoteOwners(tx: Tx, { teamId, except }: { teamId: string; except: string }) {
    const rows = await tx.teamMember.updateManyAndReturn({
      where: { teamId, role: 'owner', accountId: { not: except } },
      data: { role: 'admin' },
    })
    return rows.map(({ accountId }) => accountId)
  }

  async function remove(tx: Tx, key: Key): Promise<void> {
    await tx.teamMember.delete({ where: { teamId_accountId: key }, select: { role: true } })
  }

  /** Of those who can sign in: an owner who cannot looks after nothing. */
  async function hasActiveOwner(tx: Tx, teamId: string): Promise<boolean> {
    const row = await tx.teamMember.findFirst({
      where: { teamId, role: 'owner', account: { status: 'active' } },
      select: { accountId: true },
    })
    return row !== null
  }

  /** A page in the order in which the accounts were made. */
  async function list({ after = beforeAll, take, ...key }: TeamPage): Promise<Looked<Member>> {
    const { rows, ...looked } = await look<ListedMember>(
      db,
      key,
      Prisma.sql`
        SELECT m.account_id AS "accountId", a.profile->>'name' AS name, m.role, m.joined_at AS "joinedAt"
        FROM team_members m JOIN accounts a ON a.id = m.account_id
        WHERE m.team_id = ${key.teamId}::uuid AND m.account_id > ${after}::uuid
        ORDER BY m.account_id LIMIT ${take}::int`,
    )
    return { ...looked, rows: rows.map((row) => ({ ...row, joinedAt: dateOf(row.joinedAt) })) }
  }

  async function membershipsOf(accountId: string): Promise<Membership[]> {
    const rows = await db.prisma.teamMember.findMany({
      where: { accountId },
      include: { team: true },
      orderBy: { team: { slug: 'asc' } },
    })
    return rows.map(({ role, team }) => ({ id: team.id, slug: team.slug, name: team.name, role }))
  }

  return {
    holdActive,
    insert,
    findRole,
    setRole,
    demoteOwners,
    remove,
    hasActiveOwner,
    list,
    membershipsOf,
  }
}
