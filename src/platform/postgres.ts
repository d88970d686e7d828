// Owns the one pool of database connections, under the hot path and Prisma alike, and its time-outs.
// Where the database is: connection.ts. What its errors mean: database-errors.ts.

import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { type Prisma, PrismaClient } from '../generated/prisma/client.ts'
import { type Clock, stopwatch } from '../kernel/time.ts'
import type { Connection } from './connection.ts'
import { isConflict, isUnavailable, translated } from './database-errors.ts'
import type { Log } from './log.ts'
import { createWatch, endOf, patience, type Watch } from './patience.ts'

export type { Connection } from './connection.ts'
export { connectionFromUrl } from './connection.ts'
export { isUniqueViolation } from './database-errors.ts'

/** Prepared once per connection when named. */
export type Statement = { name?: string; text: string; values: readonly unknown[] }
export type Tx = Prisma.TransactionClient

export type Db = {
  prisma: PrismaClient
  /** For graphile-worker only. */
  pool: pg.Pool
  /**
   * The hot path: one statement, answered or refused within 550 ms. int8 comes as number, timestamptz as Date,
   * jsonb parsed, bytea as Buffer; a list or object meant for jsonb goes in as text.
   */
  query<Row extends object>(statement: Statement): Promise<Row[]>
  /** Serialization failures and deadlocks are tried again, up to three times. */
  inTransaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Statements inside may take 2 s each instead of 540 ms: for jobs, commands and the start. */
  unhurried<T>(work: () => Promise<T>): Promise<T>
  close(): Promise<void>
}

export type DbOptions = {
  connection: Connection
  poolSize: number
  clock: Clock
  /** Told the name or text of each statement sent, Prisma's included: one round trip each. */
  onQuery?: (statement: string) => void
  log: Log
}

const conflictRetries = 3
const int8 = 20

/** Counts and offsets are the only int8 here; none comes near 2^53. */
function readInt8(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number)) throw new RangeError(`int8 ${text} does not fit a number`)
  return number
}

const hotTypes = {
  getTypeParser: (oid: number, format: 'text' | 'binary' = 'text') =>
    oid === int8 && format === 'text' ? readInt8 : pg.types.getTypeParser(oid, format),
}

/** The server's own limits, set as each connection opens. Prisma's adapter takes every time for UTC. */
function poolConfig({ connection, poolSize }: DbOptions): pg.PoolConfig {
  // Our statements are prepared and look rows up by key: planning them anew for each set of values costs more
  // than running them.
  const options = [connection.options, '-c TimeZone=UTC -c plan_cache_mode=force_generic_plan']
    .filter(Boolean)
    .join(' ')
  return {
    application_name: 'foyer',
    ...connection,
    options,
    max: poolSize,
    connectionTimeoutMillis: patience.connectMs,
    idleTimeoutMillis: 30_000,
    statement_timeout: 2_000,
    lock_timeout: 500,
    idle_in_transaction_session_timeout: 5_000,
  }
}

function createPool(options: DbOptions, watch: Watch): pg.Pool {
  const pool = new pg.Pool(poolConfig(options))
  pool.on('error', (error) =>
    options.log.warn({ event: 'database.connection_lost', err: error }, 'an idle connection broke'),
  )
  pool.on('connect', (client) => watch.over(client))
  Reflect.set(pool, 'query', queryThrough(pool))
  // A connection that comes back in the middle of a transaction hangs or lost its way: it is not lent again
  pool.on('release', (_, client) => {
    if (client.getTransactionStatus() !== 'I') void client.end()
  })
  return pool
}

/** A connection on which the server gave trouble is not lent again: its end may be under way already. */
async function lending<T>(client: pg.PoolClient, work: () => T | Promise<T>): Promise<T> {
  try {
    const result = await work()
    client.release()
    return result
  } catch (error) {
    client.release(isUnavailable(error))
    throw error
  }
}

/**
 * As pool.query, but awaiting the connection: the continuation keeps the caller's patience, which a callback run
 * by whoever gave the connection back would not.
 */
function queryThrough(pool: pg.Pool) {
  return async (...args: unknown[]): Promise<unknown> => {
    const client = await pool.connect()
    return lending(client, () => Reflect.apply<pg.PoolClient, unknown[], unknown>(client.query, client, args))
  }
}

/** Prisma, its errors of the server translated where they leave it, since it repackages those of its adapter. */
function createPrisma(pool: pg.Pool): PrismaClient {
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool),
    transactionOptions: { maxWait: 2 * patience.promptMs, timeout: 5_000 },
    errorFormat: 'minimal',
  })
  const translating = prisma.$extends({
    query: {
      $allOperations: async ({ args, query }) => {
        try {
          return await query(args)
        } catch (error) {
          throw translated(error)
        }
      },
    },
  })
  // The extension changes no signature, yet Prisma gives the extended client a type of its own
  return translating as unknown as PrismaClient
}

/** 10 to 20 ms, then twice and four times that: the rival of a conflict is done by then. */
const pauseBefore = (retry: number) => sleep((10 + 10 * Math.random()) * 2 ** (retry - 1))

async function retryingConflicts<T>(work: () => Promise<T>): Promise<T> {
  for (let retry = 1; ; retry += 1) {
    try {
      return await work()
    } catch (error) {
      if (retry > conflictRetries || !isConflict(error)) throw translated(error)
      await pauseBefore(retry)
    }
  }
}

export function createDb(options: DbOptions): Db {
  const watch = createWatch({ onStatement: options.onQuery ?? (() => undefined) })
  const pool = createPool(options, watch)
  const prisma = createPrisma(pool)

  async function ask<Row extends object>({ name, text, values }: Statement): Promise<Row[]> {
    const elapsed = stopwatch()
    const client = await pool.connect()
    const patienceMs = Math.max(20, watch.limitMs() - elapsed() * 1000)
    const config = { name, text, values: [...values], types: hotTypes, patienceMs }
    const { rows } = await lending(client, () => client.query<Row & pg.QueryResultRow>(config))
    return rows
  }

  return {
    prisma,
    pool,
    query: (statement) => retryingConflicts(() => ask(statement)),
    inTransaction: (work) => retryingConflicts(() => prisma.$transaction(work)),
    unhurried: watch.unhurried,
    close: async () => {
      await prisma.$disconnect()
      await endOf(pool)
    },
  }
}
