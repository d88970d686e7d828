// Owns the statements by which a proof of an address makes an account or takes one over (docs/adr/0023). Any number of proofs of one
// address at once meet one row.
import type { Db, Tx } from '../../platform/postgres.ts'
import type { AccountStatus } from './schema.ts'
import type { NewAccount } from './store.ts'

/** As little of an account as decides what a proof is worth. */
export type Holder = {
  id: string
  email: string
  status: AccountStatus
  system: boolean
  isVerified: boolean
  locale: string | null
  securityEpoch: number
}

/**
 * Where nobody has proved the address and no operator vouches for the account, whatever it says of its person may be
 * a stranger's word. The role and the teams it has were given by others and stay.
 */
export const withoutStrangersWords = (locale: '$3' | 'NULL') => {
  const stays = 'CASE WHEN vouched OR email_verified_at IS NOT NULL THEN'
  return `username = ${stays} username END, profile = ${stays} profile ELSE '{}' END,
    locale = ${stays} locale ELSE ${locale} END`
}

export type RegistrationStore = ReturnType<typeof createRegistrationStore>

type Row = Omit<Holder, 'status' | 'isVerified'> & { status: string; emailVerifiedAt: Date | null }

const columns = {
  id: true,
  email: true,
  status: true,
  system: true,
  emailVerifiedAt: true,
  locale: true,
  securityEpoch: true,
} as const

export function createRegistrationStore(db: Pick<Db, 'prisma'>) {
  async function findHolder(emailCanonical: string, tx: Pick<Tx, 'account'> = db.prisma) {
    const row = await tx.account.findUnique({ where: { emailCanonical }, select: columns })
    return row && present(row)
  }

  /** Tells whether the row was made: not when somebody has the address, or the user name. */
  async function insertUnlessTaken(tx: Tx, { now, ...account }: NewAccount): Promise<boolean> {
    const { count } = await tx.account.createMany({
      data: [{ ...account, createdAt: now, updatedAt: now }],
      skipDuplicates: true,
    })
    return count === 1
  }

  /** Tells whether this was the first proof of the address; of many at once one is. */
  async function verifyFirst(
    tx: Tx,
    { id, language, now }: { id: string; language: string; now: Date },
  ): Promise<{ purged: boolean } | null> {
    const [row] = await tx.$queryRawUnsafe<{ vouched: boolean }[]>(
      `UPDATE accounts SET email_verified_at = $2::timestamptz, updated_at = $2::timestamptz,
          password_hash = CASE WHEN vouched THEN password_hash END,
          ${withoutStrangersWords('$3')},
          last_seen_at = CASE WHEN vouched THEN last_seen_at END,
          devices_since = CASE WHEN vouched THEN devices_since ELSE $2::timestamptz END,
          security_epoch = CASE WHEN vouched THEN security_epoch ELSE security_epoch + 1 END
        WHERE id = $1::uuid AND email_verified_at IS NULL
        RETURNING vouched`,
      id,
      now,
      language,
    )
    return row ? { purged: !row.vouched } : null
  }

  return { findHolder, insertUnlessTaken, verifyFirst }
}

const present = ({ status, emailVerifiedAt, ...row }: Row): Holder => ({
  ...row,
  status: status === 'active' || status === 'deleted' ? status : 'disabled',
  isVerified: emailVerifiedAt !== null,
})
