// Owns the SQL that notes when a person was last seen, and whether they are told of a device that is new to them.
import { limits } from '../../config/limits.ts'
import type { Write } from '../../platform/compose.ts'
import { interval } from '../../platform/limiter.ts'

const seen = { guard: false, survivesRefusal: true } as const

/** `epoch`: a guard, the account as it was when its password was compared; a change meanwhile takes all back. */
export function noteSeen(accountId: string, now: Date, epoch?: number): Write {
  const guard = epoch !== undefined
  return {
    ...seen,
    guard,
    row: `accounts:${accountId}:seen`,
    shape: guard ? 'authn_seen_by_password' : 'authn_seen',
    sql: (bind) =>
      `UPDATE accounts SET last_seen_at = ${bind(now, 'timestamptz')} WHERE id = ${bind(accountId, 'uuid')}${
        guard ? ` AND security_epoch = ${bind(epoch, 'int')}` : ''
      }`,
  }
}

/**
 * The same on a device that the account does not know. Of many at once one has the notice: the row is locked before
 * it is looked at.
 */
export function noteSeenOnNewDevice(
  accountId: string,
  now: Date,
  epoch: number,
): Write & { mailWhen: string } {
  return {
    ...seen,
    guard: true,
    row: `accounts:${accountId}:seen`,
    shape: 'authn_seen_new_device',
    mailWhen: 'before.due',
    sql: (bind) => {
      const at = bind(now, 'timestamptz')
      const id = bind(accountId, 'uuid')
      return `UPDATE accounts a SET last_seen_at = ${at},
          device_notice_at = CASE WHEN before.due THEN ${at} ELSE a.device_notice_at END
        FROM (SELECT id, device_notice_at IS NULL
            OR device_notice_at <= ${at} - ${interval(limits.deviceNoticeEveryMs)} AS due
          FROM accounts WHERE id = ${id} FOR UPDATE) before
        WHERE a.id = before.id AND a.security_epoch = ${bind(epoch, 'int')}`
    },
  }
}
