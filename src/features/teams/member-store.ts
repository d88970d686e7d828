// Owns the rows of who belongs to a team. Whoever changes them holds the lock on the team's row (store.ts).
import { Prisma } from '../../generated/prisma/client.ts'
import { dateOf } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Member, Membership } from './schema.ts'

export type NewMember = { teamId: string; accountId: string; role: string; joinedAt: Date }
export type Key = { teamId: string; accountId: string }

/** What a person is: the roles of their account, and the one in the team at hand, with what the own ones hold. */
export type Facts = {
  roles: string[]
  ownRoles: Record<string, string[]> | null
  role: string | null
  ownPermissions: string[] | null
}

type FactsKey = { accountId: string | null; teamId: string | null }

/** Of a team, as somebody asks for it: without an account it is no person. */
type ListOf = { teamId: string; accountId: string | null; after?: string; take: number }
type Listed = { facts: Facts | undefined; members: Member[] }
type ListedRow = {
  facts: Facts | null
  members: (Omit<Member, 'joinedAt'> & { joinedAt: string })[] | null
}

const factsSql = ({ accountId, teamId }: FactsKey) => Prisma.sql`
  SELECT a.roles, m.role, r.permissions AS "ownPermissions",
    (SELECT jsonb_object_agg(o.name, o.permissions) FROM roles o
      WHERE o.home = 'instance' AND o.name = ANY (a.roles)) AS "ownRoles"
  FROM accounts a
  LEFT JOIN team_members m ON m.account_id = a.id AND m.team_id = ${teamId}::uuid
  LEFT JOIN roles r ON r.home = m.team_id::text AND r.name = m.role
  WHERE a.id = ${accountId}::uuid AND a.status = 'active'`

/** Less than every id: the first page is read by the same range of the index as all the others. */
const beforeAll = '00000000-0000-0000-0000-000000000000'

export type MemberStore = ReturnType<typeof createMemberStore>

export function createMemberStore(db: Pick<Db, 'prisma'>) {
  /** Nothing for somebody who is gone or not active. */
  async function findFacts(key: FactsKey, on: Pick<Tx, '$queryRaw'> = db.prisma): Promise<Facts | undefined> {
    const [row] = await on.$queryRaw<Facts[]>(factsSql(key))
    return row
  }

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

  /**
   * A page in the order in which the accounts were made, and what whoever asks is there, in one statement. Nothing
   * when there is no such team.
   */
  async function list({ teamId, accountId, after = beforeAll, take }: ListOf): Promise<Listed | undefined> {
    const [row] = await db.prisma.$queryRaw<ListedRow[]>`
      SELECT (SELECT to_jsonb(facts) FROM (${factsSql({ teamId, accountId })}) AS facts) AS facts,
        (SELECT jsonb_agg(page) FROM (
          SELECT m.account_id AS "accountId", a.profile->>'name' AS name, m.role, m.joined_at AS "joinedAt"
          FROM team_members m JOIN accounts a ON a.id = m.account_id
          WHERE m.team_id = ${teamId}::uuid AND m.account_id > ${after}::uuid
          ORDER BY m.account_id LIMIT ${take}::int) AS page) AS members
      FROM teams WHERE id = ${teamId}::uuid`
    if (!row) return undefined
    const members = (row.members ?? []).map((member) => ({ ...member, joinedAt: dateOf(member.joinedAt) }))
    return { facts: row.facts ?? undefined, members }
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
    findFacts,
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
