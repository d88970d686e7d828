// Owns the rows of teams. Who belongs to them is member-store.ts.
import type { Team as TeamModel } from '../../generated/prisma/client.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Team } from './schema.ts'

/** What is absent stays. */
export type TeamChange = { slug?: string; name?: string; description?: string | null; updatedAt: Date }

export type FindTeams = {
  /** The beginning of a slug, or part of a name. */
  search?: string
  /** Only teams of this account. */
  memberId?: string
  after?: string
  take: number
}

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

  /** A page in the order they were made, which is the order of their ids. */
  async function list({ search, memberId, after, take }: FindTeams): Promise<Team[]> {
    const rows = await db.prisma.team.findMany({
      where: {
        ...(after !== undefined && { id: { gt: after } }),
        ...(memberId !== undefined && { members: { some: { accountId: memberId } } }),
        ...(search !== undefined && { OR: matching(search) }),
      },
      orderBy: { id: 'asc' },
      take,
    })
    return rows.map(present)
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

function matching(search: string) {
  // Prisma hands these on to LIKE as they are
  const plain = search.replace(/[\\%_]/g, '\\$&')
  return [
    { slug: { startsWith: plain.toLowerCase() } },
    { name: { contains: plain, mode: 'insensitive' as const } },
  ]
}

const present = ({ id, slug, name, description, createdAt, updatedAt }: TeamModel): Team => ({
  id,
  slug,
  name,
  description,
  createdAt,
  updatedAt,
})
