// Jobs on a real PostgreSQL: with their transaction, tried again, and going on after a lost database.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createQueue, type Queue, type RunningQueue, type Task } from '../../src/platform/queue.ts'
import { captureLog } from '../support/edge.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
let queue: Queue
let running: RunningQueue | undefined
const { log, lines } = captureLog()
log.level = 'trace'

beforeAll(async () => {
  database = await createTestDatabase()
  queue = createQueue({ db: database.db, log })
  await queue.migrate()
})
afterEach(async () => {
  await running?.stop()
  running = undefined
})
afterAll(() => database.drop())

/** Runs the queue with one task that remembers what it was given. */
async function startRemembering(
  task: (payload: unknown) => Promise<void> = async () => undefined,
): Promise<unknown[]> {
  const seen: unknown[] = []
  const tasks: Record<string, Task> = {
    remember: async (payload) => {
      seen.push(payload)
      await task(payload)
    },
  }
  running = await queue.run(tasks)
  return seen
}

const waitingJobs = async (): Promise<{ key: string | null; attempts: number }[]> =>
  database.db.query({ text: 'SELECT key, attempts FROM graphile_worker.jobs ORDER BY id', values: [] })
const clear = () => database.db.query({ text: 'DELETE FROM graphile_worker._private_jobs', values: [] })

describe('the queue', () => {
  it('runs a job once its transaction is committed, and none that was rolled back', async () => {
    const seen = await startRemembering()
    const { db } = database
    await expect(
      db.inTransaction(async (tx) => {
        await queue.enqueue(tx, { task: 'remember', payload: { of: 'the rolled back' } })
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    await db.inTransaction((tx) => queue.enqueue(tx, { task: 'remember', payload: { of: 'the committed' } }))
    await vi.waitFor(() => expect(seen).toEqual([{ of: 'the committed' }]), { timeout: 10_000 })
    await expect.poll(waitingJobs).toEqual([])
  })

  it('has a job due earlier when the clock of a test bench is moved', async () => {
    const seen = await startRemembering()
    await queue.enqueueAlone({ task: 'remember', payload: 'in an hour', delayMs: 3_600_000 })
    await queue.enqueueAlone({ task: 'remember', payload: 'in a day', delayMs: 86_400_000 })
    await queue.bringForward(3_600_001)
    await vi.waitFor(() => expect(seen).toEqual(['in an hour']), { timeout: 10_000 })
    // The row of a job that is done goes a moment after its work
    await vi.waitFor(async () => expect(await waitingJobs()).toHaveLength(1), { timeout: 10_000 })
    await clear()
  })

  it('replaces a waiting job of the same key, and keeps keys of different tasks apart', async () => {
    const runAt = new Date('2100-01-01T00:00:00Z')
    await database.db.inTransaction(async (tx) => {
      await queue.enqueue(tx, { task: 'remember', payload: 1, key: 'a', runAt })
      await queue.enqueue(tx, { task: 'remember', payload: 2, key: 'a', runAt })
      await queue.enqueue(tx, { task: 'other', payload: 3, key: 'a', runAt })
    })
    expect((await waitingJobs()).map(({ key }) => key)).toEqual(['remember:a', 'other:a'])
    await clear()
  })

  it('keeps a job that failed for another try, and its payload out of the log', async () => {
    const seen = await startRemembering(async () => {
      throw new Error('the mail server is away')
    })
    await database.db.inTransaction((tx) =>
      queue.enqueue(tx, { task: 'remember', payload: { link: 'canary' }, maxAttempts: 3 }),
    )
    await vi.waitFor(() => expect(seen).toHaveLength(1), { timeout: 10_000 })
    await expect.poll(waitingJobs).toEqual([{ key: null, attempts: 1 }])
    expect(lines).toContainEqual(
      expect.objectContaining({ event: 'queue', msg: expect.stringContaining('the mail server is away') }),
    )
    expect(JSON.stringify(lines)).not.toContain('canary')
    await clear()
  })

  it('waits for the job under way when it is stopped', async () => {
    let ended = false
    const begun = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    await startRemembering(async () => {
      begun.resolve()
      await release.promise
      ended = true
    })
    await database.db.inTransaction((tx) => queue.enqueue(tx, { task: 'remember', payload: null }))
    await begun.promise
    const stopped = running?.stop()
    running = undefined
    release.resolve()
    await stopped
    expect(ended).toBe(true)
  })

  it('goes on after the database threw everybody out', async () => {
    const seen = await startRemembering()
    const others =
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()'
    await database.db.query({ text: others, values: [] })
    await vi.waitFor(
      () =>
        database.db.inTransaction((tx) =>
          queue.enqueue(tx, { task: 'remember', payload: 'after', key: 'after' }),
        ),
      { timeout: 5_000 },
    )
    await vi.waitFor(() => expect(seen).toContain('after'), { timeout: 15_000 })
  })

  it('finds jobs again although its very first look failed', async () => {
    await database.db.query({ text: 'ALTER TABLE graphile_worker._private_tasks RENAME TO away', values: [] })
    const seen = await startRemembering()
    await expect.poll(() => JSON.stringify(lines)).toContain('Failed to acquire job')
    await database.db.query({ text: 'ALTER TABLE graphile_worker.away RENAME TO _private_tasks', values: [] })
    await database.db.inTransaction((tx) => queue.enqueue(tx, { task: 'remember', payload: 'found' }))
    await vi.waitFor(() => expect(seen).toContain('found'), { timeout: 15_000 })
  })

  it('leaves signals to the process', async () => {
    const before = process.listenerCount('SIGTERM')
    await startRemembering()
    expect(process.listenerCount('SIGTERM')).toBe(before)
  })
})
