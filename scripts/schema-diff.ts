// Owns the comparison of a database with prisma/schema.prisma, by Prisma's schema engine as WebAssembly.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'
import type { Connection } from '../src/platform/connection.ts'
import { readMigrations } from '../src/platform/migration-files.ts'

const root = join(import.meta.dirname, '..')
export const schemaPath = join(root, 'prisma', 'schema.prisma')

let loading: Promise<typeof bindings> | undefined

/** Its memory can be set up once per process only. */
function loadEngine(): Promise<typeof bindings> {
  loading ??= instantiateEngine()
  return loading
}

async function instantiateEngine(): Promise<typeof bindings> {
  const wasmPath = join(
    createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg'),
    '..',
    'schema_engine_bg.wasm',
  )
  const { instance } = await WebAssembly.instantiate(readFileSync(wasmPath), {
    './schema_engine_bg.js': { ...bindings },
  })
  bindings.__wbg_set_wasm(instance.exports)
  const start = instance.exports.__wbindgen_start
  if (typeof start === 'function') start()
  return bindings
}

/** The engine says so when there is nothing to do, and names the schema only on one of the two ways. */
const tidy = (sql: string) =>
  sql.replace('-- This is an empty migration.', '').replaceAll('"public".', '').trim()

const systemChar = 18
const text = 25

/**
 * The engine reads system catalogues, whose one-letter type "char" Prisma's adapter does not know: its columns pass
 * the adapter as text and reach the engine as what they are.
 */
function catalogAdapter(pool: pg.Pool) {
  const charColumns = new WeakMap<object, number[]>()

  const query = async (...args: [string | pg.QueryConfig]) => {
    const client = await pool.connect()
    try {
      const result = await client.query(...args)
      const columns = result.fields.flatMap(({ dataTypeID }, at) => (dataTypeID === systemChar ? [at] : []))
      for (const at of columns) Object.assign(result.fields[at] ?? {}, { dataTypeID: text })
      charColumns.set(result.rows, columns)
      return result
    } finally {
      client.release()
    }
  }
  Reflect.set(pool, 'query', query)

  const factory = new PrismaPg(pool)
  const { connect } = factory
  factory.connect = async () => {
    const adapter = await connect.call(factory)
    const queryRaw = adapter.queryRaw.bind(adapter)
    adapter.queryRaw = async (statement) => {
      const result = await queryRaw(statement)
      for (const at of charColumns.get(result.rows) ?? []) result.columnTypes[at] = ColumnTypeEnum.Character
      return result
    }
    // The adapter cuts a script at every semicolon, those inside of functions too; Prisma's own engine sends it whole
    adapter.executeScript = async (script) => {
      const client = await pool.connect()
      await client.query(script).finally(() => client.release())
    }
    return adapter
  }
  return factory
}

const schema = () => ({ files: [{ path: schemaPath, content: readFileSync(schemaPath, 'utf8') }] })
const filters = { externalTables: ['public._prisma_migrations'], externalEnums: [] }

const everything = { externalTables: [], externalEnums: [] }

async function withEngine<T>(
  connection: Connection,
  work: (engine: bindings.SchemaEngine) => Promise<T>,
): Promise<T> {
  const { SchemaEngine } = await loadEngine()
  const pool = new pg.Pool({ ...connection, max: 2 })
  const engine = await SchemaEngine.new(
    { datamodels: schema().files.map(({ path, content }) => [path, content]) },
    () => undefined,
    bindMigrationAwareSqlAdapterFactory(catalogAdapter(pool)),
  )
  try {
    return await work(engine)
  } finally {
    engine.free()
    await pool.end()
  }
}

/** The SQL that turns the database into the schema (`forward`) or the schema back into it. Empty: they agree. */
export function schemaDiff(connection: Connection): Promise<{ forward: string; backward: string }> {
  return withEngine(connection, async (engine) => {
    const database = { tag: 'schemaDatasource', ...schema(), configDir: join(root, 'prisma') } as const
    const wanted = { tag: 'schemaDatamodel', ...schema() } as const
    const options = { script: true, exitCode: null, filters }
    const forward = await engine.diff({ from: database, to: wanted, ...options })
    const backward = await engine.diff({ from: wanted, to: database, ...options })
    return { forward: tidy(forward.stdout ?? ''), backward: tidy(backward.stdout ?? '') }
  })
}

/** What Prisma's own `migrate deploy` would make of the database. */
export function prismaHistory(connection: Connection, directory: string) {
  const migrationDirectories = readMigrations(directory).map(({ name, sql }) => ({
    path: name,
    migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
  }))
  const lockfile = readFileSync(join(directory, 'migration_lock.toml'), 'utf8')
  const migrationsList = {
    baseDir: directory,
    lockfile: { path: 'migration_lock.toml', content: lockfile },
    shadowDbInitScript: '',
    migrationDirectories,
  }
  return withEngine(connection, async (engine) => {
    const { history, editedMigrationNames, failedMigrationNames } = await engine.diagnoseMigrationHistory({
      migrationsList,
      optInToShadowDatabase: false,
      filters: everything,
    })
    const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList, filters: everything })
    return { history, editedMigrationNames, failedMigrationNames, appliedMigrationNames }
  })
}
