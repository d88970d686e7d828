// Owns the rows of invitations. Of any number who accept one at the same moment a single one gets it.
import { type TeamInvitation as InvitationModel, Prisma } from '../../generated/prisma/client.ts'
import type { Actor } from '../../kernel/events.ts'
import type { SecretHash } from '../../kernel/secrets.ts'
import { dateOf } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { beforeAll, type Looked, look, type TeamPage } from './look-store.ts'

export type InvitationState = 'pending' | 'accepted' | 'revoked' | 'void'

export type StoredInvitation = {
  id: string
  teamId: string
  email: string
  emailCanonical: string
  role: string
  inviter: Actor
  inviterEpoch: number | null
  state: InvitationState
  createdAt: Date
  expiresAt: Date
}

/** As far as a list shows it. */
export type Invited = Pick<StoredInvitation, 'id' | 'email' | 'role' | 'state' | 'createdAt' | 'expiresAt'>
type ListedInvitation = Omit<Invited, 'state' | 'createdAt' | 'expiresAt'> &
  Record<'state' | 'createdAt' | 'expiresAt', string>

export type NewInvitation = StoredInvitation & { tokenHash: SecretHash }

/** What a mail to somebody needs to know of them and of whoever wrote it. */
export type Correspondents = {
  locale: string | null
  inviterLocale: string | null
  inviterEpoch: number | null
}

/** Who accepts what, and when. */
export type Acceptance = { tokenHash: SecretHash; teamId: string; accountId: string; now: Date }

export type InvitationStore = ReturnType<typeof createInvitationStore>

export function createInvitationStore(db: Pick<Db, 'prisma' | 'query'>) {
  async function list({ after = beforeAll, take, ...key }: TeamPage): Promise<Looked<Invited>> {
    const { rows, ...looked } = await look<ListedInvitation>(
      db,
      key,
      Prisma.sql`
        SELECT i.id, i.email, i.role, i.state, i.created_at AS "createdAt", i.expires_at AS "expiresAt"
        FROM team_invitations i WHERE i.team_id = ${key.teamId}::uuid AND i.id > ${after}::uuid
        ORDER BY i.id LIMIT ${take}::int`,
    )
    return { ...looked, rows: rows.map(invitedOf) }
  }

  async function insert(tx: Tx, { tokenHash, ...invitation }: NewInvitation): Promise<void> {
    const data = { ...invitation, tokenHash: new Uint8Array(tokenHash) }
    await tx.teamInvitation.create({ data, select: { id: true } })
  }

  /** Only of this team. */
  async function find(tx: Tx, { id, teamId }: { id: string; teamId: string }) {
    const row = await tx.teamInvitation.findFirst({ where: { id, teamId } })
    return row && present(row)
  }

  async function findPending(tx: Tx, { teamId, emailCanonical }: { teamId: string; emailCanonical: string }) {
    const row = await tx.teamInvitation.findFirst({ where: { teamId, emailCanonical, state: 'pending' } })
    return row && present(row)
  }

  /** By the token of a mail, whatever has become of it. */
  async function findByToken(tokenHash: SecretHash): Promise<StoredInvitation | null> {
    const where = { tokenHash: new Uint8Array(tokenHash) }
    const row = await db.prisma.teamInvitation.findUnique({ where })
    return row && present(row)
  }

  /** A new mail with a new token; the one before is worth nothing from here on. */
  async function renew(
    tx: Tx,
    id: string,
    { tokenHash, ...data }: Pick<NewInvitation, 'tokenHash' | 'inviter' | 'inviterEpoch' | 'expiresAt'>,
  ): Promise<void> {
    await tx.teamInvitation.update({
      where: { id },
      data: { ...data, tokenHash: new Uint8Array(tokenHash) },
      select: { id: true },
    })
  }

  async function close(tx: Tx, id: string, state: Exclude<InvitationState, 'pending'>): Promise<void> {
    await tx.teamInvitation.update({ where: { id }, data: { state }, select: { id: true } })
  }

  /** The one conditional update that spends an invitation: for the person whose proved address it was sent to. */
  async function accept(tx: Tx, { tokenHash, teamId, accountId, now }: Acceptance) {
    const [row] = await tx.$queryRaw<{ id: string }[]>`UPDATE team_invitations i SET state = 'accepted'
      FROM accounts a
      WHERE i.token_hash = ${new Uint8Array(tokenHash)} AND i.team_id = ${teamId}::uuid
        AND i.state = 'pending' AND i.expires_at > ${now}::timestamptz
        AND a.id = ${accountId}::uuid AND a.status = 'active'
        AND a.email_verified_at IS NOT NULL AND a.email_canonical = i.email_canonical
      RETURNING i.id`
    return row ? find(tx, { id: row.id, teamId }) : null
  }

  /** The same statement for an address that nobody has. */
  async function findCorrespondents(
    tx: Tx,
    { emailCanonical, inviterId }: { emailCanonical: string; inviterId: string | null },
  ): Promise<Correspondents> {
    const [row] = await tx.$queryRaw<Correspondents[]>`SELECT
      (SELECT locale FROM accounts WHERE email_canonical = ${emailCanonical}) AS locale,
      (SELECT locale FROM accounts WHERE id = ${inviterId}::uuid) AS "inviterLocale",
      (SELECT security_epoch FROM accounts WHERE id = ${inviterId}::uuid) AS "inviterEpoch"`
    return row ?? { locale: null, inviterLocale: null, inviterEpoch: null }
  }

  /** Addresses of people who never came are kept no longer than it takes to see that they did not. */
  async function sweep(expiredBy: Date): Promise<number> {
    const rows = await db.query({
      name: 'sweep_invitations',
      text: `DELETE FROM team_invitations WHERE expires_at <= $1::timestamptz RETURNING id`,
      values: [expiredBy],
    })
    return rows.length
  }

  return {
    list,
    insert,
    find,
    findPending,
    findByToken,
    renew,
    close,
    accept,
    findCorrespondents,
    sweep,
  }
}

const present = ({ tokenHash: _, inviter, state, ...row }: InvitationModel): StoredInvitation => ({
  ...row,
  inviter: inviter as Actor,
  state: stateOf(state),
})

const invitedOf = ({ state, createdAt, expiresAt, ...row }: ListedInvitation): Invited => ({
  ...row,
  state: stateOf(state),
  createdAt: dateOf(createdAt),
  expiresAt: dateOf(expiresAt),
})

const stateOf = (text: string): InvitationState =>
  text === 'pending' || text === 'accepted' || text === 'revoked' ? text : 'void'
