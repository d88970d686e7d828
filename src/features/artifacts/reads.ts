// Owns the SQL that finds artifacts. One statement brings along all that oidc-provider asks for next:
// the grant, the session and the account, which the unit of work then answers from.
import { gather } from '../../platform/gather.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Payload } from './kinds.ts'

/** The account as the view `account_snapshot` shows it. */
export type AccountSnapshot = {
  id: string
  status: string
  security_epoch: number
  email: string
  email_verified: boolean
  username: string | null
  profile: Record<string, unknown>
  roles: string[]
  /** `permissions`: of a role that is the team's own. */
  teams: { id: string; slug: string; name: string; role: string; permissions?: string[] | null }[] | null
  updated_at: string
  /** What those roles hold that are not built in, by name. */
  own_roles: Record<string, string[]> | null
}

export type GrantJson = { id: string; payload: Payload }

/** A session without its bearer id. */
export type SessionMembers = {
  uid: string
  account_id: string | null
  authorizations: Record<string, unknown>
  payload: Payload
}

export type SessionFound = SessionMembers & {
  id_hash: Buffer
  account: AccountSnapshot | null
  grants: GrantJson[] | null
}

export type TokenFound = {
  kind: string
  payload: Payload
  consumed_at: Date | null
  grant: GrantJson | null
  session: SessionMembers | null
  account: AccountSnapshot | null
  family_id: string | null
  generation: number | null
  has_child: boolean | null
  child_consumed: boolean | null
  grace_seconds: number | null
}

export type InteractionFound = {
  sealed: Buffer
  client_id: string
  attempt: Record<string, unknown>
  account_id: string | null
  browser_hash: Buffer | null
  expires_at: Date
  finished_at: Date | null
  account: AccountSnapshot | null
  grant: GrantJson | null
}

const account = `CASE WHEN a.id IS NOT NULL THEN to_jsonb(a) END AS account`
const grant = `CASE WHEN g.id IS NOT NULL THEN jsonb_build_object('id', g.id, 'payload', g.payload) END AS "grant"`

const artifactTokens = `
  SELECT kind, payload, consumed_at, grant_id, NULL::uuid AS family_id, NULL::int AS generation,
    NULL::boolean AS has_child, NULL::boolean AS child_consumed, NULL::int AS grace_seconds
  FROM artifacts WHERE kind = asked.kind AND id_hash = asked.id_hash`

const refreshTokens = `
  SELECT 'RefreshToken' AS kind, r.payload, r.consumed_at, r.grant_id, r.family_id, r.generation,
    child.id_hash IS NOT NULL, child.consumed_at IS NOT NULL, c.refresh_grace_seconds
  FROM refresh_tokens r
  LEFT JOIN refresh_tokens child ON child.id_hash = r.replaced_by
  LEFT JOIN clients c ON c.id = r.client_id
  WHERE r.id_hash = asked.id_hash AND asked.kind = 'RefreshToken'`

// A subquery, since the planner would join a small table of sessions as a whole, and keep to it when it has grown.
const session = `(SELECT jsonb_build_object('uid', s.uid, 'account_id', s.account_id,
    'authorizations', s.authorizations, 'payload', s.payload)
  FROM sessions s WHERE s.uid = t.payload->>'sessionUid' AND s.expires_at > $3::timestamptz) AS session`

const withCompany = (tokens: string) => `
  SELECT t.*, ${grant}, ${session}, ${account}
  FROM (${tokens}) t LEFT JOIN grants g ON g.id = t.grant_id LEFT JOIN account_snapshot a ON a.id = g.account_id`

// Introspection and revocation say nothing about the person; only a client that is not for everybody asks for them.
const accountOfLimited = `(SELECT to_jsonb(a) FROM clients c JOIN account_snapshot a ON a.id = g.account_id
  WHERE c.id = g.client_id AND c.metadata ? 'access') AS account`

const withLimitedAccount = (tokens: string) => `
  SELECT t.*, ${grant}, ${session}, ${accountOfLimited}
  FROM (${tokens}) t LEFT JOIN grants g ON g.id = t.grant_id`

/**
 * Asks for each of many tokens by itself, so that one statement serves many requests. OFFSET 0 keeps the planner from
 * joining whole tables instead: it does so while they are small, and its plan stays when they have grown.
 */
const forEach = (found: string) => `
  SELECT asked.place::int AS place, found.*
  FROM unnest($1::bytea[], $2::text[]) WITH ORDINALITY AS asked (id_hash, kind, place),
    LATERAL (${found} OFFSET 0) AS found`

const statements = {
  artifact: { name: 'find_artifacts', text: forEach(withCompany(artifactTokens)) },
  // The column names come from the first branch of a union, so a lone refresh token keeps that branch's shape.
  refresh: {
    name: 'find_refresh_tokens',
    text: forEach(
      withCompany(`SELECT * FROM (${refreshTokens}) AS r (kind, payload, consumed_at, grant_id, family_id,
        generation, has_child, child_consumed, grace_seconds)`),
    ),
  },
  either: {
    name: 'find_any_tokens',
    text: forEach(withLimitedAccount(`${artifactTokens} UNION ALL ${refreshTokens}`)),
  },
}

type TokenAsked = { hash: Buffer; kinds: readonly string[]; now: Date }
export type FindTokens = (asked: TokenAsked) => Promise<TokenFound[]>

const mostTogether = 64

/** Finds tokens of any of the kinds by the hash of their value, with grant, session and account. */
export function createFindTokens(db: Db): FindTokens {
  const finding = (statement: { name: string; text: string }) =>
    gather<TokenAsked, TokenFound[]>(
      async (all) => {
        // One place for each kind that a value may be of
        const places = all.flatMap(({ hash, kinds }, caller) => kinds.map((kind) => ({ hash, kind, caller })))
        const rows = await db.query<TokenFound & { place: number }>({
          ...statement,
          values: [places.map(({ hash }) => hash), places.map(({ kind }) => kind), all[0]?.now],
        })
        const found = all.map((): TokenFound[] => [])
        for (const row of rows) found[places[row.place - 1]?.caller ?? 0]?.push(row)
        return found
      },
      { most: mostTogether },
    )
  const artifact = finding(statements.artifact)
  const refresh = finding(statements.refresh)
  const either = finding(statements.either)

  return (wanted) => {
    if (!wanted.kinds.includes('RefreshToken')) return artifact(wanted)
    return wanted.kinds.length === 1 ? refresh(wanted) : either(wanted)
  }
}

const grantsOfSession = `(SELECT jsonb_agg(jsonb_build_object('id', g.id, 'payload', g.payload))
  FROM jsonb_each(s.authorizations) AS entry JOIN grants g ON g.id = entry.value->>'grantId') AS grants`

/** Finds a session by the hash of its cookie or by its uid, with its account and grants. */
export async function findSession(db: Db, by: { hash: Buffer } | { uid: string }, now: Date) {
  const where = 'hash' in by ? 's.id_hash = $1::bytea' : 's.uid = $1::text'
  const [row] = await db.query<SessionFound>({
    name: 'hash' in by ? 'find_session' : 'find_session_by_uid',
    text: `SELECT s.uid, s.id_hash, s.account_id, s.authorizations, s.payload, ${account}, ${grantsOfSession}
      FROM sessions s LEFT JOIN account_snapshot a ON a.id = s.account_id
      WHERE ${where} AND s.expires_at > $2::timestamptz`,
    values: ['hash' in by ? by.hash : by.uid, now],
  })
  return row
}

export async function findGrant(db: Db, id: string) {
  const [row] = await db.query<{ payload: Payload; account: AccountSnapshot | null }>({
    name: 'find_grant',
    text: `SELECT g.payload, ${account} FROM grants g LEFT JOIN account_snapshot a ON a.id = g.account_id
      WHERE g.id = $1::text`,
    values: [id],
  })
  return row
}

/** The columns by which a sign-in statement of another feature may bring its interaction along. */
export const interactionColumns = `i.sealed, i.client_id, i.attempt, i.account_id, i.browser_hash,
  i.expires_at, i.finished_at`

/** Finds an interaction, finished and expired ones too: those can be begun again until `restart_until`. */
export async function findInteraction(db: Db, hash: Buffer, now: Date) {
  const [row] = await db.query<InteractionFound>({
    name: 'find_interaction',
    text: `SELECT ${interactionColumns}, ${account}, ${grant}
      FROM interactions i
      LEFT JOIN grants g ON g.id = i.grant_id
      LEFT JOIN account_snapshot a ON a.id = i.account_id
      WHERE i.id_hash = $1::bytea AND i.restart_until > $2::timestamptz`,
    values: [hash, now],
  })
  return row
}

export async function findAccount(db: Db, id: string) {
  const [row] = await db.query<{ account: AccountSnapshot | null }>({
    name: 'find_account_snapshot',
    text: `SELECT ${account} FROM account_snapshot a WHERE a.id = $1::uuid`,
    values: [id],
  })
  return row?.account ?? undefined
}

type JwtToFind = { jtiHash: Buffer; grantId?: string; sessionUid?: string | undefined; now: Date }

/** What a JWT access token stands on: its grant, its account, and whether itself or its session has ended. */
export async function findJwtState(db: Db, { jtiHash, grantId, sessionUid, now }: JwtToFind) {
  const [row] = await db.query<{
    ended: boolean
    grant: GrantJson | null
    account: AccountSnapshot | null
  }>({
    name: 'find_jwt_state',
    text: `SELECT EXISTS (SELECT 1 FROM artifacts WHERE kind = 'RevokedJwt' AND id_hash = $1::bytea)
          OR ($3::text IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM sessions WHERE uid = $3::text AND expires_at > $4::timestamptz)) AS ended,
        ${grant}, ${account}
      FROM (SELECT 1) AS one
      LEFT JOIN grants g ON g.id = $2::text
      LEFT JOIN account_snapshot a ON a.id = g.account_id`,
    values: [jtiHash, grantId ?? null, sessionUid ?? null, now],
  })
  return row
}

/**
 * Claims a one-time value (RFC 7523 §3 `jti`, RFC 9449 §11.1) until then: of any number of requests at once one gets
 * `undefined`, "never seen"; the others get the row that was there first.
 */
export async function claimReplay(
  db: Db,
  hash: Buffer,
  { now, until }: { now: Date; until: Date },
): Promise<Payload | undefined> {
  const claimed = await db.query<{ claimed: boolean }>({
    name: 'claim_replay',
    text: `INSERT INTO artifacts AS known (kind, id_hash, payload, expires_at)
      VALUES ('ReplayDetection', $1::bytea, '{}', $3::timestamptz)
      ON CONFLICT (kind, id_hash) DO UPDATE SET expires_at = EXCLUDED.expires_at WHERE known.expires_at <= $2::timestamptz
      RETURNING true AS claimed`,
    values: [hash, now, until],
  })
  return claimed.length > 0 ? undefined : { kind: 'ReplayDetection' }
}
