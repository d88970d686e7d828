// Owns the state of the schema: applies and reverts migrations, one process at a time, and refuses a database it
// does not know. Records them as Prisma does, so that `prisma migrate deploy` agrees.
import pg from 'pg'
import type { Connection } from './connection.ts'
import { sqlState } from './database-errors.ts'
import { type Migration, readMigrations, runsInTransaction, statementsOf } from './migration-files.ts'

export { migrationsDirectory } from './migration-files.ts'

export type MigrationStatus = {
  applied: string[]
  pending: string[]
  /** Recorded in the database, but not known to this version. */
  unknown: string[]
  /** Known, but not as it was when it was applied. */
  changed: string[]
}

/** A pool or a client. */
export type Queryable = { query(text: string): Promise<{ rows: unknown[] }> }

type Recorded = { id: string; migration_name: string; checksum: string; finished: boolean }

/** The number Prisma locks with, so that neither migrates while the other does. */
const lockId = 72_707_369
const lockPatienceMs = 60_000

const createRecord = `
CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`

const listRecorded = `
SELECT id, migration_name, checksum, finished_at IS NOT NULL AS finished
FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY migration_name`

async function readRecorded(database: Queryable): Promise<Recorded[]> {
  try {
    return (await database.query(listRecorded)).rows as Recorded[]
  } catch (error) {
    const undefinedTable = '42P01'
    if (sqlState(error) === undefinedTable) return []
    throw error
  }
}

function compare(recorded: Recorded[], known: Migration[]): MigrationStatus {
  const finished = new Map(recorded.filter((row) => row.finished).map((row) => [row.migration_name, row]))
  const names = new Set(known.map(({ name }) => name))
  return {
    applied: [...finished.keys()],
    pending: known.filter(({ name }) => !finished.has(name)).map(({ name }) => name),
    unknown: recorded.map((row) => row.migration_name).filter((name) => !names.has(name)),
    changed: known
      .filter(({ name, checksum }) => (finished.get(name)?.checksum ?? checksum) !== checksum)
      .map(({ name }) => name),
  }
}

export async function migrationStatus(database: Queryable, directory: string): Promise<MigrationStatus> {
  return compare(await readRecorded(database), readMigrations(directory))
}

function assertKnown({ unknown, changed }: MigrationStatus): void {
  if (unknown.length > 0) {
    throw new Error(
      `This database belongs to a newer Foyer: it has the migration ${unknown.join(', ')}, which this version ` +
        'does not know. Start that newer version, or let it take the migration back with `foyer migrate down`.',
    )
  }
  if (changed.length > 0) {
    throw new Error(
      `The migration ${changed.join(', ')} was changed after this database applied it. Restore the file as it ` +
        'was and put the change into a new migration (`npm run migration NAME`).',
    )
  }
}

/** A connection of its own without the short time-outs, holding the lock for as long as the work takes. */
async function withLock<T>(connection: Connection, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    application_name: 'foyer migrate',
    ...connection,
    connectionTimeoutMillis: 5_000,
    lock_timeout: lockPatienceMs,
  })
  // A broken connection fails the statement under way; without a listener it would end the process as well
  client.on('error', () => undefined)
  await client.connect().catch((cause: unknown) => {
    throw new Error(`The database cannot be reached: ${reasonOf(cause)}`, { cause })
  })
  try {
    await acquireLock(client)
    await client.query("SET lock_timeout = '30s'")
    return await work(client)
  } finally {
    await client.end()
  }
}

async function acquireLock(client: pg.Client): Promise<void> {
  try {
    await client.query('SELECT pg_advisory_lock($1)', [lockId])
  } catch (cause) {
    const lockNotAvailable = '55P03'
    if (sqlState(cause) !== lockNotAvailable) throw cause
    throw new Error(
      `Another process has been migrating this database for ${lockPatienceMs / 1000} s. Wait for it, then start again.`,
      { cause },
    )
  }
}

async function inTransaction(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN')
  try {
    await work()
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

const reasonOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))

const failed = (name: string, cause: unknown) =>
  new Error(`The migration ${name} failed and was not recorded: ${reasonOf(cause)}`, { cause })

async function record(client: pg.Client, { name, checksum }: Migration): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    'INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES (gen_random_uuid(), $1, $2) RETURNING id',
    [checksum, name],
  )
  return rows[0]?.id ?? ''
}

const finish = (client: pg.Client, id: string) =>
  client.query('UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 WHERE id = $1', [
    id,
  ])

/** Outside a transaction a crash leaves a row without an end: the next run begins the migration again. */
async function applyInSteps(client: pg.Client, migration: Migration): Promise<void> {
  const forget = 'DELETE FROM _prisma_migrations WHERE migration_name = $1 AND finished_at IS NULL'
  await client.query(forget, [migration.name])
  const id = await record(client, migration)
  for (const statement of statementsOf(migration.sql)) await client.query(statement)
  await finish(client, id)
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  try {
    if (!runsInTransaction(migration.sql)) return await applyInSteps(client, migration)
    await inTransaction(client, async () => {
      const id = await record(client, migration)
      await client.query(migration.sql)
      await finish(client, id)
    })
  } catch (cause) {
    throw failed(migration.name, cause)
  }
}

/** Applies what is pending and says what it applied. */
export async function migrateUp(connection: Connection, directory: string): Promise<string[]> {
  const known = readMigrations(directory)
  return withLock(connection, async (client) => {
    const recorded = await readRecorded(client)
    const status = compare(recorded, known)
    assertKnown(status)
    if (status.pending.length === 0) return []
    await client.query(createRecord)
    for (const migration of known) if (status.pending.includes(migration.name)) await apply(client, migration)
    return status.pending
  })
}

async function revert(client: pg.Client, { name, down }: Migration): Promise<void> {
  if (down === undefined) throw new Error(`The migration ${name} has no down.sql: it cannot be taken back.`)
  const forget = () => client.query('DELETE FROM _prisma_migrations WHERE migration_name = $1', [name])
  try {
    if (runsInTransaction(down)) {
      await inTransaction(client, async () => {
        await client.query(down)
        await forget()
      })
    } else {
      for (const statement of statementsOf(down)) await client.query(statement)
      await forget()
    }
  } catch (cause) {
    throw failed(`${name} (its down.sql)`, cause)
  }
}

/** Takes back the latest migrations, last first, and says which. */
export async function migrateDown(connection: Connection, directory: string, steps = 1): Promise<string[]> {
  const known = new Map(readMigrations(directory).map((migration) => [migration.name, migration]))
  return withLock(connection, async (client) => {
    const status = compare(await readRecorded(client), [...known.values()])
    assertKnown(status)
    const names = status.applied.reverse().slice(0, steps)
    for (const name of names) {
      const migration = known.get(name)
      if (migration) await revert(client, migration)
    }
    return names
  })
}
