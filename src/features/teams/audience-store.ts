// Owns the reads by which somebody is told that a role or team they name is not there.
import type { Db } from '../../platform/postgres.ts'

export type AudienceStore = ReturnType<typeof createAudienceStore>

export function createAudienceStore(db: Pick<Db, 'prisma'>) {
  async function knownTeams(ids: readonly string[]): Promise<string[]> {
    if (ids.length === 0) return []
    const rows = await db.prisma.team.findMany({ where: { id: { in: [...ids] } }, select: { id: true } })
    return rows.map(({ id }) => id)
  }

  async function knownRoles(names: readonly string[]): Promise<string[]> {
    if (names.length === 0) return []
    const where = { home: 'instance', name: { in: [...names] } }
    const rows = await db.prisma.role.findMany({ where, select: { name: true } })
    return rows.map(({ name }) => name)
  }

  return { knownTeams, knownRoles }
}
