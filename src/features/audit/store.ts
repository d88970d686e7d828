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
  details: AuditDetails
}

/** Ends in a WHERE clause, as every write of a unit of work does. */
export function insertSql(row: AuditRow, bind: Bind): string {
  return `INSERT INTO audit_events (id, at, type, actor, account_id, client_id, request_id, address, details)
    SELECT ${bind(row.id, 'uuid')}, ${bind(row.at, 'timestamptz')}, ${bind(row.type, 'text')},
      ${bind(row.actor, 'jsonb')}, ${bind(row.accountId, 'uuid')}, ${bind(row.clientId, 'text')},
      ${bind(row.requestId, 'text')}, ${bind(row.address, 'text')}, ${bind(row.details, 'jsonb')}
    WHERE true`
}

/** What is known of one person, oldest first; of very much the newest. */
export async function listEvents(db: Pick<Db, 'query'>, accountId: string): Promise<AuditRow[]> {
  const rows = await db.query<AuditRow>({
    name: 'audit_of_account',
    text: `SELECT id, at, type, actor, account_id AS "accountId", client_id AS "clientId",
        request_id AS "requestId", address, details
      FROM audit_events WHERE account_id = $1::uuid ORDER BY at DESC, id DESC LIMIT 10000`,
    values: [accountId],
  })
  return rows.reverse()
}

export async function insertEvent(tx: Tx, row: AuditRow): Promise<void> {
  await tx.auditEvent.create({ data: row, select: { id: true } })
}
