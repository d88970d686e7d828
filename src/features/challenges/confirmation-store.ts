// Owns the counts of failed confirmations: one row for each account, or nobody yet, and address.
// How long a count blocks is policy.ts; the challenges themselves are store.ts.
import { limits } from '../../config/limits.ts'
import { after } from '../../kernel/time.ts'
import { interval } from '../../platform/limiter.ts'
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
}

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
   * forgets the count afterwards. A flow that nobody has is counted by itself and so answers like one that somebody has.
   */
  async function countConfirmation(attempt: Found): Promise<CountedConfirmation> {
    const [row] = await db.query<
      Parameters<ChallengeStore['present']>[0] & { counted: boolean; next_at: Date | null }
    >({
      name: 'challenge_count_confirmation',
      text: countSql,
      values: [
        ...handleValues(attempt),
        attempt.purpose,
        attempt.now,
        cooldownTable(),
        limits.confirmationMs,
      ],
    })
    return {
      challenge: challenges.present(row),
      counted: row?.counted ?? false,
      // A row that a rival made meanwhile is not in sight of this statement: the first block is a fair answer.
      blockedUntil: row?.next_at ?? after(attempt.now, cooldownMs(2)),
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

const countSql = `
  WITH challenge AS (
    SELECT ${challengeColumns} FROM email_challenges c WHERE ${handleSql} AND c.purpose = $3::text
  ), subject AS (
    SELECT coalesce(account_id, '${nobody}') AS subject, email_canonical FROM challenge
    WHERE used_at IS NULL AND expires_at > $4::timestamptz
    UNION ALL
    SELECT '${nobody}', 'flow:' || coalesce(encode($1::bytea, 'hex'), $2::text)
    WHERE NOT EXISTS (SELECT 1 FROM challenge)
  ), counted AS (
    INSERT INTO email_confirmations AS n (subject, email_canonical, failures, next_at, expires_at)
    SELECT subject, email_canonical, 1, $4::timestamptz + ${interval('($5::int[])[1]')},
      $4::timestamptz + ${interval('$6::int')}
    FROM subject
    ON CONFLICT (subject, email_canonical) DO UPDATE SET
      failures = n.failures + 1,
      next_at = $4 + ${interval('($5::int[])[least(n.failures + 1, cardinality($5::int[]))]')},
      expires_at = excluded.expires_at
    WHERE n.next_at <= $4
    RETURNING n.subject
  )
  SELECT challenge.*, EXISTS (SELECT 1 FROM counted) AS counted, before.next_at
  FROM (SELECT 1) AS always
    LEFT JOIN challenge ON true
    LEFT JOIN subject ON true
    LEFT JOIN email_confirmations before
      ON before.subject = subject.subject AND before.email_canonical = subject.email_canonical`
