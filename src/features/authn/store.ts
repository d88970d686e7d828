// Owns the SQL of a password attempt: one round trip spends the limits and finds the person, one write settles it.
// What the answer means for a browser is features/authn; the arithmetic of limits is platform/limiter.
import { limits, type Rate, rates } from '../../config/limits.ts'
import { hashSecret } from '../../kernel/secrets.ts'
import { dateOf } from '../../kernel/time.ts'
import type { Bind, Write } from '../../platform/compose.ts'
import { reportLimit } from '../../platform/limit-reports.ts'
import { gapMs, gcra, interval, limitRow, reachMs, standingAfter } from '../../platform/limiter.ts'
import type { Db, Statement } from '../../platform/postgres.ts'
import { type InteractionFound, interactionColumns } from '../artifacts/reads.ts'
import type { Devices } from './device.ts'

export type PasswordAttempt = {
  /** What was typed, as parseEmail or parseUsername understood it; null when it is not one of them. */
  emailCanonical: string | null
  username: string | null
  /** Stands for the person in the limits when there is none: an HMAC of what was typed, canonical. */
  identifierHmac: string
  devices: Devices
  /** /32 or /64, see web/address.ts. */
  addressPrefix: string
  /** Test hooks only: the demo people are not throttled there. */
  unlimited?: boolean
  now: Date
}

export type PersonRow = {
  id: string
  email: string
  email_canonical: string
  email_verified_at: Date | null
  username: string | null
  password_hash: string | null
  roles: string[]
  status: string
  security_epoch: number
  locale: string | null
  last_seen_at: Date | null
}

export type RefusedBy = 'address' | 'account' | 'password_off'

export type BegunAttempt = {
  /** Whom the identifier names, disabled people too; compare a decoy when there is nobody. */
  account: PersonRow | null
  allowed: boolean
  /** Why not: the address, the lane of this person, or a hundred failures in a row from unknown devices. */
  refusedBy: RefusedBy | null
  retryAfterSeconds: number
  /** The browser has signed in to this account before, since its owner last took it over or back by mail. */
  trusted: boolean
  /** What settlePasswordAttempt gives back. */
  lane: string
  address: string
}

/** There is no time after which a password that is off comes back; this is when to look again. */
const passwordOffRetrySeconds = 3600
/** How long failures in a row of a name that nobody has are remembered, so that strangers cannot fill the table. */
const strangerMemory = `interval '30 days'`
const foreverAway = `interval '100 years'`

type Answer = PersonRow & {
  found: boolean
  trusted: boolean
  lane: string
  address_taken: boolean
  lane_taken: boolean
  address_tat: Date | null
  lane_tat: Date | null
  lane_failures: number | null
}

/**
 * Counts the attempt against every limit and then finds the person, in one statement, before any password is
 * compared: parallel guesses cannot overshoot (CVE-2024-32868), and however a person is spelled, they have one count.
 */
export async function beginPasswordAttempt(
  db: Pick<Db, 'query'>,
  attempt: PasswordAttempt,
): Promise<BegunAttempt> {
  const [row] = await db.query<Answer>(passwordAttemptStatement(attempt))
  if (!row) throw new Error('a password attempt always answers one row')
  return readPasswordAttempt(row, attempt)
}

export function passwordAttemptStatement(attempt: PasswordAttempt): Statement {
  const values: unknown[] = []
  const bind: Bind = (value, type) => `$${values.push(value)}::${type}`
  const { ctes, columns, from } = passwordAttemptSql(bind, attempt)
  return { name: 'authn_begin_password', text: `WITH ${ctes} SELECT ${columns} FROM ${from}`, values }
}

/** The same, bringing along the interaction in which the password was typed: the one read of that request. */
export async function beginPasswordInInteraction(
  db: Pick<Db, 'query'>,
  uid: string,
  attempt: PasswordAttempt,
) {
  const values: unknown[] = []
  const bind: Bind = (value, type) => `$${values.push(value)}::${type}`
  const { ctes, columns, from } = passwordAttemptSql(bind, attempt)
  const interaction = `(SELECT to_jsonb(i) || jsonb_build_object('sealed', encode(i.sealed, 'base64'),
    'browser_hash', encode(i.browser_hash, 'base64'))
    FROM (SELECT ${interactionColumns} FROM interactions i
      WHERE i.id_hash = ${bind(hashSecret(uid), 'bytea')} AND i.restart_until > ${bind(attempt.now, 'timestamptz')}) i
    ) AS interaction`
  const [row] = await db.query<Answer & { interaction: InteractionJson | null }>({
    name: 'authn_begin_password_in_interaction',
    text: `WITH ${ctes} SELECT ${columns}, ${interaction} FROM ${from}`,
    values,
  })
  if (!row) throw new Error('a password attempt always answers one row')
  return {
    begun: readPasswordAttempt(row, attempt),
    interaction: row.interaction ? foundOf(row.interaction) : undefined,
  }
}

type InteractionJson = Omit<InteractionFound, 'sealed' | 'expires_at' | 'finished_at' | 'browser_hash'> & {
  sealed: string
  browser_hash: string | null
  expires_at: string
  finished_at: string | null
}

const foundOf = (json: InteractionJson): InteractionFound => ({
  ...json,
  sealed: Buffer.from(json.sealed, 'base64'),
  browser_hash: json.browser_hash === null ? null : Buffer.from(json.browser_hash, 'base64'),
  expires_at: dateOf(json.expires_at),
  finished_at: json.finished_at === null ? null : dateOf(json.finished_at),
  account: null,
  grant: null,
})

/** The parts of that statement, for one that brings the interaction along as well. Answers exactly one row. */
export function passwordAttemptSql(bind: Bind, attempt: PasswordAttempt) {
  const now = bind(attempt.now, 'timestamptz')
  const limited = `${bind(attempt.unlimited ? 0 : 1, 'int')} = 1`
  const address = bind(addressRow(attempt), 'text')
  const { 'login.address': perAddress, 'login.device': perDevice, 'login.account': perAccount } = rates

  const ctes = `
    person AS MATERIALIZED (
      SELECT id, email, email_canonical, email_verified_at, username, password_hash, roles, status, security_epoch,
        locale, last_seen_at, devices_since
      FROM accounts
      WHERE email_canonical = ${bind(attempt.emailCanonical, 'text')} OR username = ${bind(attempt.username, 'text')}
      LIMIT 1
    ), device AS MATERIALIZED (
      SELECT d.device_id FROM person JOIN ${devicesSql(bind, attempt.devices)}
        ON d.account_id = person.id::text AND d.issued_at >= coalesce(person.devices_since, '-infinity')
      LIMIT 1
    ), lane AS MATERIALIZED (
      SELECT device_id IS NOT NULL AS trusted,
        CASE WHEN device_id IS NULL THEN 'login.account:' || coalesce(person.id::text, ${bind(attempt.identifierHmac, 'text')})
          ELSE 'login.device:' || person.id || ':' || device_id END AS key,
        CASE WHEN device_id IS NULL THEN ${interval(gapMs(perAccount))} ELSE ${interval(gapMs(perDevice))} END AS gap,
        CASE WHEN device_id IS NULL THEN ${interval(reachMs(perAccount))} ELSE ${interval(reachMs(perDevice))} END AS reach,
        CASE WHEN device_id IS NULL THEN ${limits.passwordFailuresInARow} END AS most_failures,
        CASE WHEN device_id IS NOT NULL THEN ${interval(reachMs(perDevice))}
          WHEN person.id IS NULL THEN ${strangerMemory} ELSE ${foreverAway} END AS memory
      FROM (SELECT) AS always LEFT JOIN person ON true LEFT JOIN device ON true
    ), address_taken AS (
      INSERT INTO rate_limits AS r (key, tat, failures, expires_at)
      SELECT ${address}, ${now} + ${interval(gapMs(perAddress))}, 1, ${now} + ${interval(gapMs(perAddress))}
      WHERE ${limited}
      ON CONFLICT (key) DO UPDATE SET
        tat = greatest(r.tat, ${now}) + ${interval(gapMs(perAddress))},
        failures = r.failures + 1,
        expires_at = greatest(r.tat, ${now}) + ${interval(gapMs(perAddress))}
      WHERE greatest(r.tat, ${now}) + ${interval(gapMs(perAddress))} <= ${now} + ${interval(reachMs(perAddress))}
      RETURNING 1
    ), lane_taken AS (
      INSERT INTO rate_limits AS r (key, tat, failures, expires_at)
      SELECT key, ${now} + gap, 1, ${now} + memory FROM lane
      WHERE EXISTS (SELECT FROM address_taken)
      ON CONFLICT (key) DO UPDATE SET
        tat = greatest(r.tat, ${now}) + (excluded.tat - ${now}),
        failures = r.failures + 1,
        expires_at = excluded.expires_at
      WHERE greatest(r.tat, ${now}) + (excluded.tat - ${now}) <= ${now} + (SELECT reach FROM lane)
        AND r.failures < coalesce((SELECT most_failures FROM lane), r.failures + 1)
      RETURNING 1
    )`
  const columns = `person.id IS NOT NULL AS found, person.*, lane.trusted, lane.key AS lane,
    EXISTS (SELECT FROM address_taken) AS address_taken, EXISTS (SELECT FROM lane_taken) AS lane_taken,
    address_row.tat AS address_tat, lane_row.tat AS lane_tat, lane_row.failures AS lane_failures`
  const from = `lane LEFT JOIN person ON true
    LEFT JOIN rate_limits address_row ON address_row.key = ${address}
    LEFT JOIN rate_limits lane_row ON lane_row.key = lane.key`
  return { ctes, columns, from }
}

function devicesSql(bind: Bind, devices: Devices): string {
  const ids = [...devices.values()].map(({ id }) => id)
  const times = [...devices.values()].map(({ issuedAt }) => issuedAt)
  const columns = [bind([...devices.keys()], 'text[]'), bind(ids, 'text[]'), bind(times, 'timestamptz[]')]
  return `unnest(${columns.join(', ')}) AS d (account_id, device_id, issued_at)`
}

export function readPasswordAttempt(row: Answer, attempt: PasswordAttempt): BegunAttempt {
  const refusedBy = attempt.unlimited ? null : refusalOf(row)
  const nowMs = attempt.now.getTime()
  if (!attempt.unlimited) {
    const standing = { tat: row.address_tat, now: attempt.now, taken: row.address_taken }
    reportLimit({ name: 'login.address', ...standingAfter(rates['login.address'], standing) })
  }
  return {
    account: row.found ? personOf(row) : null,
    allowed: refusedBy === null,
    refusedBy,
    retryAfterSeconds: waitSeconds(row, refusedBy, nowMs),
    trusted: row.trusted,
    lane: row.lane,
    address: addressRow(attempt),
  }
}

const addressRow = ({ addressPrefix }: PasswordAttempt): string =>
  limitRow({ name: 'login.address', key: addressPrefix })

function personOf({ id, email, email_canonical, email_verified_at, ...row }: Answer): PersonRow {
  const { username, password_hash, roles, status, security_epoch, locale, last_seen_at } = row
  return {
    id,
    email,
    email_canonical,
    email_verified_at,
    username,
    password_hash,
    roles,
    status,
    security_epoch,
    locale,
    last_seen_at,
  }
}

function refusalOf(row: Answer): RefusedBy | null {
  if (!row.address_taken) return 'address'
  if (row.lane_taken) return null
  const off = !row.trusted && (row.lane_failures ?? 0) >= limits.passwordFailuresInARow
  return off ? 'password_off' : 'account'
}

function waitSeconds(row: Answer, refusedBy: RefusedBy | null, nowMs: number): number {
  if (refusedBy === null) return 0
  if (refusedBy === 'password_off') return passwordOffRetrySeconds
  const ofLane = row.trusted ? rates['login.device'] : rates['login.account']
  const waitMs =
    refusedBy === 'address'
      ? waitOf(row.address_tat, nowMs, rates['login.address'])
      : waitOf(row.lane_tat, nowMs, ofLane)
  return Math.ceil(waitMs / 1000)
}

/** A bucket that rivals filled meanwhile is seen here as it was before them: one gap is a fair answer then. */
const waitOf = (tat: Date | null, nowMs: number, rate: Rate): number =>
  gcra(tat?.getTime() ?? nowMs, nowMs, { rate }).retryAfterMs || gapMs(rate)

/**
 * After a success: the person's lane is empty again and their address gets its one attempt back. It is not emptied:
 * else an account of one's own would buy guesses at others. The lane of unknown devices stays as it is when a
 * known one signs in.
 */
export function settlePasswordAttempt({ lane, address }: Pick<BegunAttempt, 'lane' | 'address'>): Write {
  return {
    row: `rate_limits:${lane}`,
    shape: 'authn_settle_password',
    guard: false,
    survivesRefusal: true,
    // Address before lane, the order in which attempts lock them: two statements never wait for each other.
    sql: (bind) => {
      const keys = bind([address, lane], 'text[]')
      const addressGap = interval(gapMs(rates['login.address']))
      const isAddress = `r.key = ${bind(address, 'text')}`
      return `UPDATE rate_limits r SET
          tat = CASE WHEN ${isAddress} THEN r.tat - ${addressGap} ELSE timestamptz 'epoch' END,
          failures = CASE WHEN ${isAddress} THEN greatest(0, r.failures - 1) ELSE 0 END
        FROM (SELECT key FROM rate_limits WHERE key = ANY (${keys})
          ORDER BY array_position(${keys}, key) FOR UPDATE) locked
        WHERE r.key = locked.key`
    },
  }
}

/**
 * After a comparison that never took place: exactly the one attempt is given back, in both buckets. A statement of
 * its own, since a unit of work keeps nothing of a request that fails. Whatever was counted before stays counted:
 * else whoever fills the hash queue would empty the lane of somebody whose password they guess.
 */
export function giveBackPasswordStatement({
  lane,
  address,
  trusted,
}: Pick<BegunAttempt, 'lane' | 'address' | 'trusted'>): Statement {
  const gaps = [rates['login.address'], trusted ? rates['login.device'] : rates['login.account']].map(gapMs)
  return {
    name: 'authn_give_back_password',
    // Address before lane, as above.
    text: `UPDATE rate_limits r SET tat = r.tat - ${interval('locked.gap')}, failures = greatest(0, r.failures - 1)
      FROM (SELECT b.key, w.gap FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS w (key, gap, turn)
        JOIN rate_limits b ON b.key = w.key ORDER BY w.turn FOR UPDATE OF b) locked
      WHERE r.key = locked.key`,
    values: [[address, lane], gaps],
  }
}

/**
 * Whoever reads the account's mail is its owner: failures in a row from unknown devices no longer turn its password
 * off (NIST SP 800-63B-4 §3.2.2). The wait between guesses stays as it is.
 */
export function settleOwnerProof(accountId: string): Write {
  const lane = limitRow({ name: 'login.account', key: accountId })
  return {
    row: `rate_limits:${lane}:owner`,
    shape: 'authn_settle_owner',
    guard: false,
    survivesRefusal: true,
    sql: (bind) => `UPDATE rate_limits r SET failures = 0 WHERE r.key = ${bind(lane, 'text')}`,
  }
}

/** What settlePasswordAttempt writes, as a statement of its own. */
export function settlePasswordStatement(attempt: Pick<BegunAttempt, 'lane' | 'address'>): Statement {
  const values: unknown[] = []
  const text = settlePasswordAttempt(attempt).sql((value, type) => `$${values.push(value)}::${type}`)
  return { name: 'authn_settle_password', text, values }
}
