// Owns the rows of join codes. However many use one at the same moment, no more get in than it says.
import type { TeamJoinCode as JoinCodeModel } from '../../generated/prisma/client.ts'
import type { Actor } from '../../kernel/events.ts'
import type { Db, Tx } from '../../platform/postgres.ts'

export type StoredJoinCode = {
  id: string
  teamId: string
  sealed: Uint8Array
  role: string
  uses: number
  maxUses: number
  creator: Actor
  creatorEpoch: number | null
  createdAt: Date
  expiresAt: Date
  revokedAt: Date | null
}

export type NewJoinCode = Omit<StoredJoinCode, 'uses' | 'revokedAt'> & { codeHmac: Buffer }

export type JoinCodeStore = ReturnType<typeof createJoinCodeStore>

export function createJoinCodeStore(db: Pick<Db, 'prisma' | 'query'>) {
  async function list({ teamId, after, take }: { teamId: string; after?: string; take: number }) {
    const rows = await db.prisma.teamJoinCode.findMany({
      where: { teamId, ...(after !== undefined && { id: { gt: after } }) },
      orderBy: { id: 'asc' },
      take,
    })
    return rows.map(present)
  }

  async function insert(tx: Tx, { codeHmac, sealed, ...code }: NewJoinCode): Promise<void> {
    const data = { ...code, codeHmac: new Uint8Array(codeHmac), sealed: new Uint8Array(sealed) }
    await tx.teamJoinCode.create({ data, select: { id: true } })
  }

  /** With its team, and whether somebody belongs to that. */
  async function findFor(codeHmac: Buffer, accountId: string) {
    const row = await db.prisma.teamJoinCode.findUnique({
      where: { codeHmac: new Uint8Array(codeHmac) },
      include: {
        team: { select: { name: true, members: { where: { accountId }, select: { role: true } } } },
      },
    })
    if (!row) return null
    const { team, ...code } = row
    return { ...present(code), team: team.name, isMember: team.members.length > 0 }
  }

  async function findTeam(codeHmac: Buffer): Promise<string | null> {
    const where = { codeHmac: new Uint8Array(codeHmac) }
    const row = await db.prisma.teamJoinCode.findUnique({ where, select: { teamId: true } })
    return row?.teamId ?? null
  }

  /** The one conditional update that uses it once: within its time, its number, and until it is revoked. */
  async function use(tx: Tx, { codeHmac, now }: { codeHmac: Buffer; now: Date }) {
    const [row] = await tx.$queryRaw<{ id: string }[]>`UPDATE team_join_codes SET uses = uses + 1
      WHERE code_hmac = ${new Uint8Array(codeHmac)} AND uses < max_uses
        AND expires_at > ${now}::timestamptz AND revoked_at IS NULL
      RETURNING id`
    return row ? present(await tx.teamJoinCode.findUniqueOrThrow({ where: { id: row.id } })) : null
  }

  /** Tells whether there was one of this team to revoke. */
  async function revoke(tx: Tx, { id, teamId, now }: { id: string; teamId: string; now: Date }) {
    const { count } = await tx.teamJoinCode.updateMany({
      where: { id, teamId, revokedAt: null },
      data: { revokedAt: now },
    })
    return count === 1
  }

  async function sweep(expiredBy: Date): Promise<number> {
    const rows = await db.query({
      name: 'sweep_join_codes',
      text: `DELETE FROM team_join_codes WHERE expires_at <= $1::timestamptz RETURNING id`,
      values: [expiredBy],
    })
    return rows.length
  }

  return { list, insert, findFor, findTeam, use, revoke, sweep }
}

const present = ({ codeHmac: _, creator, ...row }: JoinCodeModel): StoredJoinCode => ({
  ...row,
  creator: creator as Actor,
})
