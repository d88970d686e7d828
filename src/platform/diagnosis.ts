// Owns what can be told of the things Foyer depends on by asking them once, without changing anything in them.
import pg from 'pg'
import { seconds, systemMillis } from '../kernel/time.ts'
import type { Connection } from './connection.ts'
import { countMigrations } from './database.ts'

export type DatabaseFacts = {
  /** As in 18, and as the server tells it. */
  major: number
  version: string
  /** How far the database's clock is ahead of ours. */
  clockAheadMs: number
  /** Of this program, not applied yet. */
  pendingMigrations: number
}

type Row = { number: number; version: string; now: Date; migrated: boolean }

export async function examineDatabase(connection: Connection): Promise<DatabaseFacts> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: seconds(5) })
  await client.connect()
  try {
    const asked = systemMillis()
    const { rows } = await client.query<Row>(`
      SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version,
        clock_timestamp() AS now, to_regclass('_prisma_migrations') IS NOT NULL AS migrated`)
    const answered = systemMillis()
    const [row] = rows
    if (!row) throw new Error('the database told nothing of itself')
    const applied = row.migrated ? await countApplied(client) : 0
    return {
      major: Math.floor(row.number / 10_000),
      version: row.version,
      clockAheadMs: Math.round(row.now.getTime() - (asked + answered) / 2),
      pendingMigrations: Math.max(0, countMigrations() - applied),
    }
  } finally {
    await client.end()
  }
}

async function countApplied(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ applied: number }>(`
    SELECT count(*)::int AS applied FROM _prisma_migrations
    WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`)
  return rows[0]?.applied ?? 0
}
