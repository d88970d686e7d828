// Owns the rows of teams. Who belongs to them is member-store.ts.
import { Prisma, type Team as TeamModel } from '../../generated/prisma/client.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { beforeAll, look, type TeamInJson, teamColumns, teamOf } from './look-store.ts'
import type { Team } from './schema.ts'

/** What is absent stays. */
export type TeamChange = { slug?: string; name?: string; description?: string | null; updatedAt: Date }

export type FindTeams = {
  accountId: string | null
  /** The beginning of a slug, or part of a name. */
  search?: string
  after?: string
  take: number
}

type ListedTeam = TeamInJson & { own: boolean }

export type TeamStore = ReturnType<typeof createTeamStore>

export function createTeamStore(db: Pick<Db, 'prisma'>) {
  async function findBySlug(slug: string): Promise<Team | null> {
    const row = await db.prisma.team.findUnique({ where: { slug } })
    return row && present(row)
  }

  async function findById(id: string): Promise<Team | null> {
    const row = await db.prisma.team.findUnique({ where: { id } })
    return row && present(row)
  }

  /**
   * A page of all teams and one of the account's own, each in the order they were made, which is the order of their
   * ids: only what is read along with them tells which of both its person may see.
   */
  async function list({ accountId, search, after = beforeAll, take }: FindTeams) {
    const page = Prisma.sql`t.id > ${after}::uuid ${matching(search)} ORDER BY t.id LIMIT ${take}::int`
    const { facts, rows } = await look<ListedTeam>(
      db,
      { accountId, teamId: null },
      Prisma.sql`
        SELECT * FROM (
          (SELECT false AS own, ${teamColumns} FROM teams t WHERE ${page})
          UNION ALL
          (SELECT true, ${teamColumns} FROM team_members m JOIN teams t ON t.id = m.team_id
            WHERE m.account_id = ${accountId}::uuid AND ${page})) AS listed
        ORDER BY own, id`,
    )
    const listed = (isOwn: boolean): Team[] =>
      rows.flatMap(({ own, ...team }) => (own === isOwn ? [teamOf(team)] : []))
    return { facts, all: listed(false), own: listed(true) }
  }

  async function insert(tx: Tx, team: Team): Promise<Team> {
    return present(await tx.team.create({ data: team }))
  }

  async function update(tx: Tx, id: string, data: TeamChange): Promise<Team> {
    return present(await tx.team.update({ where: { id }, data }))
  }

  /** Everything that belongs to it goes with it. */
  async function remove(tx: Tx, id: string): Promise<void> {
    await tx.team.delete({ where: { id }, select: { id: true } })
  }

  /** Every change of members goes through this row, one after the other. */
  async function lock(tx: Tx, id: string): Promise<Team | null> {
    const [row] = await tx.team.updateManyAndReturn({
      where: { id },
      data: { memberVersion: { increment: 1 } },
    })
    return row ? present(row) : null
  }

  return { findBySlug, findById, list, insert, update, remove, lock }
}

function matching(search: string | undefined): Prisma.Sql {
  if (search === undefined) return Prisma.empty
  const plain = search.replace(/[\\%_]/g, '\\$&')
  return Prisma.sql`AND (t.slug LIKE ${`${plain.toLowerCase()}%`} OR t.name ILIKE ${`%${plain}%`})`
}

const present = ({ id, slug, name, description, createdAt, updatedAt }: TeamModel): Team => ({
  id,
  slug,
  name,
  description,
  createdAt,
  updatedAt,
})
