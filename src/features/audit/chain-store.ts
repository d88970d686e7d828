// Owns reading the chain back, piece by piece, for whoever holds it against the facts.
import { dateOf } from '../../kernel/time.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Link } from './chain-policy.ts'
import { canonicalSql } from './seal-store.ts'

/** A seal and the fact that it is for: `canonical` is null when that is not there. */
export type SealedRow = Link & { id: string; at: Date; canonical: string | null }
/** A fact by its place in the log; `isKnown` when it is sealed or waits for that. */
export type LoggedRow = { id: string; at: Date; isKnown: boolean }

export type ChainStore = ReturnType<typeof createChainStore>

export function createChainStore(db: Pick<Db, 'query'>) {
  const listSeals = (behind: number, limit: number): Promise<SealedRow[]> =>
    db.query<SealedRow>({
      name: 'audit_chain_seals',
      text: `SELECT s.seq, s.hash, s.event_id AS id, s.event_at AS at,
          CASE WHEN e.id IS NOT NULL THEN ${canonicalSql('e')} END AS canonical
        FROM audit_seals s LEFT JOIN audit_events e ON e.id = s.event_id AND e.at = s.event_at
        WHERE s.seq > $1::bigint ORDER BY s.seq LIMIT $2::int`,
      values: [behind, limit],
    })

  /** Every fact, whether or not a seal names it. */
  const listFacts = (behind: Pick<LoggedRow, 'id' | 'at'> | undefined, limit: number): Promise<LoggedRow[]> =>
    db.query<LoggedRow>({
      name: 'audit_chain_facts',
      text: `SELECT e.id, e.at, (s.seq IS NOT NULL OR u.id IS NOT NULL) AS "isKnown"
        FROM audit_events e
        LEFT JOIN audit_seals s ON s.event_id = e.id AND s.event_at = e.at
        LEFT JOIN audit_unsealed u ON u.id = e.id AND u.at = e.at
        WHERE (e.at, e.id) > ($1::timestamptz, $2::uuid) ORDER BY e.at, e.id LIMIT $3::int`,
      values: [behind?.at ?? '-infinity', behind?.id ?? '00000000-0000-0000-0000-000000000000', limit],
    })

  /** How many facts wait for their seal, and one that was taken away before it got one. */
  async function findWaiting(): Promise<{ count: number; missing: { id: string; at: Date } | undefined }> {
    const rows = await db.query<{ count: number; id: string | null; at: Date | null }>({
      name: 'audit_chain_waiting',
      text: `SELECT (SELECT count(*) FROM audit_unsealed) AS count, u.id, u.at
        FROM (SELECT 1) AS one LEFT JOIN LATERAL (
          SELECT id, at FROM audit_unsealed w
          WHERE NOT EXISTS (SELECT FROM audit_events e WHERE e.id = w.id AND e.at = w.at) LIMIT 1) u ON true`,
      values: [],
    })
    const { count = 0, id = null, at = null } = rows[0] ?? {}
    return { count, missing: id !== null && at !== null ? { id, at } : undefined }
  }

  /** What the newest fact about the retention says was dropped. */
  async function findDropped(): Promise<{ at: Date; before: Date } | undefined> {
    const [row] = await db.query<{ at: Date; before: string | null }>({
      name: 'audit_chain_dropped',
      text: `SELECT at, details->>'before' AS before FROM audit_events
        WHERE type = 'audit.dropped' ORDER BY at DESC LIMIT 1`,
      values: [],
    })
    return row && { at: row.at, before: dateOf(row.before ?? '') }
  }

  return { listSeals, listFacts, findWaiting, findDropped }
}
