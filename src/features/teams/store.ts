// Owns the rows of teams and of who belongs to them.
import type { Team as TeamModel } from '../../generated/prisma/client.ts'
import type { Db, Tx } from '../../platform/postgres.ts'

export const roles = ['owner', 'admin', 'member'] as const
export type Role = (typeof roles)[number]

export type Team = { id: string; slug: string; name: string; description: string | null; createdAt: Date }
export type Membership = { id: string; slug: string; name: string; role: string }
export type NewMember = { teamId: string; accountId: string; role: Role; joinedAt: Date }

export type TeamStore = ReturnType<typeof createTeamStore>

export function createTeamStore(db: Pick<Db, 'prisma'>) {
  async function findBySlug(slug: string): Promise<Team | null> {
    const row = await db.prisma.team.findUnique({ where: { slug } })
    return row && present(row)
  }

  async function insert(tx: Tx, team: Team): Promise<Team> {
    return present(await tx.team.create({ data: team }))
  }

  /** Every change of members goes through this row, one after the other. */
  async function lock(tx: Tx, id: string): Promise<Team | null> {
    const [row] = await tx.team.updateManyAndReturn({
      where: { id },
      data: { memberVersion: { increment: 1 } },
    })
    return row ? present(row) : null
  }

  async function insertMember(tx: Tx, member: NewMember): Promise<void> {
    await tx.teamMember.create({ data: member })
  }

  async function membershipsOf(accountId: string): Promise<Membership[]> {
    const rows = await db.prisma.teamMember.findMany({
      where: { accountId },
      include: { team: true },
      orderBy: { team: { slug: 'asc' } },
    })
    return rows.map(({ role, team }) => ({ id: team.id, slug: team.slug, name: team.name, role }))
  }

  return { findBySlug, insert, lock, insertMember, membershipsOf }
}

const present = ({ id, slug, name, description, createdAt }: TeamModel): Team => ({
  id,
  slug,
  name,
  description,
  createdAt,
})
