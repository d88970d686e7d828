// Owns how the password of an account is replaced, set for the first time and taken off: one conditional update each.
import type { Db, Tx } from '../../platform/postgres.ts'

/** Someone who is signed in and about to change what guards the account. */
export type Holder = {
  id: string
  email: string
  emailCanonical: string
  username: string | null
  name: string | null
  locale: string | null
  passwordHash: string | null
  securityEpoch: number
}

export type PasswordStore = ReturnType<typeof createPasswordStore>

export function createPasswordStore(db: Pick<Db, 'query'>) {
  async function findHolder(accountId: string): Promise<Holder | null> {
    const [row] = await db.query<Holder>({
      name: 'password_find_holder',
      text: `SELECT id, email, email_canonical AS "emailCanonical", username, profile->>'name' AS name, locale,
          password_hash AS "passwordHash", security_epoch AS "securityEpoch"
        FROM accounts WHERE id = $1::uuid AND status = 'active' AND NOT system`,
      values: [accountId],
    })
    return row ?? null
  }

  /** Of two changes at once the second finds another epoch and changes nothing. */
  async function replace(
    tx: Tx,
    { id, securityEpoch }: Pick<Holder, 'id' | 'securityEpoch'>,
    { passwordHash, now }: { passwordHash: string; now: Date },
  ): Promise<boolean> {
    const changed = await tx.$executeRaw`
      UPDATE accounts
      SET password_hash = ${passwordHash}, security_epoch = security_epoch + 1, updated_at = ${now}::timestamptz
      WHERE id = ${id}::uuid AND security_epoch = ${securityEpoch}::int AND status = 'active'`
    return changed === 1
  }

  /** Only where mail to a verified address still signs the person in. */
  async function remove(tx: Tx, id: string, now: Date): Promise<boolean> {
    const changed = await tx.$executeRaw`
      UPDATE accounts
      SET password_hash = NULL, security_epoch = security_epoch + 1, updated_at = ${now}::timestamptz
      WHERE id = ${id}::uuid AND password_hash IS NOT NULL AND email_verified_at IS NOT NULL AND status = 'active'`
    return changed === 1
  }

  return { findHolder, replace, remove }
}
