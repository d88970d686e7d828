// Owns jobs: written in the transaction that causes them, run later, at least once. What a job does is up to
// the task handed in, which must survive running twice.
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type LogFunctionFactory,
  Logger,
  parseCrontab,
  type Runner,
  run,
  runMigrations,
  type TaskList,
  type WorkerEvents,
} from 'graphile-worker'
import { seconds } from '../kernel/time.ts'
import type { Bind, Write } from './compose.ts'
import type { Log } from './log.ts'
import type { Db, Statement, Tx } from './postgres.ts'

export type Job = {
  task: string
  payload: unknown
  /** A job of the same task and key that still waits is replaced; one that runs is not tried again. */
  key?: string
  runAt?: Date
  /** Due so long after it was written, by the database's clock. */
  delayMs?: number
  maxAttempts?: number
  /** The lower goes first; 0 when not said. */
  priority?: number
}

export type Task = (payload: unknown, context: { signal: AbortSignal }) => Promise<void>

export type RunningQueue = {
  /** Takes no new job and waits for those under way. */
  stop(): Promise<void>
}

export type Queue = {
  /** Makes or updates the queue's own schema. */
  migrate(): Promise<void>
  enqueue(tx: Tx, job: Job): Promise<void>
  /**
   * The same as what another write does besides. `when` is a condition on the row that is written, `row` says which
   * of its columns join the payload, under which names.
   */
  also(job: Job, of?: { when?: string | undefined; row?: Record<string, string> }): NonNullable<Write['also']>
  /** By itself, for a job that sees to its own next try. */
  enqueueAlone(job: Job): Promise<void>
  /** Takes back what still waits. */
  remove(job: Required<Pick<Job, 'task' | 'key'>>): Promise<void>
  /** How many jobs of a task wait for their turn or their next try. */
  countWaiting(task: string): Promise<number>
  /** Has waiting jobs due so much earlier: when the clock is moved, on test benches. */
  bringForward(milliseconds: number): Promise<void>
  /** Deletes jobs that will never be tried again; those of a killed process four hours later. */
  discardDead(task: string): Promise<void>
  /** crontab: lines of `minute hour day month weekday task`, in UTC. */
  run(tasks: Readonly<Record<string, Task>>, crontab?: string): Promise<RunningQueue>
}

export type QueueDeps = {
  db: Pick<Db, 'pool' | 'query' | 'unhurried'>
  log: Log
  concurrency?: number
  /** Jobs are due by this process's clock instead of the database's: with test hooks, which move it. */
  useNodeTime?: boolean
}

const restartMs = seconds(2)
/** How long jobs under way are waited for before their signal asks them to stop: a process has ten seconds to end. */
const abortAfterMs = seconds(1)

export function createQueue({ db, log, concurrency = 4, useNodeTime = false }: QueueDeps): Queue {
  const shared = {
    pgPool: db.pool,
    logger: new Logger(logThrough(log)),
    noHandleSignals: true,
    noPreparedStatements: false,
    useNodeTime,
    concurrency,
    // In a batch, be it of one: without, graphile-worker lets go of the promise that writes down how a job ended,
    // and a database that goes away at that moment ends the whole process.
    preset: {
      worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0, gracefulShutdownAbortTimeout: abortAfterMs },
    },
  }

  async function enqueue(tx: Tx, job: Job): Promise<void> {
    const { text, values } = enqueueStatement(job)
    await tx.$executeRawUnsafe(text, ...values)
  }

  async function start(tasks: Readonly<Record<string, Task>>, crontab: string): Promise<Runner> {
    const taskList: TaskList = Object.fromEntries(
      Object.entries(tasks).map(([name, task]) => [
        name,
        (payload: unknown, { abortSignal: signal }: { abortSignal: AbortSignal }) =>
          db.unhurried(() => task(payload, { signal })),
      ]),
    )
    const events: WorkerEvents = new EventEmitter()
    const runner = await db.unhurried(() =>
      run({ ...shared, taskList, parsedCronItems: parseCrontab(crontab), events }),
    )
    stopWhenBlind(runner, events, 2 * concurrency)
    return runner
  }

  return {
    migrate: () => db.unhurried(() => runMigrations(shared)),
    enqueue,
    also:
      (job, { when = 'true', row = {} } = {}) =>
      (bind) =>
        `CASE WHEN ${when} THEN ${addJob(job, bind, row)} END`,
    enqueueAlone: async (job) => {
      await db.query(enqueueStatement(job))
    },
    remove: async (job) => {
      await db.query({
        name: 'graphile_worker.remove',
        text: 'SELECT 1 FROM graphile_worker.remove_job($1::text)',
        values: [keyOf(job)],
      })
    },
    countWaiting: async (task) => {
      const text = `SELECT count(*) AS count FROM graphile_worker.jobs
        WHERE task_identifier = $1::text AND locked_at IS NULL AND attempts < max_attempts`
      const [row] = await db.query<{ count: number }>({
        name: 'graphile_worker.count',
        text,
        values: [task],
      })
      return row?.count ?? 0
    },
    bringForward: async (milliseconds) => {
      await db.query({
        name: 'graphile_worker.bring_forward',
        text: `SELECT count(*) FROM graphile_worker.jobs, graphile_worker.reschedule_jobs(
            ARRAY[jobs.id], run_at => jobs.run_at - $1::bigint * interval '1 millisecond')
          WHERE jobs.locked_at IS NULL AND jobs.run_at > now()`,
        values: [milliseconds],
      })
    },
    discardDead: async (task) => {
      await db.query({
        name: 'graphile_worker.discard',
        text: `SELECT count(*) FROM graphile_worker.complete_jobs(ARRAY(
          SELECT id FROM graphile_worker.jobs WHERE task_identifier = $1::text AND attempts >= max_attempts))`,
        values: [task],
      })
    },
    run: async (tasks, crontab = '') =>
      supervise(await start(tasks, crontab), () => start(tasks, crontab), log),
  }
}

const keyOf = ({ task, key }: Pick<Job, 'task' | 'key'>): string | null =>
  key === undefined ? null : `${task}:${key}`

function addJob(job: Job, bind: Bind, row: Record<string, string> = {}): string {
  const { task, payload, runAt, delayMs = 0, maxAttempts, priority } = job
  const columns = Object.entries(row).map(([name, column]) => `'${name}', ${column}`)
  const fromRow = columns.length > 0 ? ` || jsonb_build_object(${columns.join(', ')})` : ''
  return `graphile_worker.add_job(
    ${bind(task, 'text')},
    payload => (${bind(payload, 'jsonb')}${fromRow})::json,
    run_at => coalesce(${bind(runAt ?? null, 'timestamptz')}, now()) + ${bind(delayMs, 'int')} * interval '1 millisecond',
    max_attempts => ${bind(maxAttempts ?? null, 'int')},
    job_key => ${bind(keyOf(job), 'text')},
    priority => ${bind(priority ?? null, 'int')})`
}

function enqueueStatement(job: Job): Statement {
  const values: unknown[] = []
  const bind: Bind = (value, type) =>
    `$${values.push(type === 'jsonb' ? JSON.stringify(value) : value)}::${type}`
  return { name: 'graphile_worker.enqueue', text: `SELECT 1 FROM ${addJob(job, bind)}`, values }
}

// It asks for its tasks' ids once, keeps a failure of that as it would an answer, and then finds no job ever
// again. Whatever the reason, a runner that cannot look for jobs makes room for a new one.
function stopWhenBlind(runner: Runner, events: WorkerEvents, limit: number): void {
  let failures = 0
  const sees = () => {
    failures = 0
  }
  events.on('worker:getJob:empty', sees)
  events.on('job:start', sees)
  events.on('worker:getJob:error', () => {
    failures += 1
    // Whoever else stopped it says so through its promise
    if (failures === limit) runner.stop('it cannot look for jobs').catch(() => undefined)
  })
}

// A runner ends when it cannot go on; jobs must go on all the same.
function supervise(first: Runner, start: () => Promise<Runner>, log: Log): RunningQueue {
  const stopping = new AbortController()
  let runner: Runner | undefined = first
  const loop = keepRunning()

  async function keepRunning(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        runner ??= await start()
        // Asked to stop while it was starting
        if (stopping.signal.aborted) await runner.stop()
        await runner.promise
      } catch (err) {
        log.error({ event: 'queue.broke', err })
      }
      runner = undefined
      await sleep(restartMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  return {
    async stop() {
      stopping.abort()
      // A runner that ended by itself refuses to be stopped
      await runner?.stop().catch((err: unknown) => log.debug({ event: 'queue.stopped_before', err }))
      await loop
    },
  }
}

const levels = { error: 'error', warning: 'warn', info: 'debug', debug: 'trace' } as const

// Its details hold whole jobs, and so payloads with addresses and links: only the sentence and the error are kept.
const logThrough =
  (log: Log): LogFunctionFactory =>
  (scope) =>
  (level, message, meta) => {
    const err: unknown = meta?.error
    const { taskIdentifier: task, jobId } = scope
    log[levels[level]]({ event: 'queue', task, jobId, ...(err === undefined ? {} : { err }) }, message)
  }
