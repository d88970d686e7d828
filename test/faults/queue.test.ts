// A job ends just as the database goes away. What the queue could not write down it does again later; the process,
// in which people sign in, lives on. A promise that nobody waits for would fail this file.
import { expect, it, onTestFinished, vi } from 'vitest'
import { createClock } from '../../src/kernel/time.ts'
import { createDb } from '../../src/platform/postgres.ts'
import { createQueue } from '../../src/platform/queue.ts'
import { captureLog } from '../support/edge.ts'
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
  const { log, lines } = captureLog()
  const queue = createQueue({ db, log })
  await queue.migrate()

  let lastRun: unknown
  const enqueued = Promise.withResolvers<void>()
  const running = await queue.run({
    part: async () => {
      // The job begins at the COMMIT, whose answer is still on its way through the same proxy
      await enqueued.promise
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
  enqueued.resolve()
  // Not back before the queue has failed to write down how the job ended
  const said = () => lines.map(({ msg }) => msg).join()
  await vi.waitFor(() => expect(said()).toMatch(/Failed to (complete|fail) jobs/), { timeout: 10_000 })
  await proxy.fair()
  await vi.waitFor(
    () => db.inTransaction((tx) => queue.enqueue(tx, { task: 'again', payload: { after: 'the fault' } })),
    { timeout: 10_000 },
  )
  await vi.waitFor(() => expect(lastRun).toEqual({ after: 'the fault' }), { timeout: 20_000 })
})
