import { readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createClock } from '../../src/kernel/time.ts'
import { createListener } from '../../src/platform/listener.ts'
import { createDb } from '../../src/platform/postgres.ts'
import { newDataDir, open, within } from '../support/embedded-kit.ts'
import { silentLog } from '../support/postgres.ts'

const promisedMs = 600

/** The server and all its workers. */
function processesOf(serverPid: number): number[] {
  const parentOf = (pid: string) => {
    try {
      return Number(
        readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) \S /, '')
          .split(' ')[0],
      )
    } catch {
      return 0
    }
  }
  const workers = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === serverPid)
  return [serverPid, ...workers.map(Number)]
}

const signal = (pids: number[], name: NodeJS.Signals) => {
  for (const pid of pids) process.kill(pid, name)
}

/** The best of three tries: a noisy machine may delay one, a missing time-out would delay all. */
async function shortestRefusal(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < 3; round += 1) {
    const startedAt = performance.now()
    await expect(work()).rejects.toMatchObject({ kind: 'unavailable', code: 'database_unavailable' })
    times.push(performance.now() - startedAt)
  }
  return Math.min(...times)
}

const dataDirOf = ({ host }: { host?: string | undefined }) => dirname(String(host))

describe.runIf(process.platform === 'linux')('a PostgreSQL that hangs', () => {
  it('is refused in time by every kind of statement, and used again when it goes on', async () => {
    const { connection, pid } = await open(newDataDir())
    const db = createDb({ connection, poolSize: 4, clock: createClock(), log: silentLog() })
    onTestFinished(() => db.close())
    const one = { text: 'SELECT 1 AS one', values: [] }
    await Promise.all([db.query(one), db.query(one), db.query(one)])

    const processes = processesOf(pid() ?? 0)
    signal(processes, 'SIGSTOP')
    try {
      expect(await shortestRefusal(() => db.query(one))).toBeLessThan(promisedMs)
      expect(await shortestRefusal(() => db.prisma.$queryRaw`SELECT 1`)).toBeLessThan(promisedMs)
      expect(await shortestRefusal(() => db.inTransaction((tx) => tx.$queryRaw`SELECT 1`))).toBeLessThan(
        promisedMs,
      )
      // As long as the slowest of a crowd that waits for four connections
      const crowd = async () => {
        const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => db.query(one)))
        throw outcomes.find((outcome) => outcome.status === 'rejected')?.reason
      }
      expect(await shortestRefusal(crowd)).toBeLessThan(promisedMs)
    } finally {
      signal(processes, 'SIGCONT')
    }

    await within(5_000, async () => expect(await db.query(one)).toEqual([{ one: 1 }]))
    expect(db.pool.totalCount).toBeLessThanOrEqual(4)
  })

  it('does not keep Foyer from stopping', async () => {
    const embedded = await open(newDataDir())
    const { connection } = embedded
    const db = createDb({ connection, poolSize: 4, clock: createClock(), log: silentLog() })
    const listener = createListener({ connection, log: silentLog() })
    await expect.poll(listener.isUp).toBe(true)
    await db.query({ text: 'SELECT 1', values: [] })

    const processes = processesOf(embedded.pid() ?? 0)
    signal(processes, 'SIGSTOP')
    try {
      const startedAt = performance.now()
      await Promise.all([db.close(), listener.close()])
      await embedded.stop()
      expect(performance.now() - startedAt).toBeLessThan(8_000)
    } finally {
      signal(processes, 'SIGCONT')
    }
    const next = await open(dataDirOf(connection), { role: 'guest' })
    expect(next.pid()).toBe(processes[0])
  })

  it('is noticed by the listener within 4 s, which listens again afterwards', async () => {
    const { connection, pid } = await open(newDataDir())
    const listener = createListener({ connection, log: silentLog() })
    onTestFinished(() => listener.close())
    await expect.poll(listener.isUp).toBe(true)

    const processes = processesOf(pid() ?? 0)
    signal(processes, 'SIGSTOP')
    try {
      await expect.poll(listener.isUp, { timeout: 4_000 }).toBe(false)
    } finally {
      signal(processes, 'SIGCONT')
    }
    await expect.poll(listener.isUp, { timeout: 5_000 }).toBe(true)
  })
})
