// Owns the SQL that notes when a person was last seen, and whether they are told of a device that is new to them.
import { limits } from '../../config/limits.ts'
import type { Write } from '../../platform/compose.ts'
import { interval } from '../../platform/limiter.ts'

const seen = { guard: false, survivesRefusal: true } as const

export function noteSeen(accountId: string, now: Date): Write {
  return {
    ...seen,
    row: `accounts:${accountId}:seen`,
    shape: 'authn_seen',
    sql: (bind) =>
      `UPDATE accounts SET last_seen_at = ${bind(now, 'timestamptz')} WHERE id = ${bind(accountId, 'uuid')}`,
  }
}

/**
 * The same on a device that the account does not know. Of many at once one has the notice: the row is locked before
 * it is looked at.
 */
export function noteSeenOnNewDevice(accountId: string, now: Date): Write & { mailWhen: string } {
  return {
    ...seen,
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
        WHERE a.id = before.id`
    },
  }
}
