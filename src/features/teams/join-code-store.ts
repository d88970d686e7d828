// Owns the rows of join codes. However many use one at the same moment, no more get in than it says.
import { type TeamJoinCode as JoinCodeModel, Prisma } from '../../generated/prisma/client.ts'
import type { Actor } from '../../kernel/events.ts'
import { dateOf } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { beforeAll, type Looked, look, type TeamPage } from './look-store.ts'

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

/** As far as a list shows it. */
export type ShownJoinCode = Omit<StoredJoinCode, 'teamId' | 'creator' | 'creatorEpoch'>
type ListedJoinCode = Pick<ShownJoinCode, 'id' | 'role' | 'uses' | 'maxUses'> &
  Record<'sealed' | 'createdAt' | 'expiresAt', string> & { revokedAt: string | null }

export type NewJoinCode = Omit<StoredJoinCode, 'uses' | 'revokedAt'> & { codeHmac: Buffer }

export type JoinCodeStore = ReturnType<typeof createJoinCodeStore>

export function createJoinCodeStore(db: Pick<Db, 'prisma' | 'query'>) {
  async function list({ after = beforeAll, take, ...key }: TeamPage): Promise<Looked<ShownJoinCode>> {
    const { rows, ...looked } = await look<ListedJoinCode>(
      db,
      key,
      Prisma.sql`
        SELECT c.id, encode(c.sealed, 'base64') AS sealed, c.role, c.uses, c.max_uses AS "maxUses",
          c.created_at AS "createdAt", c.expires_at AS "expiresAt", c.revoked_at AS "revokedAt"
        FROM team_join_codes c WHERE c.team_id = ${key.teamId}::uuid AND c.id > ${after}::uuid
        ORDER BY c.id LIMIT ${take}::int`,
    )
    return { ...looked, rows: rows.map(shownOf) }
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

const shownOf = ({ sealed, createdAt, expiresAt, revokedAt, ...row }: ListedJoinCode): ShownJoinCode => ({
  ...row,
  sealed: Buffer.from(sealed, 'base64'),
  createdAt: dateOf(createdAt),
  expiresAt: dateOf(expiresAt),
  revokedAt: revokedAt === null ? null : dateOf(revokedAt),
})

const present = ({ codeHmac: _, creator, ...row }: JoinCodeModel): StoredJoinCode => ({
  ...row,
  creator: creator as Actor,
})
