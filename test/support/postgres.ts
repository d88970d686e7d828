// Owns the databases of the tests: one PostgreSQL for everything that runs at the same time, kept between runs as a
// folder, and in it a fresh migrated database per asking.
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { type Clock, createClock } from '../../src/kernel/time.ts'
import { type Embedded, openEmbedded } from '../../src/platform/embedded.ts'
import { createLog, type Log } from '../../src/platform/log.ts'
import { migrateUp, migrationsDirectory } from '../../src/platform/migrate.ts'
import { readMigrations } from '../../src/platform/migration-files.ts'
import { type Connection, createDb, type Db } from '../../src/platform/postgres.ts'
import { createQueue } from '../../src/platform/queue.ts'

export type TestDatabase = {
  connection: Connection
  /** For a process that is started with DATABASE_URL. */
  url: string
  db: Db
  drop(): Promise<void>
}

export type TestDatabaseOptions = {
  clock?: Clock
  poolSize?: number
  onQuery?: (statement: string) => void
  /** An empty database when false. */
  migrated?: boolean
}

export const silentLog = (): Log => createLog({ level: 'silent', color: false })

/** Its data are worth nothing, so nothing waits for the disk. */
const settings = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  max_connections: '300',
  autovacuum_naptime: '1h',
}

let server: Promise<Embedded> | undefined
let users = 0
let made = 0

/** The server of all tests; whoever stops it last ends it. `createTestDatabase` does both by itself. */
export function testServer(): Promise<Embedded> {
  const dataDir = join(tmpdir(), `foyer-test-postgres-${process.getuid?.() ?? 0}`)
  return openEmbedded({ dataDir, role: 'guest', log: silentLog(), settings })
}

async function asAdmin<T>(connection: Connection, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...connection, database: 'postgres' })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Databases of test runs that were killed, and templates of migrations long gone. */
async function sweep(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ datname: string }>(
    "SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%' OR datname LIKE 'template\\_%' ORDER BY oid",
  )
  const names = rows.map(({ datname }) => datname)
  const left = names.filter((name) => /^test_\d+_/.test(name) && !isAlive(Number(name.split('_')[1])))
  const outdated = names.filter((name) => name.startsWith('template_')).slice(0, -4)
  for (const name of [...left, ...outdated]) {
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`).catch(() => undefined)
  }
}

/** The queue's own schema, which takes a start as long as everything else it does. */
async function migrateQueue(connection: Connection): Promise<void> {
  const db = createDb({ connection, poolSize: 1, clock: createClock(), log: silentLog() })
  await createQueue({ db, log: silentLog() }).migrate()
  await db.close()
}

/** Made by one process while the others wait, under another name until it is whole. */
async function ensureTemplate(connection: Connection): Promise<string> {
  const directory = migrationsDirectory()
  const fingerprint = createHash('sha256').update('with the queue')
  for (const { name, checksum } of readMigrations(directory)) fingerprint.update(name).update(checksum)
  const template = `template_${fingerprint.digest('hex').slice(0, 16)}`

  return asAdmin(connection, async (client) => {
    await client.query("SELECT pg_advisory_lock(hashtext('foyer test template'))")
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [template])
    if (rowCount) return template
    await sweep(client)
    const draft = `test_${process.pid}_draft`
    await client.query(`CREATE DATABASE ${draft}`)
    await migrateUp({ ...connection, database: draft }, directory)
    await migrateQueue({ ...connection, database: draft })
    await client.query(`ALTER DATABASE ${draft} RENAME TO ${template}`)
    return template
  })
}

export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { clock = createClock(), poolSize = 5, onQuery, migrated = true } = options
  users += 1
  server ??= testServer()
  const { connection: base } = await server

  made += 1
  const name = `test_${process.pid}_${made}_${Math.random().toString(36).slice(2, 8)}`
  const template = migrated ? await ensureTemplate(base) : 'template0'
  await asAdmin(base, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`))

  const connection = { ...base, database: name }
  const url = `postgres://postgres@localhost/${name}?host=${encodeURIComponent(String(base.host))}`
  const db = createDb({ connection, poolSize, clock, log: silentLog(), ...(onQuery ? { onQuery } : {}) })
  return { connection, url, db, drop: () => drop({ base, name, db }) }
}

async function drop({ base, name, db }: { base: Connection; name: string; db: Db }): Promise<void> {
  await db.close()
  await asAdmin(base, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`))
  users -= 1
  if (users > 0) return
  const idle = server
  server = undefined
  await (await idle)?.stop()
}
