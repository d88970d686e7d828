// Owns the rows of recovery links, and the one statement that gives an account its new password by them.
// The codes of the same mails are features/challenges.
import type { Db, Tx } from '../../platform/postgres.ts'
import { withoutStrangersWords } from './registration-store.ts'

/** Whom an address belongs to, as far as recovery needs to know. */
export type Recoverable = {
  id: string
  email: string
  emailCanonical: string
  username: string | null
  name: string | null
  locale: string | null
  securityEpoch: number
}

export type NewRecoveryLink = {
  id: string
  tokenHash: Buffer
  accountId: string
  now: Date
  expiresAt: Date
}

export type FoundLink = Recoverable & { expiresAt: Date; consumedAt: Date | null; live: boolean }

export type RecoveryStore = ReturnType<typeof createRecoveryStore>

const nobody = '00000000-0000-0000-0000-000000000000'

const columns = `a.id, a.email, a.email_canonical AS "emailCanonical", a.username, a.profile->>'name' AS name,
  a.locale, a.security_epoch AS "securityEpoch"`

export function createRecoveryStore(db: Pick<Db, 'query'>) {
  /** Locks the account, so that requests at the same moment count each other's links. */
  async function findByEmail(tx: Tx, emailCanonical: string): Promise<Recoverable | null> {
    const rows = await tx.$queryRawUnsafe<Recoverable[]>(
      `SELECT ${columns} FROM accounts a
        WHERE a.email_canonical = $1 AND a.status = 'active' AND NOT a.system FOR NO KEY UPDATE`,
      emailCanonical,
    )
    return rows[0] ?? null
  }

  /** The same statement for an address that nobody has; it then writes nothing. At most `alive` links stay alive. */
  async function insertLink(
    tx: Tx,
    link: Omit<NewRecoveryLink, 'accountId'> & { accountId: string | null },
    alive: number,
  ): Promise<void> {
    await tx.$executeRawUnsafe(
      `WITH newest AS (
          SELECT id FROM recovery_links
          WHERE account_id = $1::uuid AND consumed_at IS NULL AND expires_at > $2::timestamptz
          ORDER BY created_at DESC, id DESC LIMIT $6::int
        ), ended AS (
          UPDATE recovery_links SET expires_at = $2::timestamptz
          WHERE account_id = $1::uuid AND consumed_at IS NULL AND expires_at > $2::timestamptz
            AND id NOT IN (SELECT id FROM newest)
        )
        INSERT INTO recovery_links (id, token_hash, account_id, email_canonical, security_epoch, created_at, expires_at)
        SELECT $3::uuid, $4::bytea, a.id, a.email_canonical, a.security_epoch, $2::timestamptz, $5::timestamptz
        FROM accounts a WHERE a.id = $1::uuid`,
      link.accountId ?? nobody,
      link.now,
      link.id,
      new Uint8Array(link.tokenHash),
      link.expiresAt,
      alive - 1,
    )
  }

  /** Looks without spending: previews of mail open links too. */
  async function findLink(tokenHash: Buffer, now: Date): Promise<FoundLink | null> {
    const rows = await db.query<FoundLink>({
      name: 'recovery_find_link',
      text: `SELECT ${columns}, l.expires_at AS "expiresAt", l.consumed_at AS "consumedAt",
          l.consumed_at IS NULL AND l.expires_at > $2::timestamptz AND a.status = 'active'
            AND a.security_epoch = l.security_epoch AND a.email_canonical = l.email_canonical AS live
        FROM recovery_links l JOIN accounts a ON a.id = l.account_id WHERE l.token_hash = $1::bytea`,
      values: [tokenHash, now],
    })
    return rows[0] ?? null
  }

  /** The one conditional update that spends a link: of any number at once exactly one gets the row. */
  async function spendLink(tx: Tx, tokenHash: Buffer, now: Date): Promise<{ accountId: string } | null> {
    const rows = await tx.$queryRawUnsafe<{ accountId: string }[]>(
      `UPDATE recovery_links l SET consumed_at = $2::timestamptz FROM accounts a
        WHERE l.token_hash = $1::bytea AND l.consumed_at IS NULL AND l.expires_at > $2::timestamptz
          AND a.id = l.account_id AND a.status = 'active'
          AND a.security_epoch = l.security_epoch AND a.email_canonical = l.email_canonical
        RETURNING l.account_id AS "accountId"`,
      new Uint8Array(tokenHash),
      now,
    )
    return rows[0] ?? null
  }

  /**
   * Only of the account as it was when the proof was read: two proofs used at once change it once, since the epoch
   * that both were made for is over with the first. With it every other link and code of the account is dead, and no
   * device is known any more: somebody else may have signed in on it.
   */
  async function resetPassword(
    tx: Tx,
    { id, securityEpoch }: Pick<Recoverable, 'id' | 'securityEpoch'>,
    { passwordHash, now }: { passwordHash: string; now: Date },
  ): Promise<boolean> {
    const changed = await tx.$executeRawUnsafe(
      `UPDATE accounts SET password_hash = $3, ${withoutStrangersWords('NULL')},
          security_epoch = security_epoch + 1, devices_since = $4::timestamptz,
          email_verified_at = coalesce(email_verified_at, $4::timestamptz), updated_at = $4::timestamptz
        WHERE id = $1::uuid AND security_epoch = $2::int AND status = 'active' AND NOT system`,
      id,
      securityEpoch,
      passwordHash,
      now,
    )
    return changed === 1
  }

  return { findByEmail, insertLink, findLink, spendLink, resetPassword }
}
