// Owns the counts of failed confirmations: one row for each account, or nobody yet, and address.
// How long a count blocks is policy.ts; the challenges themselves are store.ts.
import { limits, rates } from '../../config/limits.ts'
import { after } from '../../kernel/time.ts'
import { reportLimit } from '../../platform/limit-reports.ts'
import {
  gapMs,
  gcra,
  interval,
  type LimitKey,
  limitRow,
  reachMs,
  standingAfter,
} from '../../platform/limiter.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { cooldownMs, cooldownTable } from './policy.ts'
import type { Challenge } from './schema.ts'
import {
  type ChallengeStore,
  challengeColumns,
  type Found,
  handleSql,
  handleValues,
  type StoredChallenge,
} from './store.ts'

/** Stands for the account while there is none. */
const nobody = '00000000-0000-0000-0000-000000000000'

export type CountedConfirmation = {
  challenge: StoredChallenge | null
  /** Only then may the code be compared. */
  counted: boolean
  blockedUntil: Date
  /** What was spent of the network address for it. */
  spent: LimitKey[]
}

type Counted = {
  counted: boolean
  next_at: Date | null
  /** Null where the cool-down blocks, so that nothing is asked of the address. */
  address_taken: boolean | null
  address_tat: Date | null
}

const perAddress = rates['confirm.address']

export type ConfirmationStore = ReturnType<typeof createConfirmationStore>

export function createConfirmationStore({
  db,
  challenges,
}: {
  db: Pick<Db, 'query'>
  challenges: Pick<ChallengeStore, 'present'>
}) {
  /**
   * Counts an attempt as failed before its code is compared, unless a block runs: then nothing is counted. A success
   * forgets the count afterwards. A flow that nobody has is counted by itself and so answers like one that somebody has;
   * the limit of the network address bounds how many rows that leaves.
   */
  async function countConfirmation(attempt: Found & { addressPrefix: string }): Promise<CountedConfirmation> {
    const address = { name: 'confirm.address', key: attempt.addressPrefix } as const
    const [row] = await db.query<Parameters<ChallengeStore['present']>[0] & Counted>({
      name: 'challenge_count_confirmation',
      text: countSql,
      values: [
        ...handleValues(attempt),
        attempt.purpose,
        attempt.now,
        cooldownTable(),
        limits.confirmationMs,
        limitRow(address),
      ],
    })
    const taken = row?.address_taken ?? null
    if (row && taken !== null) {
      const standing = { tat: row.address_tat, now: attempt.now, taken }
      reportLimit({ name: address.name, ...standingAfter(perAddress, standing) })
    }
    return {
      challenge: challenges.present(row),
      counted: row?.counted ?? false,
      blockedUntil: blockedUntil(row, attempt.now),
      spent: taken ? [address] : [],
    }
  }

  async function forgetConfirmations(
    tx: Tx,
    { accountId, emailCanonical }: Pick<Challenge, 'accountId' | 'emailCanonical'>,
  ): Promise<void> {
    await tx.emailConfirmation.deleteMany({ where: { subject: accountId ?? nobody, emailCanonical } })
  }

  return { countConfirmation, forgetConfirmations }
}

function blockedUntil(row: Counted | undefined, now: Date): Date {
  if (row?.address_taken === false) {
    const { retryAfterMs } = gcra(row.address_tat?.getTime() ?? 0, now.getTime(), { rate: perAddress })
    return after(now, retryAfterMs || gapMs(perAddress))
  }
  // A row that a rival made meanwhile is not in sight of this statement: the first block is a fair answer.
  return row?.next_at ?? after(now, cooldownMs(2))
}

// The bucket before the count: two statements never wait for each other.
const countSql = `
  WITH challenge AS (
    SELECT ${challengeColumns} FROM email_challenges c WHERE ${handleSql} AND c.purpose = $3::text
  ), subject AS (
    SELECT coalesce(account_id, '${nobody}') AS subject, email_canonical FROM challenge
    WHERE used_at IS NULL AND expires_at > $4::timestamptz
    UNION ALL
    SELECT '${nobody}', 'flow:' || coalesce(encode($1::bytea, 'hex'), $2::text)
    WHERE NOT EXISTS (SELECT 1 FROM challenge)
  ), wanted AS (
    SELECT $7::text AS key, ${interval(gapMs(perAddress))} AS gap FROM subject
    WHERE NOT EXISTS (SELECT 1 FROM email_confirmations b WHERE b.subject = subject.subject
      AND b.email_canonical = subject.email_canonical AND b.next_at > $4::timestamptz)
  ), taken AS (
    INSERT INTO rate_limits AS r (key, tat, failures, expires_at)
    SELECT key, $4::timestamptz + gap, 1, $4::timestamptz + gap FROM wanted
    ON CONFLICT (key) DO UPDATE SET
      tat = greatest(r.tat, $4) + (excluded.tat - $4),
      failures = r.failures + 1,
      expires_at = greatest(r.tat, $4) + (excluded.tat - $4)
    WHERE greatest(r.tat, $4) + (excluded.tat - $4) <= $4 + ${interval(reachMs(perAddress))}
    RETURNING 1
  ), counted AS (
    INSERT INTO email_confirmations AS n (subject, email_canonical, failures, next_at, expires_at)
    SELECT subject, email_canonical, 1, $4::timestamptz + ${interval('($5::int[])[1]')},
      $4::timestamptz + ${interval('$6::int')}
    FROM subject WHERE EXISTS (SELECT 1 FROM taken)
    ON CONFLICT (subject, email_canonical) DO UPDATE SET
      failures = n.failures + 1,
      next_at = $4 + ${interval('($5::int[])[least(n.failures + 1, cardinality($5::int[]))]')},
      expires_at = excluded.expires_at
    WHERE n.next_at <= $4
    RETURNING n.subject
  )
  SELECT challenge.*, EXISTS (SELECT 1 FROM counted) AS counted, before.next_at,
    (SELECT EXISTS (SELECT 1 FROM taken) FROM wanted) AS address_taken, bucket.tat AS address_tat
  FROM (SELECT 1) AS always
    LEFT JOIN challenge ON true
    LEFT JOIN subject ON true
    LEFT JOIN email_confirmations before
      ON before.subject = subject.subject AND before.email_canonical = subject.email_canonical
    LEFT JOIN rate_limits bucket ON bucket.key = $7`
