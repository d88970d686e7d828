// Owns that a mail with a proof is handed to the outbox, or withheld by the same steps: nobody can tell from an answer,
// or from how long it took, whether a mail goes. Its words are features/outbox.
import type { Clock } from '../../kernel/time.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { OutboxMail } from '../outbox/schema.ts'
import type { ChallengePurpose, Origin } from './schema.ts'

export type MailReason = {
  purpose: ChallengePurpose
  origin: Origin
  accountId: string | null
  /** Why the address gets none: it had enough, or nothing here is for it. */
  withheld: 'budget' | 'not_for_them' | null
}

export type HandOver = (tx: Tx, mail: OutboxMail, reason: MailReason) => Promise<void>

export type HandOverDeps = {
  outbox: { enqueue(tx: Tx, mail: OutboxMail): Promise<void> }
  audit: Pick<Audit, 'record'>
  clock: Clock
}

export function createHandOver({ outbox, audit, clock }: HandOverDeps): HandOver {
  return async (tx, mail, { purpose, origin, accountId, withheld }) => {
    // Too old at once, the job drops it unsent: the same statements and the same sealing for everybody
    await outbox.enqueue(tx, withheld === null ? mail : { ...mail, expiresAt: clock.now() })
    await audit.record(tx, {
      type: withheld === null ? 'mail.requested' : 'mail.withheld',
      actor: { kind: 'stranger' },
      ...(accountId !== null && { accountId }),
      requestId: origin.requestId,
      address: origin.address,
      details: { purpose, template: mail.template, ...(withheld !== null && { withheld }) },
    })
  }
}
