// Owns how sessions are written: merged, never overwritten, so that parallel requests keep each other's grants
// and a session that ended or was renewed meanwhile does not come back as it was.
import { limits } from '../../config/limits.ts'
import { fromSeconds } from '../../kernel/time.ts'
import type { Write } from '../../platform/compose.ts'
import type { Payload } from './kinds.ts'
import type { SessionFound } from './reads.ts'
import type { Origin } from './unit-of-work.ts'

type SessionChange = { hash: Buffer; payload: Payload; now: Date }

function columnsOf(payload: Payload) {
  const { jti: _, uid, accountId, authorizations, ...rest } = payload
  return {
    uid: String(uid),
    accountId: accountId ?? null,
    authorizations: authorizations ?? {},
    rest,
    expiresAt: fromSeconds(payload.exp ?? 0),
  }
}

export function insertSession({ hash, payload, now }: SessionChange, origin: Origin): Write {
  const { uid, accountId, authorizations, rest, expiresAt } = columnsOf(payload)
  return {
    guard: false,
    survivesRefusal: true,
    row: `session ${uid}`,
    shape: 'session+',
    sql: (
      bind,
    ) => `INSERT INTO sessions (uid, id_hash, account_id, authorizations, payload, device_name, address,
        created_at, last_seen_at, expires_at)
      SELECT ${bind(uid, 'text')}, ${bind(hash, 'bytea')}, ${bind(accountId, 'uuid')}, ${bind(authorizations, 'jsonb')},
        ${bind(rest, 'jsonb')}, ${bind(origin.userAgent?.slice(0, 200) ?? null, 'text')}, ${bind(origin.address ?? null, 'text')},
        ${bind(now, 'timestamptz')}, ${bind(now, 'timestamptz')}, ${bind(expiresAt, 'timestamptz')}
      WHERE true`,
  }
}

type Members = Record<string, unknown>

const isSame = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right)

/** What became of `before`: the names that are gone, and the members that are new or have another value. */
function changesOf(before: Members, after: Members): { removed: string[]; changed: Members } {
  return {
    removed: Object.keys(before).filter((name) => after[name] === undefined),
    changed: Object.fromEntries(
      Object.entries(after).filter(([name, value]) => value !== undefined && !isSame(value, before[name])),
    ),
  }
}

/**
 * Applies what changed since `loaded`, member by member and client by client, so that parallel requests keep what
 * the other one added. A guard: a session that ended meanwhile, got a new id, another person, or an authorization
 * of the very client this request is about, is no longer what the request was decided on.
 */
export function updateSession({ hash, payload, now }: SessionChange, loaded: SessionFound): Write {
  const { uid, accountId, authorizations, rest, expiresAt } = columnsOf(payload)
  const clients = changesOf(loaded.authorizations, authorizations)
  const members = changesOf(loaded.payload, rest)
  const touched = [...clients.removed, ...Object.keys(clients.changed)]
  const before = Object.fromEntries(
    Object.entries(loaded.authorizations).filter(([clientId]) => touched.includes(clientId)),
  )
  return {
    guard: true,
    survivesRefusal: true,
    row: `session ${uid}`,
    shape: 'session=',
    sql: (
      bind,
    ) => `UPDATE sessions SET id_hash = ${bind(hash, 'bytea')}, account_id = ${bind(accountId, 'uuid')},
        authorizations = (authorizations - ${bind(clients.removed, 'text[]')}) || ${bind(clients.changed, 'jsonb')},
        payload = (payload - ${bind(members.removed, 'text[]')}) || ${bind(members.changed, 'jsonb')},
        version = version + 1, last_seen_at = ${bind(now, 'timestamptz')}, expires_at = ${bind(expiresAt, 'timestamptz')}
      WHERE uid = ${bind(uid, 'text')} AND id_hash = ${bind(loaded.id_hash, 'bytea')}
        AND account_id IS NOT DISTINCT FROM ${bind(loaded.account_id, 'uuid')}
        AND ${bind(before, 'jsonb')} = (SELECT coalesce(jsonb_object_agg(key, value), '{}')
          FROM jsonb_each(authorizations) WHERE key = ANY (${bind(touched, 'text[]')}))`,
  }
}

/**
 * Ends the oldest sessions of somebody who has just got one more than they may have. Of sign-ins at the same moment
 * none sees the others; what that leaves too many, the next one ends.
 */
export function endOldestSessions(accountId: string, { keep, now }: { keep: string; now: Date }): Write {
  return {
    guard: false,
    survivesRefusal: true,
    row: `sessions of ${accountId}`,
    shape: 'sessions<',
    // Whoever is at one of them already need not be waited for
    sql: (bind) => `DELETE FROM sessions WHERE uid IN (
        SELECT uid FROM sessions WHERE uid IN (
          SELECT uid FROM sessions
          WHERE account_id = ${bind(accountId, 'uuid')} AND uid <> ${bind(keep, 'text')}
            AND expires_at > ${bind(now, 'timestamptz')}
          ORDER BY created_at DESC, uid DESC OFFSET ${limits.sessionsPerAccount - 1})
        FOR UPDATE SKIP LOCKED)`,
  }
}

/** Keeps a session that has no cookie alive, whose tokens were renewed. */
export function touchSession(uid: string, { now, expiresAt }: { now: Date; expiresAt: Date }): Write {
  return {
    guard: false,
    survivesRefusal: false,
    row: `session ${uid}`,
    shape: 'session~',
    sql: (bind) => `UPDATE sessions SET last_seen_at = ${bind(now, 'timestamptz')},
        expires_at = ${bind(expiresAt, 'timestamptz')},
        payload = payload || ${bind({ exp: Math.floor(expiresAt.getTime() / 1000) }, 'jsonb')}
      WHERE uid = ${bind(uid, 'text')}`,
  }
}

/** Ends a session; what hangs on its grants is ended by whoever ends it, grant by grant. */
export function deleteSession(uid: string): Write {
  return {
    guard: false,
    survivesRefusal: true,
    row: `session ${uid}`,
    shape: 'session-',
    sql: (bind) => `DELETE FROM sessions WHERE uid = ${bind(uid, 'text')}`,
  }
}
