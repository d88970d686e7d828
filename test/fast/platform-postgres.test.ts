import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClock } from '../../src/kernel/time.ts'
import { createDb, isUniqueViolation } from '../../src/platform/postgres.ts'
import { createTestDatabase, silentLog, type TestDatabase } from '../support/postgres.ts'

const unavailable = { kind: 'unavailable', code: 'database_unavailable' }
const sent: string[] = []
let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase({ poolSize: 2, onQuery: (statement) => void sent.push(statement) })
  await database.db.query({ text: 'CREATE TABLE things (id int PRIMARY KEY, note text)', values: [] })
})
afterAll(() => database.drop())

const conflict = 'DO $$ BEGIN RAISE EXCEPTION SQLSTATE $s$40001$s$; END $$'

describe('a statement of the hot path', () => {
  it('maps the types of PostgreSQL to those of this program', async () => {
    const at = new Date('2026-01-02T03:04:05.678Z')
    const [row] = await database.db.query({
      text: 'SELECT $1::timestamptz AS at, $2::bytea AS bytes, $3::jsonb AS json, $4::text[] AS list, 9007199254740991 AS big',
      values: [at, Buffer.from('bytes'), JSON.stringify({ a: [1] }), ['x', 'y']],
    })
    expect(row).toEqual({
      at,
      bytes: Buffer.from('bytes'),
      json: { a: [1] },
      list: ['x', 'y'],
      big: Number.MAX_SAFE_INTEGER,
    })
  })

  it('is prepared when it has a name', async () => {
    const statement = { name: 'things.count', text: 'SELECT count(*) FROM things', values: [] }
    await database.db.query(statement)
    const rows = await database.db.inTransaction(
      (tx) => tx.$queryRaw`SELECT name FROM pg_prepared_statements`,
    )
    expect(rows).toContainEqual({ name: 'things.count' })
  })

  it('is counted by its name, and Prisma’s by their text', async () => {
    sent.length = 0
    await database.db.query({ name: 'things.count', text: 'SELECT count(*) FROM things', values: [] })
    await database.db.prisma.instance.findMany()
    expect(sent).toEqual(['things.count', expect.stringContaining('"instance"')])
  })

  it('tells a duplicate from other errors, in pg and in Prisma', async () => {
    const insert = { text: "INSERT INTO things VALUES (1, 'a')", values: [] }
    await database.db.query(insert)
    const byPg = await database.db.query(insert).catch((error: unknown) => error)
    const byPrisma = await database.db.prisma.instance
      .create({ data: { id: 1 } })
      .catch((error: unknown) => error)
    const raw = await database.db
      .inTransaction((tx) => tx.$executeRawUnsafe(insert.text))
      .catch((error: unknown) => error)
    expect([byPg, byPrisma, raw].map(isUniqueViolation)).toEqual([true, true, true])

    const other = await database.db.query({ text: 'SELECT 1/0', values: [] }).catch((error: unknown) => error)
    expect(isUniqueViolation(other)).toBe(false)
    expect(other).toMatchObject({ code: '22012' })
  })
})

describe('a database that is slow', () => {
  const sleepy = { text: 'SELECT pg_sleep(1)', values: [] }

  it('is unavailable to the hot path and to Prisma, and its connection is not used again', async () => {
    await expect(database.db.query(sleepy)).rejects.toMatchObject(unavailable)
    await expect(database.db.prisma.$queryRaw`SELECT pg_sleep(1)::text`).rejects.toMatchObject(unavailable)
    expect(database.db.pool.totalCount).toBe(0)
    expect(await database.db.query({ text: 'SELECT 1 AS one', values: [] })).toEqual([{ one: 1 }])
  })

  it('gives up a transaction in the middle without waiting for its end', async () => {
    const work = () =>
      database.db.inTransaction(async (tx) => {
        await tx.$executeRaw`INSERT INTO things VALUES (2, 'lost')`
        await tx.$queryRaw`SELECT pg_sleep(1)::text`
      })
    await expect(work()).rejects.toMatchObject(unavailable)
    expect(await database.db.query({ text: 'SELECT * FROM things WHERE id = 2', values: [] })).toEqual([])
  })

  it('gets more patience from work that nobody waits for', async () => {
    const { db } = database
    expect(await db.unhurried(() => db.query(sleepy))).toHaveLength(1)
    const rows = await db.unhurried(() =>
      db.inTransaction((tx) => tx.$queryRaw`SELECT pg_sleep(0.8)::text AS slept`),
    )
    expect(rows).toEqual([{ slept: '' }])
  })

  it('is unavailable when every connection is taken', async () => {
    const { db } = database
    const taken = [1, 2].map(() =>
      db.unhurried(() => db.inTransaction((tx) => tx.$queryRaw`SELECT pg_sleep(1)::text`)),
    )
    await expect.poll(() => db.pool.totalCount - db.pool.idleCount).toBe(2)
    await expect(db.query({ text: 'SELECT 1', values: [] })).rejects.toMatchObject(unavailable)
    await Promise.all(taken)
  })

  it('is unavailable while another transaction holds the row', async () => {
    const { db } = database
    const lock = { text: 'SELECT * FROM things WHERE id = 1 FOR UPDATE', values: [] }
    await db.inTransaction(async (tx) => {
      await tx.$queryRawUnsafe(lock.text)
      await expect(db.query(lock)).rejects.toMatchObject(unavailable)
      // The server gives up first, by little: a busy machine hears its word only where there is time for it
      await expect(db.unhurried(() => db.query(lock))).rejects.toMatchObject({
        ...unavailable,
        cause: { code: '55P03' },
      })
    })
  })
})

describe('a database that is away', () => {
  it('is unavailable at once', async () => {
    const db = createDb({
      connection: { ...database.connection, host: '/nowhere' },
      poolSize: 2,
      clock: createClock(),
      log: silentLog(),
    })
    await expect(db.query({ text: 'SELECT 1', values: [] })).rejects.toMatchObject(unavailable)
    await expect(db.prisma.instance.findMany()).rejects.toMatchObject(unavailable)
    await expect(db.inTransaction((tx) => tx.instance.findMany())).rejects.toMatchObject(unavailable)
    await db.close()
  })

  it('costs the statement under way, not the next one', async () => {
    const suicide = { text: 'SELECT pg_terminate_backend(pg_backend_pid())', values: [] }
    await expect(database.db.query(suicide)).rejects.toMatchObject(unavailable)
    expect(await database.db.query({ text: 'SELECT 1 AS one', values: [] })).toEqual([{ one: 1 }])
  })
})

describe('a conflict between transactions', () => {
  it('is tried again, three times at most', async () => {
    let runs = 0
    const result = await database.db.inTransaction(async (tx) => {
      runs += 1
      if (runs < 3) await tx.$executeRawUnsafe(conflict)
      return runs
    })
    expect(result).toBe(3)

    runs = 0
    const always = database.db.inTransaction(async (tx) => {
      runs += 1
      await tx.$executeRawUnsafe(conflict)
    })
    await expect(always).rejects.toMatchObject(unavailable)
    expect(runs).toBe(4)
  })

  it('is not confused with a refusal of the work itself', async () => {
    let runs = 0
    const refused = database.db.inTransaction(async () => {
      runs += 1
      throw new Error('no')
    })
    await expect(refused).rejects.toThrow('no')
    expect(runs).toBe(1)
  })
})

describe('Prisma over the shared pool', () => {
  it('reads back the very time it wrote', async () => {
    const at = new Date('2026-07-01T12:34:56.789Z')
    await database.db.prisma.instance.update({ where: { id: 1 }, data: { aliveAt: at } })
    const rows = await database.db.query({ text: 'SELECT alive_at FROM instance', values: [] })
    expect(rows).toEqual([{ alive_at: at }])
  })
})
