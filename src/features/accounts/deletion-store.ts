// Owns erasing accounts whose time to come back is over, with every row that tells of the person. The audit log
// keeps its facts under an id that leads nowhere any more.
import { limitRow } from '../../platform/limiter.ts'
import type { Db, Tx } from '../../platform/postgres.ts'

export type DeletionStore = ReturnType<typeof createDeletionStore>

export function createDeletionStore(db: Pick<Db, 'query'>) {
  /**
   * Whoever was deleted by then and has not come back. Asked every minute, mostly in vain: not through Prisma, whose
   * query compiler is loaded by the first question it gets (ADR 0022).
   */
  async function listDue(deletedBy: Date, limit: number): Promise<string[]> {
    const rows = await db.query<{ id: string }>({
      name: 'sweep_accounts',
      text: `SELECT id FROM accounts WHERE status = 'deleted' AND deleted_at <= $1::timestamptz
        ORDER BY deleted_at LIMIT $2::int`,
      values: [deletedBy, limit],
    })
    return rows.map(({ id }) => id)
  }

  /** Does nothing for an account that has come back meanwhile. Memberships go with the row. */
  async function erase(tx: Tx, id: string, deletedBy: Date): Promise<boolean> {
    const [gone] = await tx.$queryRaw<{ email_canonical: string }[]>`
      DELETE FROM accounts WHERE id = ${id}::uuid AND status = 'deleted' AND deleted_at <= ${deletedBy}::timestamptz
      RETURNING email_canonical`
    if (!gone) return false
    const emailCanonical = gone.email_canonical
    await tx.accountTicket.deleteMany({ where: { accountId: id } })
    await tx.recoveryLink.deleteMany({ where: { accountId: id } })
    await tx.emailChallenge.deleteMany({ where: { OR: [{ accountId: id }, { emailCanonical }] } })
    await tx.emailConfirmation.deleteMany({ where: { OR: [{ subject: id }, { emailCanonical }] } })
    await tx.teamInvitation.deleteMany({ where: { emailCanonical } })
    await tx.interaction.deleteMany({ where: { accountId: id } })
    await tx.rateLimit.deleteMany({ where: { key: limitRow({ name: 'login.account', key: id }) } })
    return true
  }

  return { listDue, erase }
}
