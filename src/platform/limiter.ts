// Owns the arithmetic of limits and the buckets in PostgreSQL that it runs on.
// The named limits are config/limits.ts. The sign-in has its own statement, features/authn/store.ts, on the same rows.
import { type Rate, type RateName, rates } from '../config/limits.ts'
import { reportLimit } from './limit-reports.ts'
import type { Db } from './postgres.ts'

/** How long a bucket waits between one attempt and the next once its burst is spent. */
export const gapMs = ({ burst, periodMs }: Rate): number => Math.ceil(periodMs / burst)
/** How far a bucket may run ahead of the clock: its whole burst. */
export const reachMs = (rate: Rate): number => gapMs(rate) * rate.burst

export type Decision = { allowed: boolean; tat: number; retryAfterMs: number }

/**
 * The generic cell rate algorithm. `tat`, the theoretical arrival time, is when the bucket would be full again;
 * an attempt moves it by one gap and is refused, changing nothing, when that leads further ahead than the burst.
 */
export function gcra(tat: number, now: number, { rate, cost = 1 }: { rate: Rate; cost?: number }): Decision {
  const next = Math.max(tat, now) + cost * gapMs(rate)
  const tooFarMs = next - now - reachMs(rate)
  if (tooFarMs > 0) return { allowed: false, tat, retryAfterMs: tooFarMs }
  return { allowed: true, tat: next, retryAfterMs: 0 }
}

/** How a bucket stands after an attempt; `tat` is what it was before. */
export function standingAfter(
  rate: Rate,
  { tat, now, taken }: { tat: Date | null; now: Date; taken: boolean },
): { remaining: number; resetSeconds: number } {
  const before = tat?.getTime() ?? 0
  const ahead = Math.max(0, (taken ? gcra(before, now.getTime(), { rate }).tat : before) - now.getTime())
  return {
    remaining: taken ? Math.floor((reachMs(rate) - ahead) / gapMs(rate)) : 0,
    resetSeconds: Math.ceil(ahead / 1000),
  }
}

export type LimitKey = { name: RateName; key: string }
export type Taken = { allowed: boolean; retryAfterSeconds: number; refusedBy: RateName[] }

/** The row of a limit: `login.device:…`. */
export const limitRow = ({ name, key }: LimitKey): string => `${name}:${key}`

export type Limiter = ReturnType<typeof createLimiter>

export function createLimiter({ db }: { db: Pick<Db, 'query'> }) {
  /**
   * Spends one attempt of each key before anything is compared, in one statement and never beyond the limit,
   * however many arrive at once. A key that refuses is left as it is; the others are spent all the same.
   */
  async function take(keys: readonly LimitKey[], now: Date): Promise<Taken> {
    const rows = await db.query<{ key: string; taken: boolean; tat: Date | null }>({
      name: 'limiter_take',
      text: takeSql,
      values: [keys.map(limitRow), keys.map(({ name }) => gapMs(rates[name])), keys.map(reachOf), now],
    })
    for (const { name, key } of keys) {
      const row = rows.find((one) => one.key === limitRow({ name, key }))
      if (row) reportLimit({ name, ...standingAfter(rates[name], { ...row, now }) })
    }
    const refused = rows.filter((row) => !row.taken).map((row) => row.key)
    const refusedKeys = keys.filter((key) => refused.includes(limitRow(key)))
    const waits = rows.filter((row) => !row.taken).map((row) => waitMs(row, keys, now))
    return {
      allowed: refusedKeys.length === 0,
      retryAfterSeconds: Math.ceil(Math.max(0, ...waits) / 1000),
      refusedBy: refusedKeys.map(({ name }) => name),
    }
  }

  /** Gives one attempt back to each key, after a success. */
  async function refund(keys: readonly LimitKey[]): Promise<void> {
    await db.query({
      name: 'limiter_refund',
      text: refundSql,
      values: [keys.map(limitRow), keys.map(({ name }) => gapMs(rates[name]))],
    })
  }

  return { take, refund }
}

const reachOf = ({ name }: LimitKey): number => reachMs(rates[name])

function waitMs(row: { key: string; tat: Date | null }, keys: readonly LimitKey[], now: Date): number {
  const refused = keys.find((key) => limitRow(key) === row.key)
  if (!refused) return 0
  const rate = rates[refused.name]
  // A row that a rival made meanwhile is not in sight of this statement: one gap is a fair answer.
  return row.tat ? gcra(row.tat.getTime(), now.getTime(), { rate }).retryAfterMs || gapMs(rate) : gapMs(rate)
}

/** `ms` milliseconds as an interval. */
export const interval = (ms: string | number): string => `(${ms} * interval '1 millisecond')`

// Rows are locked in the order of their keys, so that two statements never wait for each other.
const takeSql = `
  WITH wanted AS (
    SELECT * FROM unnest($1::text[], $2::int[], $3::int[]) AS w (key, gap, reach)
  ), taken AS (
    INSERT INTO rate_limits AS r (key, tat, failures, expires_at)
    SELECT key, $4::timestamptz + ${interval('gap')}, 1, $4::timestamptz + ${interval('gap')}
    FROM wanted ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
      tat = greatest(r.tat, $4) + (excluded.tat - $4),
      failures = r.failures + 1,
      expires_at = greatest(r.tat, $4) + (excluded.tat - $4)
    WHERE greatest(r.tat, $4) + (excluded.tat - $4)
      <= $4 + (SELECT ${interval('w.reach')} FROM wanted w WHERE w.key = r.key)
    RETURNING r.key
  )
  SELECT w.key, t.key IS NOT NULL AS taken, before.tat
  FROM wanted w
  LEFT JOIN taken t ON t.key = w.key
  LEFT JOIN rate_limits before ON before.key = w.key`

const refundSql = `
  WITH wanted AS (
    SELECT * FROM unnest($1::text[], $2::int[]) AS w (key, gap)
  ), locked AS (
    SELECT r.key FROM rate_limits r WHERE r.key = ANY($1::text[]) ORDER BY r.key FOR UPDATE
  )
  UPDATE rate_limits r
  SET tat = r.tat - ${interval('w.gap')}, failures = greatest(0, r.failures - 1)
  FROM wanted w JOIN locked l ON l.key = w.key
  WHERE r.key = w.key`
