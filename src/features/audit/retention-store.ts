// Owns the SQL that makes and drops the parts of the audit log, and the seals of what is gone.
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Month } from './retention-policy.ts'

const sealsAtOnce = 5000

export type Parts = {
  names: string[]
  /** Something that no month is there for is older than what is kept. */
  hasOldOthers: boolean
  /** Seals of what is gone, more than the one that stays. */
  hasOldSeals: boolean
  /** Something that old waits for its seal. */
  hasOldUnsealed: boolean
}

export type RetentionStore = ReturnType<typeof createRetentionStore>

export function createRetentionStore(db: Pick<Db, 'query'>) {
  async function look(keptFrom: Date): Promise<Parts> {
    const [row] = await db.query<Parts>({
      name: 'sweep_audit',
      text: `SELECT
          ARRAY(SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_events'::regclass) AS names,
          EXISTS (SELECT FROM audit_events_other WHERE at < $1::timestamptz) AS "hasOldOthers",
          2 = (SELECT count(*) FROM (SELECT event_at FROM audit_seals ORDER BY seq LIMIT 2) s
            WHERE event_at < $1::timestamptz) AS "hasOldSeals",
          EXISTS (SELECT FROM audit_unsealed WHERE at < $1::timestamptz) AS "hasOldUnsealed"`,
      values: [keptFrom],
    })
    return row ?? { names: [], hasOldOthers: false, hasOldSeals: false, hasOldUnsealed: false }
  }

  /** Does nothing when facts of that month are with the others already: there they stay until they go. */
  async function addMonth(tx: Tx, { name, from, to }: Month): Promise<void> {
    const others = await tx.$queryRaw<unknown[]>`
      SELECT 1 FROM audit_events_other WHERE at >= ${from} AND at < ${to} LIMIT 1`
    if (others.length > 0) return
    const part = `audit_events_${name}`
    // Made apart and then attached: whoever writes facts waits for neither
    await tx.$executeRawUnsafe(
      `CREATE TABLE ${part} (LIKE audit_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`,
    )
    await tx.$executeRawUnsafe(`ALTER TABLE audit_events ATTACH PARTITION ${part}
      FOR VALUES FROM ('${from.toISOString()}') TO ('${to.toISOString()}')`)
    await tx.$executeRawUnsafe(`CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON ${part}
      FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()`)
  }

  async function drop(tx: Tx, parts: readonly string[], keptFrom: Date): Promise<void> {
    await tx.$executeRaw`SELECT set_config('foyer.audit_retention', 'on', true)`
    for (const part of parts) await tx.$executeRawUnsafe(`DROP TABLE ${part}`)
    await tx.$executeRaw`DELETE FROM audit_events_other WHERE at < ${keptFrom}`
  }

  /**
   * Of facts that are gone the last seal before the first that is kept stays: its hash is what the chain goes on from.
   * The newest seal stays in any case.
   */
  async function dropSeals(keptFrom: Date): Promise<void> {
    await db.query({
      name: 'sweep_audit_seals',
      text: `WITH allowed AS MATERIALIZED (SELECT set_config('foyer.audit_retention', 'on', true)),
        oldest AS (SELECT seq, event_at FROM audit_seals ORDER BY seq LIMIT $2::int),
        stays AS (SELECT coalesce(min(seq) FILTER (WHERE event_at >= $1::timestamptz) - 1, max(seq)) AS seq FROM oldest)
        DELETE FROM audit_seals USING allowed, stays WHERE audit_seals.seq < stays.seq`,
      values: [keptFrom, sealsAtOnce],
    })
  }

  return { look, addMonth, drop, dropSeals }
}
