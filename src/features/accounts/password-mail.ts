// Owns what the notices about passwords and recovery hold. Their words are views/mail, their sending features/outbox.
import { limits } from '../../config/limits.ts'
import { after } from '../../kernel/time.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { Origin } from '../challenges/schema.ts'
import type { OutboxMail } from '../outbox/schema.ts'

type Template = 'password_changed' | 'password_removed' | 'recovery_used'

export type SendMail = (tx: Tx, mail: OutboxMail) => Promise<void>

/** To the address as it is now: when, from where and on which device it happened. */
export function noticeOf(
  { email, locale }: { email: string; locale: string | null },
  { origin, now, template }: { origin: Origin; now: Date; template: Template },
): OutboxMail {
  return {
    to: email,
    // None there is stands for the language of the installation
    language: locale ?? '',
    template,
    values: { device: origin.device, address: origin.address, at: now.toISOString() },
    expiresAt: after(now, limits.noticeMs),
    priority: 'notice',
  }
}
