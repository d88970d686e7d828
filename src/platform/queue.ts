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
import type { Log } from './log.ts'
import type { Db, Tx } from './postgres.ts'

export type Job = {
  task: string
  payload: unknown
  /** A job of the same task and key that still waits is replaced. */
  key?: string
  runAt?: Date
  maxAttempts?: number
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
  /** crontab: lines of `minute hour day month weekday task`, in UTC. */
  run(tasks: Readonly<Record<string, Task>>, crontab?: string): Promise<RunningQueue>
}

export type QueueDeps = {
  db: Pick<Db, 'pool' | 'unhurried'>
  log: Log
  concurrency?: number
  /** Jobs are due by this process's clock instead of the database's: with test hooks, which move it. */
  useNodeTime?: boolean
}

const restartMs = seconds(2)

export function createQueue({ db, log, concurrency = 2, useNodeTime = false }: QueueDeps): Queue {
  const shared = {
    pgPool: db.pool,
    logger: new Logger(logThrough(log)),
    noHandleSignals: true,
    noPreparedStatements: false,
    useNodeTime,
    concurrency,
    // In a batch, be it of one: without, graphile-worker lets go of the promise that writes down how a job ended,
    // and a database that goes away at that moment ends the whole process.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  }

  async function enqueue(tx: Tx, { task, payload, key, runAt, maxAttempts }: Job): Promise<void> {
    await tx.$executeRaw`
      SELECT 1 FROM graphile_worker.add_job(
        ${task}::text,
        payload => ${JSON.stringify(payload)}::json,
        run_at => ${runAt ?? null}::timestamptz,
        max_attempts => ${maxAttempts ?? null}::integer,
        job_key => ${key === undefined ? null : `${task}:${key}`}::text
      )`
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
    run: async (tasks, crontab = '') =>
      supervise(await start(tasks, crontab), () => start(tasks, crontab), log),
  }
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
