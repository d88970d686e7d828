import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { type AdjustableClock, createClock } from '../../src/kernel/time.ts'
import { createListener } from '../../src/platform/listener.ts'
import type { Db } from '../../src/platform/postgres.ts'
import { createTimekeeper, type TimekeeperDeps } from '../../src/platform/timekeeper.ts'
import { createTestDatabase, silentLog, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  await database.db.prisma.instance.update({
    where: { id: 1 },
    data: { aliveAt: null, downSince: null, upSince: null, clockOffsetMs: 0 },
  })
})

function keeper(options: Partial<TimekeeperDeps> = {}) {
  const clock: AdjustableClock = createClock()
  const listener = createListener({ connection: database.connection, log: silentLog() })
  const timekeeper = createTimekeeper({
    db: database.db,
    clock,
    listener,
    testHooks: false,
    log: silentLog(),
    ...options,
  })
  onTestFinished(async () => {
    await timekeeper.stop()
    await listener.close()
  })
  return { clock, timekeeper, listener }
}

/** The same database with a clock that is off. */
const withSkew = (skewMs: number): Db => ({
  ...database.db,
  query: async <Row extends object>(statement: Parameters<Db['query']>[0]) => {
    const rows = await database.db.query<Row>(statement)
    return rows.map((row) => {
      const now: unknown = Reflect.get(row, 'database_now')
      return now instanceof Date ? { ...row, database_now: new Date(now.getTime() + skewMs) } : row
    })
  },
})

const instance = () => database.db.prisma.instance.findUniqueOrThrow({ where: { id: 1 } })
const secondsAgo = (count: number) => new Date(Date.now() - count * 1000)

describe('the clock', () => {
  it('is left alone while it agrees with the database’s', async () => {
    const { clock, timekeeper } = keeper({ db: withSkew(800) })
    await timekeeper.start()
    expect(clock.offset()).toBe(0)
    expect(timekeeper.skewMs()).toBeGreaterThan(500)
    expect(timekeeper.assertInStep).not.toThrow()
  })

  it.each([20_000, -20_000])('follows the database’s when that is %i ms away', async (skewMs) => {
    const { clock, timekeeper } = keeper({ db: withSkew(skewMs) })
    await timekeeper.start()
    expect(Math.abs(clock.offset() - skewMs)).toBeLessThan(300)
    expect(timekeeper.assertInStep).not.toThrow()
  })

  it('is out of step when the database’s is more than 30 s away', async () => {
    const { timekeeper } = keeper({ db: withSkew(-60_000) })
    await timekeeper.start()
    expect(timekeeper.assertInStep).toThrow('clock_out_of_step')
  })
})

describe('the clock of test benches', () => {
  it('is moved for every process, and for those that start later', async () => {
    const first = keeper({ testHooks: true })
    const second = keeper({ testHooks: true })
    await first.timekeeper.start()
    await second.timekeeper.start()
    await expect.poll(second.listener.isUp).toBe(true)

    const now = await first.timekeeper.advance(3_600)
    expect(now.getTime() - Date.now()).toBeGreaterThan(3_599_000)
    await expect.poll(second.clock.offset).toBe(3_600_000)

    await second.timekeeper.advance(0.5)
    const third = keeper({ testHooks: true, heartbeat: false })
    await third.timekeeper.start()
    expect(third.clock.offset()).toBe(3_600_500)
  })

  it('moves the heartbeat along, so that a jump is no outage', async () => {
    const { timekeeper } = keeper({ testHooks: true })
    await timekeeper.start()
    await timekeeper.advance(86_400)
    await timekeeper.stop()
    const next = keeper({ testHooks: true })
    await next.timekeeper.start()
    expect(next.timekeeper.lastOutage()).toBeUndefined()
  })

  it('stands still without test hooks', async () => {
    await database.db.prisma.instance.update({ where: { id: 1 }, data: { clockOffsetMs: 5_000 } })
    const { clock, timekeeper } = keeper()
    await timekeeper.start()
    expect(clock.offset()).toBe(0)
    await expect(timekeeper.advance(1)).rejects.toThrow('FOYER_TEST_HOOKS')
  })
})

describe('the heartbeat', () => {
  it('knows no outage at the first start, and begins to beat', async () => {
    const { timekeeper } = keeper()
    await timekeeper.start()
    expect(timekeeper.lastOutage()).toBeUndefined()
    const { aliveAt } = await instance()
    expect(aliveAt?.getTime()).toBeGreaterThan(secondsAgo(5).getTime())
    await expect.poll(async () => (await instance()).aliveAt, { timeout: 5_000 }).not.toEqual(aliveAt)
  })

  it('records how long the service was away, for every process that starts after it', async () => {
    const aliveAt = secondsAgo(60)
    await database.db.prisma.instance.update({ where: { id: 1 }, data: { aliveAt } })
    const { timekeeper } = keeper()
    await timekeeper.start()
    const outage = timekeeper.lastOutage()
    expect(outage?.downSince).toEqual(aliveAt)
    expect(outage?.upSince.getTime()).toBeGreaterThan(secondsAgo(5).getTime())

    const second = keeper()
    await second.timekeeper.start()
    expect(second.timekeeper.lastOutage()).toEqual(outage)
  })

  it('takes a quick restart for no outage', async () => {
    await database.db.prisma.instance.update({ where: { id: 1 }, data: { aliveAt: secondsAgo(1) } })
    const { timekeeper } = keeper()
    await timekeeper.start()
    expect(timekeeper.lastOutage()).toBeUndefined()
  })

  it('beats a last time when it stops', async () => {
    const { timekeeper, clock } = keeper()
    await timekeeper.start()
    const before = clock.now()
    await timekeeper.stop()
    expect((await instance()).aliveAt?.getTime()).toBeGreaterThanOrEqual(before.getTime())
  })

  it('is not given by commands', async () => {
    const { timekeeper } = keeper({ heartbeat: false })
    await timekeeper.start()
    await timekeeper.stop()
    expect((await instance()).aliveAt).toBeNull()
  })
})
