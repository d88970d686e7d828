// Owns the statements by which a proof of an address makes an account or takes one over. Any number of proofs of one
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

  /**
   * The first proof of an address takes from its account what somebody else may have put there to get in later.
   * Tells whether it was the first.
   */
  async function verifyFirst(tx: Tx, id: string, now: Date): Promise<boolean> {
    const { count } = await tx.account.updateMany({
      where: { id, emailVerifiedAt: null },
      data: {
        emailVerifiedAt: now,
        passwordHash: null,
        securityEpoch: { increment: 1 },
        updatedAt: now,
      },
    })
    return count === 1
  }

  return { findHolder, insertUnlessTaken, verifyFirst }
}

const present = ({ status, emailVerifiedAt, ...row }: Row): Holder => ({
  ...row,
  status: status === 'active' || status === 'deleted' ? status : 'disabled',
  isVerified: emailVerifiedAt !== null,
})
