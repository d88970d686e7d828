// Owns what a sign-in leaves with the account: when the person was last seen, and the mail that tells them of a
// device that is new to them.
import { limits } from '../../config/limits.ts'
import { after, type Clock } from '../../kernel/time.ts'
import { currentUnit, stage } from '../artifacts/unit-of-work.ts'
import type { Audit } from '../audit/service.ts'
import type { Outbox } from '../outbox/service.ts'
import { noteSeen, noteSeenOnNewDevice } from './seen-store.ts'
import type { PersonRow } from './store.ts'

export type SeenDeps = {
  clock: Clock
  audit: Pick<Audit, 'recordWrite'>
  outbox: Pick<Outbox, 'mailWrite'>
}

export function createSeen({ clock, audit, outbox }: SeenDeps) {
  /** Somebody signed in, in whichever way; what else is noted of it in this request stays. */
  function note(accountId: string, epoch?: number): void {
    const unit = currentUnit()
    const write = noteSeen(accountId, clock.now(), epoch)
    if (!unit.writes.has(write.row)) stage(unit, write)
  }

  /**
   * A password was right on a device that the account does not know: whoever signed in before is told, at most once
   * an hour. Proofs by mail cause no notice, since it would go to the very mailbox that was proved.
   */
  function noteNewDevice(account: PersonRow, { address, requestId }: { address: string; requestId: string }) {
    if (!account.last_seen_at) return
    const unit = currentUnit()
    const now = clock.now()
    const mail = {
      to: account.email,
      language: account.locale ?? '',
      template: 'new_device',
      values: { device: unit.origin.userAgent ?? '', address, at: now.toISOString() },
      expiresAt: after(now, limits.noticeMs),
    } as const
    stage(unit, outbox.mailWrite(mail, noteSeenOnNewDevice(account.id, now, account.security_epoch)))
    const actor = { kind: 'account', id: account.id } as const
    stage(
      unit,
      audit.recordWrite({ type: 'authn.new_device', actor, accountId: account.id, requestId, address }),
    )
  }

  return { note, noteNewDevice }
}
