// Owns the SQL of the audit log: rows are added, never changed.
import type { Actor, EventType } from '../../kernel/events.ts'
import type { Bind } from '../../platform/compose.ts'
import type { Db, Tx } from '../../platform/postgres.ts'

/** What else there is to know of a fact: plain values, never a secret, never a whole row. */
export type AuditDetails = Record<string, string | number | boolean | null | readonly string[]>

export type AuditRow = {
  id: string
  at: Date
  type: EventType
  actor: Actor
  accountId: string | null
  clientId: string | null
  requestId: string | null
  address: string | null
  /** The User-Agent, cut short. */
  device: string | null
  details: AuditDetails
}

/** Of a fact, as AuditRow names them. */
export const columnsOf = (fact: string): string =>
  `${fact}.id, ${fact}.at, ${fact}.type, ${fact}.actor, ${fact}.account_id AS "accountId",
    ${fact}.client_id AS "clientId", ${fact}.request_id AS "requestId", ${fact}.address, ${fact}.device, ${fact}.details`

/** Ends in a WHERE clause, as every write of a unit of work does. */
export function insertSql(row: AuditRow, bind: Bind): string {
  return `INSERT INTO audit_events (id, at, type, actor, account_id, client_id, request_id, address, device, details)
    SELECT ${bind(row.id, 'uuid')}, ${bind(row.at, 'timestamptz')}, ${bind(row.type, 'text')},
      ${bind(row.actor, 'jsonb')}, ${bind(row.accountId, 'uuid')}, ${bind(row.clientId, 'text')},
      ${bind(row.requestId, 'text')}, ${bind(row.address, 'text')}, ${bind(row.device, 'text')},
      ${bind(row.details, 'jsonb')}
    WHERE true`
}

/** What is known of one person, oldest first; of very much the newest. */
export async function listEvents(db: Pick<Db, 'query'>, accountId: string): Promise<AuditRow[]> {
  const rows = await db.query<AuditRow>({
    name: 'audit_of_account',
    text: `SELECT ${columnsOf('e')} FROM audit_events e
      WHERE account_id = $1::uuid ORDER BY at DESC, id DESC LIMIT 10000`,
    values: [accountId],
  })
  return rows.reverse()
}

export type AuditFilter = {
  type?: string | undefined
  accountId?: string | undefined
  clientId?: string | undefined
  /** Of the account or client that did it. */
  actorId?: string | undefined
  teamId?: string | undefined
  requestId?: string | undefined
  /** RFC 3339. */
  since?: string | undefined
  until?: string | undefined
}
export type AuditPlace = { at: Date; id: string }

const filters = {
  type: (value: string) => `type = ${value}::text`,
  accountId: (value: string) => `account_id = ${value}::uuid`,
  clientId: (value: string) => `client_id = ${value}::text`,
  actorId: (value: string) => `actor->>'id' = ${value}::text`,
  // A fact of a team names it there
  teamId: (value: string) => `details->>'team' = ${value}::text`,
  requestId: (value: string) => `request_id = ${value}::text`,
  since: (value: string) => `at >= ${value}::timestamptz`,
  until: (value: string) => `at < ${value}::timestamptz`,
} satisfies Record<keyof AuditFilter, (value: string) => string>

/** Newest first. Each set of filters is a statement of its own, so that the index of its first column is used. */
export function searchEvents(
  db: Pick<Db, 'query'>,
  filter: AuditFilter,
  { before, limit }: { before: AuditPlace | undefined; limit: number },
): Promise<AuditRow[]> {
  const values: unknown[] = [limit]
  const bind = (value: unknown): string => `$${values.push(value)}`
  const names = (Object.keys(filters) as (keyof AuditFilter)[]).filter((name) => filter[name] !== undefined)
  const conditions = names.map((name) => filters[name](bind(filter[name])))
  if (before) conditions.push(`(at, id) < (${bind(before.at)}::timestamptz, ${bind(before.id)}::uuid)`)
  return db.query<AuditRow>({
    name: ['audit_search', ...names, before ? 'next' : 'first'].join('_'),
    text: `SELECT ${columnsOf('e')} FROM audit_events e
      ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}
      ORDER BY at DESC, id DESC LIMIT $1::int`,
    values,
  })
}

export async function insertEvent(tx: Tx, row: AuditRow): Promise<void> {
  await tx.auditEvent.create({ data: row, select: { id: true } })
}

/** One statement, however many there are. */
export async function insertEvents(tx: Tx, rows: readonly AuditRow[]): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO audit_events (id, at, type, actor, account_id, client_id, request_id, address, details)
    SELECT id, at, type, actor, "accountId", "clientId", "requestId", address, details
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS event (
      id uuid, at timestamptz, type text, actor jsonb, "accountId" uuid, "clientId" text, "requestId" text,
      address text, details jsonb)`
}
