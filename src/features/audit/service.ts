// Owns the audit log: one row per fact, written together with what it tells of.
// Names of facts are kernel/events.ts.
import type { Actor, EventType } from '../../kernel/events.ts'
import { newId } from '../../kernel/secrets.ts'
import { type Clock, dateOf } from '../../kernel/time.ts'
import type { Bind, Write } from '../../platform/compose.ts'
import { currentOrigin } from '../../platform/origin.ts'
import type { Db, Statement, Tx } from '../../platform/postgres.ts'
import {
  type AuditDetails,
  type AuditFilter,
  type AuditRow,
  insertEvent,
  insertEvents,
  insertSql,
  listEvents,
  searchEvents,
} from './store.ts'

export type AuditEvent = {
  type: EventType
  actor: Actor
  accountId?: string
  clientId?: string
  requestId?: string
  address?: string
  details?: AuditDetails
}

export type Audit = ReturnType<typeof createAudit>

export function createAudit({ db, clock }: { db: Pick<Db, 'query'>; clock: Clock }) {
  function rowOf({ type, actor, accountId, clientId, requestId, address, details }: AuditEvent): AuditRow {
    const now = clock.now()
    // Of the request under way, where whoever records it does not say so
    const from = currentOrigin()
    return {
      id: newId(now),
      at: now,
      type,
      actor: whoOf(actor),
      accountId: accountId ?? null,
      clientId: clientId ?? null,
      requestId: requestId ?? from?.requestId ?? null,
      address: address ?? from?.address ?? null,
      device: from?.device ?? null,
      details: details ?? {},
    }
  }

  function recordStatement(event: AuditEvent): Statement {
    const values: unknown[] = []
    const bind: Bind = (value, type) =>
      `$${values.push(type === 'jsonb' ? JSON.stringify(value) : value)}::${type}`
    return { name: 'audit_record', text: insertSql(rowOf(event), bind), values }
  }

  /** For the unit of work of a request; facts about refusals are written although the handler refuses. */
  function recordWrite(event: AuditEvent): Write {
    const row = rowOf(event)
    return {
      row: `audit_events:${row.id}`,
      shape: 'audit_record',
      guard: false,
      survivesRefusal: true,
      sql: (bind) => insertSql(row, bind),
    }
  }

  /** In the caller's transaction: a fact that cannot be recorded does not happen. */
  async function record(tx: Tx, event: AuditEvent): Promise<void> {
    await insertEvent(tx, rowOf(event))
  }

  /** The same for many at once. */
  async function recordAll(tx: Tx, events: readonly AuditEvent[]): Promise<void> {
    if (events.length > 0) await insertEvents(tx, events.map(rowOf))
  }

  /** By itself, for what has no transaction: a refused sign-in. */
  async function recordAlone(event: AuditEvent): Promise<void> {
    await db.query(recordStatement(event))
  }

  const listFor = (accountId: string): Promise<AuditRow[]> => listEvents(db, accountId)

  /** A page, newest first. The cursor is where the page before ended. */
  async function search(filter: AuditFilter, { cursor, limit }: { cursor?: string; limit: number }) {
    const [at = '', id = ''] = cursor?.split(' ') ?? []
    const before = cursor === undefined ? undefined : { at: dateOf(at), id }
    const rows = await searchEvents(db, filter, { before, limit: limit + 1 })
    const data = rows.slice(0, limit)
    const last = rows.length > limit ? data.at(-1) : undefined
    return { data, nextCursor: last ? `${last.at.toISOString()} ${last.id}` : null }
  }

  return { search, record, recordAll, recordAlone, recordStatement, recordWrite, listFor }
}

/** By name: what somebody was allowed is no part of who they are. */
const whoOf = ({ kind, ...actor }: Actor): Actor =>
  ('id' in actor ? { kind, id: actor.id } : { kind }) as Actor
