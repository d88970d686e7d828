// Owns which database there is: the one that was given, or the embedded one; migrated before anybody reads it.
import type { Config } from '../config/schema.ts'
import { unavailable } from '../kernel/errors.ts'
import type { Connection } from './connection.ts'
import { connectionFromUrl } from './connection.ts'
import { openEmbedded } from './embedded.ts'
import type { Log } from './log.ts'
import { migrateUp, migrationsDirectory } from './migrate.ts'
import { readMigrations } from './migration-files.ts'
import type { Db } from './postgres.ts'

export type Database = { connection: Connection; close(): Promise<void> }

export type OpenDatabase = {
  config: Pick<Config, 'databaseUrl' | 'dataDir'>
  role: 'server' | 'guest'
  log: Log
}

/** Opens the database without touching its schema. */
export async function connectDatabase({ config, role, log }: OpenDatabase): Promise<Database> {
  if (config.databaseUrl !== undefined) {
    return { connection: connectionFromUrl(config.databaseUrl), close: async () => undefined }
  }
  const embedded = await openEmbedded({ dataDir: config.dataDir, role, log })
  return { connection: embedded.connection, close: embedded.stop }
}

/** Opens the database and brings its schema up to date. */
export async function openDatabase(options: OpenDatabase): Promise<Database> {
  const database = await connectDatabase(options)
  try {
    const applied = await migrateUp(database.connection, migrationsDirectory())
    if (applied.length > 0) options.log.info({ event: 'database.migrated', applied })
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Rejects when the database does not answer. */
export async function pingDatabase(db: Pick<Db, 'query'>): Promise<void> {
  await db.query({ name: 'ping', text: 'SELECT 1', values: [] })
}

/** How many migrations this program has. */
export const countMigrations = (): number => readMigrations(migrationsDirectory()).length

/** Rejects when a migration of this program is not applied: somebody reverted it under a running process. */
export async function assertMigrated(db: Pick<Db, 'query'>, migrations: number): Promise<void> {
  const [row] = await db.query<{ applied: number }>({
    name: 'migrations_applied',
    text: `SELECT count(*)::int AS applied FROM _prisma_migrations
      WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`,
    values: [],
  })
  if ((row?.applied ?? 0) < migrations) throw unavailable('schema_outdated')
}
