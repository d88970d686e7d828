// Owns the SQL of the chain: what waits for its seal, and the seals, which are added and never changed.
import { isUniqueViolation } from '../../platform/database-errors.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Link } from './chain-policy.ts'

/** Told the newest place of the chain whenever facts were sealed. */
export const sealedChannel = 'audit_sealed'

/** Only one process seals at a time; the primary key of the seals holds even without it. */
const lockId = 72_707_370

/**
 * What a fact says in the chain. Made by PostgreSQL's own functions where it is asked for, never by one stored in the
 * database, which whoever changes facts could change as well. A column that is null is left out, so that one which is
 * added later leaves the facts before it as they were; jsonb has one spelling for one value.
 */
export const canonicalSql = (fact: string): string =>
  `jsonb_strip_nulls(jsonb_build_object(
    'id', ${fact}.id, 'at', (extract(epoch FROM ${fact}.at) * 1000)::bigint, 'type', ${fact}.type,
    'actor', ${fact}.actor::text, 'account_id', ${fact}.account_id, 'client_id', ${fact}.client_id,
    'request_id', ${fact}.request_id, 'address', ${fact}.address, 'device', ${fact}.device,
    'details', ${fact}.details::text))::text`

export type Unsealed = { id: string; at: Date; canonical: string }

type Head = { head_seq: number | null; head_hash: Buffer | null }

export type SealStore = ReturnType<typeof createSealStore>

export function createSealStore(db: Pick<Db, 'query'>) {
  async function hasUnsealed(): Promise<boolean> {
    const [row] = await db.query<{ waiting: boolean }>({
      name: 'audit_seal_probe',
      text: 'SELECT EXISTS (SELECT FROM audit_unsealed) AS waiting',
      values: [],
    })
    return row?.waiting === true
  }

  /** The newest seal and the facts that follow it, as they stood at one moment. Ids sort by the time of the fact. */
  async function readUnsealed(limit: number): Promise<{ head: Link | undefined; facts: Unsealed[] }> {
    const rows = await db.query<Unsealed & Head>({
      name: 'audit_seal_read',
      text: `SELECT e.id, e.at, ${canonicalSql('e')} AS canonical, head.seq AS head_seq, head.hash AS head_hash
        FROM audit_unsealed u
        JOIN audit_events e ON e.id = u.id AND e.at = u.at
        LEFT JOIN LATERAL (SELECT seq, hash FROM audit_seals ORDER BY seq DESC LIMIT 1) head ON true
        ORDER BY u.id LIMIT $1::int`,
      values: [limit],
    })
    const { head_seq: seq = null, head_hash: hash = null } = rows[0] ?? {}
    return { head: seq === null || hash === null ? undefined : { seq, hash }, facts: rows }
  }

  /**
   * All of them, or none when another process was first: then its seals have these places. Whoever listens is told
   * where the chain ends now.
   */
  async function seal(facts: readonly Unsealed[], links: readonly Link[]): Promise<boolean> {
    try {
      const [row] = await db.query<{ sealed: number }>({
        name: 'audit_seal_write',
        text: `WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($1::bigint) AS mine),
          sealed AS (
            INSERT INTO audit_seals (seq, event_id, event_at, hash)
            SELECT new.* FROM unnest($2::bigint[], $3::uuid[], $4::timestamptz[], $5::bytea[]) AS new, turn
            WHERE turn.mine RETURNING seq),
          waited AS (
            DELETE FROM audit_unsealed USING turn WHERE turn.mine AND audit_unsealed.id = ANY ($3::uuid[]))
          SELECT count(*)::int AS sealed,
            CASE WHEN count(*) > 0 THEN pg_notify('${sealedChannel}', max(seq)::text) END
          FROM sealed`,
        values: [
          lockId,
          links.map(({ seq }) => seq),
          facts.map(({ id }) => id),
          facts.map(({ at }) => at),
          links.map(({ hash }) => hash),
        ],
      })
      return (row?.sealed ?? 0) > 0
    } catch (error) {
      if (isUniqueViolation(error)) return false
      throw error
    }
  }

  return { hasUnsealed, readUnsealed, seal }
}
