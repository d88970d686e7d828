// A job ends just as the database goes away. What the queue could not write down it does again later; the process,
// in which people sign in, lives on. A promise that nobody waits for would fail this file.
import { expect, it, onTestFinished, vi } from 'vitest'
import { createClock } from '../../src/kernel/time.ts'
import { createDb } from '../../src/platform/postgres.ts'
import { createQueue } from '../../src/platform/queue.ts'
import { createTestDatabase, silentLog } from '../support/postgres.ts'
import { createProxy } from '../support/proxy.ts'

it.each([
  ['succeeds', async () => undefined],
  [
    'fails',
    async () => {
      throw new Error('no')
    },
  ],
])('a job that %s as the database goes away is done again when it is back', async (_, ending) => {
  const database = await createTestDatabase()
  const proxy = await createProxy(database.connection)
  const connection = { host: '127.0.0.1', port: Number(new URL(proxy.url).port), user: 'postgres' }
  const db = createDb({
    connection: { ...connection, database: String(database.connection.database) },
    poolSize: 5,
    clock: createClock(),
    log: silentLog(),
  })
  const queue = createQueue({ db, log: silentLog() })
  await queue.migrate()

  let lastRun: unknown
  const running = await queue.run({
    part: async () => {
      await proxy.refuse()
      await ending()
    },
    again: async (payload) => {
      lastRun = payload
    },
  })
  onTestFinished(async () => {
    await running.stop()
    await db.close()
    await proxy.close()
    await database.drop()
  })

  await db.inTransaction((tx) => queue.enqueue(tx, { task: 'part', payload: {}, maxAttempts: 1 }))
  // The next statement of the queue finds the database gone
  await vi.waitFor(() => expect(proxy.connections()).toBe(0), { timeout: 10_000 })
  await proxy.fair()
  await vi.waitFor(
    () => db.inTransaction((tx) => queue.enqueue(tx, { task: 'again', payload: { after: 'the fault' } })),
    { timeout: 10_000 },
  )
  await vi.waitFor(() => expect(lastRun).toEqual({ after: 'the fault' }), { timeout: 20_000 })
})
