// Owns the statements that move an account to another address.
import type { Tx } from '../../platform/postgres.ts'
import type { Email } from './email.ts'

export type EmailChangeStore = ReturnType<typeof createEmailChangeStore>

export function createEmailChangeStore() {
  /** Proven, so verified. Only of the account as it was when the code was asked for. */
  async function move(
    tx: Tx,
    { id, securityEpoch, email, now }: { id: string; securityEpoch: number; email: Email; now: Date },
  ): Promise<boolean> {
    const changed = await tx.$executeRaw`
      UPDATE accounts
      SET email = ${email.address}, email_canonical = ${email.canonical}, email_verified_at = ${now}::timestamptz,
        security_epoch = security_epoch + 1, updated_at = ${now}::timestamptz
      WHERE id = ${id}::uuid AND security_epoch = ${securityEpoch}::int AND status = 'active' AND NOT system`
    return changed === 1
  }

  /** Sign-ins that hold a proof which nobody has redeemed yet: it may be of the mailbox before. */
  async function endHalfDone(tx: Tx, accountId: string): Promise<void> {
    await tx.interaction.deleteMany({ where: { accountId } })
  }

  return { move, endHalfDone }
}
