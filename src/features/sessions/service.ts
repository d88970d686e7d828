// Owns where a person is signed in and which apps they let in: shown, and ended one by one or together.
// What ends here is over with the commit: sessions, grants, and the tokens that hang on them.
import { notFound } from '../../kernel/errors.ts'
import type { EventType } from '../../kernel/events.ts'
import { isId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Audit, AuditEvent } from '../audit/service.ts'
import { deviceNameOf } from './device-names.ts'
import type { AppAccess, By, SignedInDevice } from './schema.ts'
import type { SessionStore } from './store.ts'

export type SessionsDeps = {
  db: Pick<Db, 'inTransaction'>
  store: SessionStore
  clock: Clock
  audit: Pick<Audit, 'record'>
  /** Ends every session and token of an account. */
  endAllOf: (tx: Tx, accountId: string) => Promise<void>
}

export type Sessions = ReturnType<typeof createSessions>

// What could not have been written as one is not looked for: a NUL would be an error of the database.
const uidShape = /^[\w-]{1,64}$/

export function createSessions({ db, store, clock, audit, endAllOf }: SessionsDeps) {
  /** The one seen last comes first. */
  async function listFor(accountId: string, currentUid?: string): Promise<SignedInDevice[]> {
    const rows = isId(accountId) ? await store.list(accountId, clock.now()) : undefined
    if (!rows) throw notFound('account_not_found')
    return rows.map((row) => ({
      id: row.uid,
      ...deviceNameOf(row.device_name),
      address: row.address,
      created_at: row.created_at,
      last_seen_at: row.last_seen_at,
      current: row.uid === currentUid,
    }))
  }

  /** A page of where anybody is signed in, or one person. */
  async function list({ cursor, limit, accountId }: { cursor?: string; limit: number; accountId?: string }) {
    const rows = await store.page({
      ...(cursor !== undefined && { after: cursor }),
      ...(accountId !== undefined && { accountId }),
      limit: limit + 1,
      now: clock.now(),
    })
    const data = rows.slice(0, limit).map(({ uid, account_id, device_name, ...row }) => ({
      id: uid,
      accountId: account_id,
      device: deviceNameOf(device_name).device,
      ...row,
    }))
    return { data, nextCursor: rows.length > limit ? (data.at(-1)?.id ?? null) : null }
  }

  /** Whose session it is; one that has ended is nobody's. */
  async function getOwner(id: string): Promise<string> {
    const owner = uidShape.test(id) ? await store.ownerOf(id) : null
    if (owner === null) throw notFound('session_not_found')
    return owner
  }

  const record = (
    tx: Tx,
    type: EventType,
    accountId: string,
    more: Partial<AuditEvent> & By,
  ): Promise<void> => {
    const { actor = { kind: 'account', id: accountId }, ...rest } = more
    return audit.record(tx, { type, actor, accountId, ...rest })
  }

  /** Another's session is as unknown as one that never was. */
  async function end(accountId: string, id: string, by: By = {}): Promise<void> {
    if (!uidShape.test(id)) throw notFound('session_not_found')
    await db.inTransaction(async (tx) => {
      const ended = await store.end(tx, accountId, { only: id })
      if (ended.length === 0) throw notFound('session_not_found')
      await record(tx, 'session.ended', accountId, { ...by, details: { sessions: ended } })
    })
  }

  /** Gives how many ended. */
  async function endOthers(accountId: string, keepUid: string, by: By = {}): Promise<number> {
    return db.inTransaction(async (tx) => {
      const ended = await store.end(tx, accountId, { except: keepUid })
      if (ended.length > 0)
        await record(tx, 'session.ended', accountId, { ...by, details: { sessions: ended } })
      return ended.length
    })
  }

  /**
   * After a change of what guards the account, in the caller's transaction, who writes a fact of their own: only the
   * session in which it happened goes on, with what hangs on it.
   */
  async function endOthersIn(tx: Tx, accountId: string, keepUid: string | undefined): Promise<void> {
    if (keepUid === undefined) await endAllOf(tx, accountId)
    else await store.endAllBut(tx, accountId, keepUid)
  }

  /** Ends apps with offline access too, which no session holds any more. */
  async function endAll(accountId: string, by: By = {}): Promise<void> {
    await db.inTransaction(async (tx) => {
      await endAllOf(tx, accountId)
      await record(tx, 'session.ended', accountId, { ...by, details: { sessions: 'all' } })
    })
  }

  /** One entry for each app, however many grants it has. */
  async function listApps(accountId: string): Promise<AppAccess[]> {
    const apps = new Map<string, AppAccess>()
    for (const { client_id, created_at, last_seen_at, payload } of await store.listGrants(
      accountId,
      clock.now(),
    )) {
      const scopes = [payload.openid?.scope ?? '', ...Object.values(payload.resources ?? {})].join(' ')
      const known = apps.get(client_id) ?? { client_id, scopes: [], since: created_at, last_seen_at }
      const all = new Set([...known.scopes, ...scopes.split(' ').filter(Boolean)])
      apps.set(client_id, { ...known, scopes: [...all] })
    }
    return [...apps.values()]
  }

  async function revokeApp(accountId: string, clientId: string, by: By = {}): Promise<void> {
    await db.inTransaction(async (tx) => {
      const ended = await store.endGrants(tx, accountId, clientId)
      if (ended === 0) throw notFound('grant_not_found')
      await record(tx, 'grant.revoked', accountId, { ...by, clientId, details: { grants: ended } })
    })
  }

  return { listFor, list, getOwner, end, endOthers, endOthersIn, endAll, listApps, revokeApp }
}
