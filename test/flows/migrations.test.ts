import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { prismaHistory, schemaDiff } from '../../scripts/schema-diff.ts'
import { migrateDown, migrateUp, migrationStatus, migrationsDirectory } from '../../src/platform/migrate.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const shipped = migrationsDirectory()
const names = readdirSync(shipped)
  .filter((name) => /^\d/.test(name))
  .sort()
const last = names.at(-1) ?? ''
const later = '29990101000000_later'

let anchor: TestDatabase

// Holds the server of the tests up between one test and the next
beforeAll(async () => {
  anchor = await createTestDatabase({ migrated: false })
})
afterAll(() => anchor.drop())

async function emptyDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase({ migrated: false })
  onTestFinished(() => database.drop())
  return database
}

/** A copy of the shipped migrations and, on top of them, those of the test. */
function migrations(extra: Record<string, { up: string; down?: string }> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'foyer-migrations-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  cpSync(shipped, directory, { recursive: true })
  for (const [name, { up, down }] of Object.entries(extra)) {
    mkdirSync(join(directory, name))
    writeFileSync(join(directory, name, 'migration.sql'), up)
    if (down !== undefined) writeFileSync(join(directory, name, 'down.sql'), down)
  }
  return directory
}

const catalog = `
SELECT 'column' AS kind, table_name || '.' || column_name AS name,
       concat_ws(' ', data_type, is_nullable, column_default, ordinal_position) AS definition
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = 'public'
UNION ALL SELECT 'table', relname, array_to_string(reloptions, ',') FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
ORDER BY 1, 2`

async function describeSchema({ db }: TestDatabase): Promise<unknown[]> {
  const rows = await db.query<{ name: string }>({ text: catalog, values: [] })
  return rows.filter(({ name }) => !name.includes('_prisma_migrations'))
}

const rowsOf = (database: TestDatabase, text: string) => database.db.query({ text, values: [] })

describe('the shipped migrations', () => {
  it('agree with prisma/schema.prisma', async () => {
    const database = await emptyDatabase()
    await migrateUp(database.connection, shipped)
    expect(await schemaDiff(database.connection)).toEqual({ forward: '', backward: '' })
  })

  it('lead up, down and up again to the same schema', async () => {
    const database = await emptyDatabase()
    expect(await migrateUp(database.connection, shipped)).toEqual(names)
    const first = await describeSchema(database)
    expect(first.length).toBeGreaterThan(100)

    expect(await migrateDown(database.connection, shipped, names.length)).toEqual([...names].reverse())
    expect(await describeSchema(database)).toEqual([])

    await migrateUp(database.connection, shipped)
    expect(await describeSchema(database)).toEqual(first)
  })

  it('begin with one row for the installation', async () => {
    const database = await emptyDatabase()
    await migrateUp(database.connection, shipped)
    expect(await rowsOf(database, 'SELECT id, restore_epoch FROM instance')).toEqual([
      { id: 1, restore_epoch: 0 },
    ])
  })

  it('are recorded as Prisma records them', async () => {
    const database = await emptyDatabase()
    await migrateUp(database.connection, shipped)
    const sql = readFileSync(join(shipped, last, 'migration.sql'))
    const [row] = await rowsOf(
      database,
      `SELECT checksum, length(id) AS id_length, finished_at >= started_at AS finished, logs, rolled_back_at,
              applied_steps_count
       FROM _prisma_migrations WHERE migration_name = '${last}'`,
    )
    expect(row).toEqual({
      checksum: createHash('sha256').update(sql).digest('hex'),
      id_length: 36,
      finished: true,
      logs: null,
      rolled_back_at: null,
      applied_steps_count: 1,
    })
  })

  it('are complete in the eyes of Prisma, up and after down and up', async () => {
    const database = await emptyDatabase()
    await migrateUp(database.connection, shipped)
    await migrateDown(database.connection, shipped)
    await migrateUp(database.connection, shipped)
    expect(await prismaHistory(database.connection, shipped)).toEqual({
      history: null,
      editedMigrationNames: [],
      failedMigrationNames: [],
      appliedMigrationNames: [],
    })
  })

  it('are recognised when Prisma applied them', async () => {
    const database = await emptyDatabase()
    const { appliedMigrationNames } = await prismaHistory(database.connection, shipped)
    expect(appliedMigrationNames).toEqual(names)
    expect(await migrateUp(database.connection, shipped)).toEqual([])
  })
})

describe('migrating', () => {
  it('is done by one of several processes that begin together', async () => {
    const database = await emptyDatabase()
    const applied = await Promise.all([1, 2, 3].map(() => migrateUp(database.connection, shipped)))
    expect(applied.map(({ length }) => length).sort()).toEqual([0, 0, names.length])
  })

  it('tells what is applied and what is pending', async () => {
    const database = await emptyDatabase()
    expect(await migrationStatus(database.db.pool, shipped)).toMatchObject({ applied: [], pending: names })

    await migrateUp(database.connection, shipped)
    const directory = migrations({ [later]: { up: 'SELECT 1;' } })
    expect(await migrationStatus(database.db.pool, directory)).toEqual({
      applied: names,
      pending: [later],
      unknown: [],
      changed: [],
    })
  })

  it('refuses a database of a newer Foyer and names the migration', async () => {
    const database = await emptyDatabase()
    await migrateUp(database.connection, migrations({ [later]: { up: 'CREATE TABLE later (id int);' } }))

    const refusal = `belongs to a newer Foyer: it has the migration ${later}`
    await expect(migrateUp(database.connection, shipped)).rejects.toThrow(refusal)
    await expect(migrateDown(database.connection, shipped)).rejects.toThrow(refusal)
    expect(await rowsOf(database, 'SELECT count(*) FROM later')).toEqual([{ count: 0 }])
  })

  it('refuses a migration that was changed after it was applied', async () => {
    const database = await emptyDatabase()
    await migrateUp(database.connection, migrations({ [later]: { up: 'CREATE TABLE later (id int);' } }))
    const directory = migrations({ [later]: { up: 'CREATE TABLE later (id bigint);' } })
    await expect(migrateUp(database.connection, directory)).rejects.toThrow(
      `The migration ${later} was changed after this database applied it`,
    )
  })

  it('does not mind the line endings of a checkout', async () => {
    const database = await emptyDatabase()
    const up = 'CREATE TABLE later (\n  id int\n);\n'
    await migrateUp(database.connection, migrations({ [later]: { up } }))
    const directory = migrations({ [later]: { up: up.replaceAll('\n', '\r\n') } })
    expect(await migrateUp(database.connection, directory)).toEqual([])
  })

  it('leaves nothing of a migration that fails halfway, and applies it when it is mended', async () => {
    const database = await emptyDatabase()
    const broken = migrations({ [later]: { up: 'CREATE TABLE later (id int); SELECT 1/0;' } })
    await expect(migrateUp(database.connection, broken)).rejects.toThrow(`The migration ${later} failed`)
    expect(await rowsOf(database, "SELECT to_regclass('later') AS later")).toEqual([{ later: null }])

    const mended = migrations({ [later]: { up: 'CREATE TABLE later (id int);' } })
    expect(await migrateUp(database.connection, mended)).toEqual([later])
  })

  it('runs a migration outside a transaction when its first line says so, and again when it was cut off', async () => {
    const database = await emptyDatabase()
    const before = '29980101000000_before'
    const table = { up: 'CREATE TABLE later (id int);', down: 'DROP TABLE later;' }
    const index = `-- no transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS later_id ON later (id);
`
    const cutOff = migrations({ [before]: table, [later]: { up: `${index}SELECT 1/0;\n` } })
    await expect(migrateUp(database.connection, cutOff)).rejects.toThrow('division by zero')
    expect(await migrationStatus(database.db.pool, cutOff)).toMatchObject({ pending: [later] })

    const whole = migrations({
      [before]: table,
      [later]: { up: index, down: '-- no transaction\nDROP INDEX CONCURRENTLY IF EXISTS later_id;\n' },
    })
    expect(await migrateUp(database.connection, whole)).toEqual([later])
    expect(await migrateDown(database.connection, whole, 2)).toEqual([later, before])
    expect(await migrationStatus(database.db.pool, whole)).toMatchObject({ applied: names })
  })

  it('cannot take back what has no down.sql', async () => {
    const database = await emptyDatabase()
    const directory = migrations({ [later]: { up: 'CREATE TABLE later (id int);' } })
    await migrateUp(database.connection, directory)
    await expect(migrateDown(database.connection, directory)).rejects.toThrow('has no down.sql')
  })

  it('says that a database cannot be reached', async () => {
    await expect(migrateUp({ host: tmpdir(), user: 'postgres' }, shipped)).rejects.toThrow(
      'The database cannot be reached',
    )
  })
})
