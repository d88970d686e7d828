// Owns who is attached to an embedded PostgreSQL: one session per process that holds advisory locks, which end with
// the process however it dies.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Connection } from './connection.ts'
import { sqlState } from './database-errors.ts'

export type Role = 'server' | 'guest'

const databaseName = 'foyer'
/** "foyer" in the numbers of advisory locks: one for the only server, one shared by everybody attached. */
const lockClass = 0x666f7965
const serverLock = 1
const attachedLock = 2
/** A predecessor that was just killed may take a moment to let go. */
const handOverTries = 10
const handOverPauseMs = 100

export const connectionIn = (socketFolder: string): Connection => ({
  host: socketFolder,
  port: 5432,
  user: 'postgres',
  database: databaseName,
  ssl: false,
})

async function connect(connection: Connection): Promise<pg.Client> {
  const client = new pg.Client({
    ...connection,
    application_name: 'foyer attached',
    connectionTimeoutMillis: 3_000,
    // More than anybody takes to stop a server, which is what the shared lock may wait for
    query_timeout: 10_000,
  })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function createDatabase(connection: Connection): Promise<void> {
  const client = await connect({ ...connection, database: 'postgres' })
  try {
    await client.query(`CREATE DATABASE ${databaseName}`)
  } catch (error) {
    const madeByAnother = ['42P04', '23505']
    if (!madeByAnother.includes(sqlState(error) ?? '')) throw error
  } finally {
    await client.end()
  }
}

async function connectToDatabase(connection: Connection): Promise<pg.Client> {
  try {
    return await connect(connection)
  } catch (error) {
    const noSuchDatabase = '3D000'
    if (sqlState(error) !== noSuchDatabase) throw error
    await createDatabase(connection)
    return connect(connection)
  }
}

async function tryLock(client: pg.Client, lock: number): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS locked', [
    lockClass,
    lock,
  ])
  return rows[0]?.locked === true
}

async function becomeTheServer(client: pg.Client, dataDir: string): Promise<void> {
  for (let tries = 0; tries < handOverTries; tries += 1) {
    if (await tryLock(client, serverLock)) return
    await sleep(handOverPauseMs)
  }
  throw new AlreadyServed(
    `Another Foyer is already running on the data directory ${dataDir}. Stop it first, or give this one a ` +
      'directory of its own with FOYER_DATA_DIR.',
  )
}

export class AlreadyServed extends Error {}

/** Attaches to a running server. The shared lock waits for somebody who is just stopping it, and then fails. */
export async function takeLease(
  socketFolder: string,
  { role, dataDir }: { role: Role; dataDir: string },
): Promise<pg.Client> {
  const client = await connectToDatabase(connectionIn(socketFolder))
  try {
    await client.query('SELECT pg_advisory_lock_shared($1, $2)', [lockClass, attachedLock])
    if (role === 'server') await becomeTheServer(client, dataDir)
    return client
  } catch (error) {
    await client.end()
    throw error
  }
}

const endPatienceMs = 2_000

/** True when nobody else is attached: from then on nobody can attach, until the server has gone. */
export async function isLastOne(client: pg.Client): Promise<boolean> {
  const unlock = {
    text: 'SELECT pg_advisory_unlock_shared($1, $2)',
    values: [lockClass, attachedLock],
    query_timeout: endPatienceMs,
  }
  await client.query(unlock)
  return tryLock(client, attachedLock)
}
