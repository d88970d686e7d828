// Owns the rows of challenges: made, found, tried, spent. Each step that may happen once is one conditional statement.
// What a code must be is service.ts; the counts of confirmations are confirmation-store.ts.
import { limits, rates } from '../../config/limits.ts'
import { reportLimit } from '../../platform/limit-reports.ts'
import { gapMs, interval, reachMs, standingAfter } from '../../platform/limiter.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Sealer } from '../../platform/sealer.ts'
import type { Challenge, ChallengePurpose, Waiting } from './schema.ts'

export type NewChallenge = {
  id: string
  flowHash: Uint8Array
  purpose: ChallengePurpose
  email: string
  emailCanonical: string
  accountId: string | null
  securityEpoch: number | null
  codeHmac: Uint8Array | null
  linkHash: Uint8Array | null
  browserHash: Uint8Array | null
  waiting: Waiting
  now: Date
  expiresAt: Date
}

export type StoredChallenge = Challenge & { codeHmac: Buffer | null; linkHash: Buffer | null }

/** By the hash of the flow or by the id. */
export type StoredHandle = { flowHash: Uint8Array } | { id: string }

export type Found = StoredHandle & { purpose: ChallengePurpose; now: Date }

/** Whoever shows a link: the browser that asked for it, or a program that asked for it and names the address. */
export type LinkBearer = { browserHash: Uint8Array } | { emailCanonical: string }

type Row = {
  id: string
  purpose: string
  email: string
  email_canonical: string
  account_id: string | null
  security_epoch: number | null
  code_hmac: Uint8Array | null
  link_hash: Uint8Array | null
  browser_hash: Uint8Array | null
  sealed: Uint8Array | null
  attempts: number
  sends: number
  last_sent_at: Date | null
  created_at: Date
  expires_at: Date
  used_at: Date | null
}
type GuessCount = {
  counted: boolean
  wait_ms: number | null
  /** Null where the guess was not counted against the network address. */
  address_taken: boolean | null
  address_tat: Date | null
}
type MaybeRow = Row | { [Column in keyof Row]: null }

export const challengeColumns = `c.id, c.purpose, c.email, c.email_canonical, c.account_id, c.security_epoch,
  c.code_hmac, c.link_hash, c.browser_hash, c.sealed, c.attempts, c.sends, c.last_sent_at,
  c.created_at, c.expires_at, c.used_at`

/**
 * What a challenge was made for must not have been overtaken by a change of what guards the account. Whoever has not
 * proved the address overtakes nobody who is about to: else a stranger's changes of password would keep its owner out.
 */
const epochStands = `(c.security_epoch IS NULL
  OR EXISTS (SELECT 1 FROM accounts a WHERE a.id = c.account_id AND (a.security_epoch = c.security_epoch
    OR (c.purpose = 'sign_in' AND a.email_verified_at IS NULL AND NOT a.vouched
      AND a.email_canonical = c.email_canonical))))`

export type ChallengeStore = ReturnType<typeof createChallengeStore>

export function createChallengeStore({ db, sealer }: { db: Pick<Db, 'query'>; sealer: Sealer }) {
  const present = (row: MaybeRow | undefined): StoredChallenge | null =>
    row && row.id !== null ? presentRow(row, sealer) : null

  async function insert(tx: Tx, { now, waiting, ...row }: NewChallenge): Promise<void> {
    const sealed = bytes(sealer.seal(JSON.stringify(waiting), placeOf(row.id)))
    await tx.emailChallenge.create({
      data: {
        ...row,
        flowHash: bytes(row.flowHash),
        codeHmac: row.codeHmac && bytes(row.codeHmac),
        linkHash: row.linkHash && bytes(row.linkHash),
        browserHash: row.browserHash && bytes(row.browserHash),
        sealed,
        sends: 1,
        lastSentAt: now,
        createdAt: now,
      },
      select: { id: true },
    })
  }

  async function find(handle: StoredHandle): Promise<StoredChallenge | null> {
    const [row] = await db.query<Row>({
      name: 'challenge_find',
      text: `SELECT ${challengeColumns} FROM email_challenges c WHERE ${handleSql}`,
      values: handleValues(handle),
    })
    return present(row)
  }

  async function findByLink(linkHash: Uint8Array): Promise<StoredChallenge | null> {
    const [row] = await db.query<Row>({
      name: 'challenge_find_link',
      text: `SELECT ${challengeColumns} FROM email_challenges c WHERE c.link_hash = $1`,
      values: [linkHash],
    })
    return present(row)
  }

  /**
   * Counts a guess against the challenge, the address of the mail and the address of the guesser before anything is
   * compared; what is not `counted` may not be. An unknown flow costs its guesser as much.
   */
  async function countGuess(
    guess: Found & { addressPrefix: string; unlimited: readonly string[] },
  ): Promise<{ challenge: StoredChallenge | null; counted: boolean; waitMs: number | null }> {
    const [row] = await db.query<MaybeRow & GuessCount>({
      name: 'challenge_count_guess',
      text: countGuessSql,
      values: [
        ...handleValues(guess),
        guess.purpose,
        guess.now,
        guess.addressPrefix,
        limits.codeAttempts,
        guess.unlimited,
      ],
    })
    if (row) reportAddress(row, guess.now)
    return { challenge: present(row), counted: row?.counted ?? false, waitMs: row?.wait_ms ?? null }
  }

  /** The one update that spends a challenge, by code: of any number at once exactly one gets the row. */
  async function spend(tx: Tx, id: string, now: Date): Promise<StoredChallenge | null> {
    const [row] = await tx.$queryRawUnsafe<Row[]>(
      `UPDATE email_challenges c SET used_at = $2::timestamptz
       WHERE c.id = $1::uuid AND c.used_at IS NULL AND c.expires_at > $2::timestamptz AND ${epochStands}
       RETURNING ${challengeColumns}`,
      id,
      now,
    )
    return present(row)
  }

  /** The same by link, for the bearer it is meant for and nobody else. */
  async function spendLink(
    tx: Tx,
    linkHash: Uint8Array,
    { bearer, purpose, now }: { bearer: LinkBearer; purpose: ChallengePurpose; now: Date },
  ): Promise<StoredChallenge | null> {
    const [row] = await tx.$queryRawUnsafe<Row[]>(
      `UPDATE email_challenges c SET used_at = $2::timestamptz
       WHERE c.link_hash = $1 AND c.purpose = $3::text AND c.used_at IS NULL AND c.expires_at > $2::timestamptz
         AND (c.browser_hash = $4 OR (c.browser_hash IS NULL AND c.email_canonical = $5::text))
         AND ${epochStands}
       RETURNING ${challengeColumns}`,
      bytes(linkHash),
      now,
      purpose,
      'browserHash' in bearer ? bytes(bearer.browserHash) : null,
      'emailCanonical' in bearer ? bearer.emailCanonical : null,
    )
    return present(row)
  }

  /** Allows one more mail when the last one is long enough ago, and lets the challenge live on from now. */
  async function countMail(
    tx: Tx,
    mail: Found & { lifetimeMs: number; attempts: number },
  ): Promise<{ challenge: StoredChallenge | null; counted: boolean }> {
    const [row] = await tx.$queryRawUnsafe<(MaybeRow & { counted: boolean })[]>(
      countMailSql,
      ...handleValues(mail).map((value) => (value instanceof Uint8Array ? bytes(value) : value)),
      mail.purpose,
      mail.now,
      [...limits.resendWaitsMs],
      mail.lifetimeMs,
      mail.attempts,
    )
    return { challenge: present(row), counted: row?.counted ?? false }
  }

  return { insert, find, findByLink, countGuess, spend, spendLink, countMail, present }
}

/** The first two parameters of a statement that finds by handle. */
export const handleSql = '(c.flow_hash = $1::bytea OR c.id = $2::uuid)'
export const handleValues = (handle: StoredHandle): [Uint8Array | null, string | null] =>
  'flowHash' in handle ? [handle.flowHash, null] : [null, handle.id]

function reportAddress({ address_taken: taken, address_tat: tat }: GuessCount, now: Date): void {
  if (taken === null) return
  reportLimit({ name: 'code.address', ...standingAfter(rates['code.address'], { tat, now, taken }) })
}

const gapOf = (name: 'code.email' | 'code.address') => gapMs(rates[name])
const reachOf = (name: 'code.email' | 'code.address') => reachMs(rates[name])

// The challenge before its buckets, and buckets in the order of their keys: two statements never wait for each other.
// Whoever comes upon a locked challenge sees what its rivals left of it, and takes nothing from a bucket for one that is
// used up. What refuses is read from before the statement; a bucket that rivals filled meanwhile is one gap away.
const countGuessSql = `
  WITH challenge AS (
    SELECT ${challengeColumns} FROM email_challenges c WHERE ${handleSql} AND c.purpose = $3::text
  ), open AS (
    SELECT c.id, c.email_canonical FROM email_challenges c WHERE ${handleSql} AND c.purpose = $3::text
      AND c.used_at IS NULL AND c.expires_at > $4::timestamptz AND c.attempts < $6::int
    FOR UPDATE
  ), wanted AS (
    SELECT 'code.address:' || $5::text AS key, ${gapOf('code.address')} AS gap, ${reachOf('code.address')} AS reach
    WHERE (EXISTS (SELECT 1 FROM open) OR NOT EXISTS (SELECT 1 FROM challenge))
      AND NOT EXISTS (SELECT 1 FROM open WHERE email_canonical = ANY ($7::text[]))
    UNION ALL
    SELECT 'code.email:' || email_canonical, ${gapOf('code.email')}, ${reachOf('code.email')}
    FROM open WHERE NOT email_canonical = ANY ($7::text[])
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
  ), counted AS (
    UPDATE email_challenges c SET attempts = c.attempts + 1
    FROM open
    WHERE c.id = open.id AND c.used_at IS NULL AND c.expires_at > $4 AND c.attempts < $6
      AND (SELECT count(*) FROM taken) = (SELECT count(*) FROM wanted)
    RETURNING c.id
  )
  SELECT challenge.*, counted.id IS NOT NULL AS counted, (
    SELECT max(greatest(w.gap::float8,
      extract(epoch FROM greatest(r.tat, $4) - $4)::float8 * 1000 + w.gap - w.reach))
    FROM wanted w LEFT JOIN rate_limits r ON r.key = w.key
    WHERE w.key NOT IN (SELECT key FROM taken)
  ) AS wait_ms, (SELECT bool_or(w.key IN (SELECT key FROM taken)) FROM wanted w WHERE w.key = 'code.address:' || $5
  ) AS address_taken, (SELECT r.tat FROM rate_limits r WHERE r.key = 'code.address:' || $5) AS address_tat
  FROM (SELECT 1) AS always LEFT JOIN challenge ON true LEFT JOIN counted ON true`

const countMailSql = `
  WITH challenge AS (
    SELECT ${challengeColumns} FROM email_challenges c WHERE ${handleSql} AND c.purpose = $3::text
  ), counted AS (
    UPDATE email_challenges c
    SET sends = c.sends + 1, last_sent_at = $4::timestamptz, expires_at = $4::timestamptz + ${interval('$6::int')}
    WHERE ${handleSql} AND c.purpose = $3::text AND c.used_at IS NULL AND c.expires_at > $4
      AND c.attempts < $7::int
      AND c.last_sent_at + ${interval('($5::int[])[least(c.sends, cardinality($5::int[]))]')} <= $4
    RETURNING ${challengeColumns}
  )
  SELECT coalesced.*, EXISTS (SELECT 1 FROM counted) AS counted
  FROM (SELECT 1) AS always LEFT JOIN (
    SELECT * FROM counted UNION ALL SELECT * FROM challenge WHERE NOT EXISTS (SELECT 1 FROM counted)
  ) AS coalesced ON true`

const placeOf = (id: string): string => `email_challenges.${id}.sealed`

function presentRow(row: Row, sealer: Pick<Sealer, 'open'>): StoredChallenge {
  return {
    id: row.id,
    purpose: purposeOf(row.purpose),
    email: row.email,
    emailCanonical: row.email_canonical,
    accountId: row.account_id,
    securityEpoch: row.security_epoch,
    codeHmac: row.code_hmac && Buffer.from(row.code_hmac),
    linkHash: row.link_hash && Buffer.from(row.link_hash),
    browserHash: row.browser_hash && Buffer.from(row.browser_hash),
    waiting: row.sealed ? (JSON.parse(sealer.open(row.sealed, placeOf(row.id)).toString()) as Waiting) : {},
    attempts: row.attempts,
    sends: row.sends,
    sentAt: row.last_sent_at ?? row.created_at,
    expiresAt: row.expires_at,
    usedAt: row.used_at,
  }
}

function purposeOf(text: string): ChallengePurpose {
  const known = (['register', 'sign_in', 'recovery', 'change_email'] as const).find((name) => name === text)
  if (!known) throw new Error(`${text} is no purpose of a challenge`)
  return known
}

// Prisma wants bytes in a buffer of their own.
const bytes = (value: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(value)
