// Owns reading facts in the order of their seals, which is the order in which they are told.
import type { Db } from '../../platform/postgres.ts'
import { type AuditRow, columnsOf } from './store.ts'

export type SealedFact = AuditRow & { seq: number }

export type FeedStore = ReturnType<typeof createFeedStore>

export function createFeedStore(db: Pick<Db, 'query'>) {
  const listBehind = (seq: number, limit: number): Promise<SealedFact[]> =>
    db.query<SealedFact>({
      name: 'audit_feed',
      text: `SELECT s.seq, ${columnsOf('e')}
        FROM audit_seals s JOIN audit_events e ON e.id = s.event_id AND e.at = s.event_at
        WHERE s.seq > $1::bigint ORDER BY s.seq LIMIT $2::int`,
      values: [seq, limit],
    })

  /** Where the chain ends, 0 when nothing is sealed, and whether the fact behind `seq` is there. */
  async function lookBehind(seq: number): Promise<{ last: number; continues: boolean }> {
    const [row] = await db.query<{ last: number; continues: boolean }>({
      name: 'audit_feed_place',
      text: `SELECT coalesce(max(seq), 0) AS last, EXISTS (
          SELECT FROM audit_seals s JOIN audit_events e ON e.id = s.event_id AND e.at = s.event_at
          WHERE s.seq = $1::bigint + 1) AS continues
        FROM audit_seals`,
      values: [seq],
    })
    return row ?? { last: 0, continues: false }
  }

  return { listBehind, lookBehind }
}
