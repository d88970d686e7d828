// Owns one cell of the table: a scenario against a server for a few seconds, and what that took.
import { constants, setPriority } from 'node:os'
import { openConnection } from './client.ts'
import { isWarm, type Progress, type WarmUp } from './effort.ts'
import { visitor } from './people.ts'
import { canCount, cpuOf } from './processes.ts'
import type { Operation, Scenario } from './scenarios.ts'
import { quantile } from './statistics.ts'
import type { Target } from './targets.ts'

export type Cell = {
  operations: number
  perSecond: number
  /** CPU of the server process with all its threads, for one operation. */
  microseconds: number
  databaseMicroseconds: number
  statements: number
  p50Ms: number
  p99Ms: number
  /** What the warm-up before it came to. */
  warmUpSeconds: number
  warmUpOperations: number
}

/**
 * Keeps this process from falling asleep between two answers. A server whose answers come one by one would pay for
 * waking it each time, dearly so on a virtual machine; one whose answers come in bunches, out of a thread pool, would
 * not. Over a network neither pays: that is the business of the machine that asks. The database, on the
 * same core, goes first. Gives a function that ends it.
 */
export function stayAwake(): () => void {
  setPriority(constants.priority.PRIORITY_LOW)
  let awake = true
  const turn = () => awake && setImmediate(turn)
  turn()
  return () => {
    awake = false
  }
}

export async function measure(
  scenario: Scenario,
  target: Target,
  { seconds, warmUp }: { seconds: number; warmUp: WarmUp },
): Promise<Cell> {
  await target.forget()
  const connections = await Promise.all(
    Array.from({ length: scenario.connections }, () => openConnection(target.port)),
  )
  try {
    const operations: Operation[] = []
    for (const [worker, connection] of connections.entries())
      operations.push(await scenario.prepare({ target, connection, visitor: visitor(worker) }))
    const warmed = await repeat(operations, (done) => isWarm(done, warmUp))

    const before = await readings(target)
    const { latencies, elapsedSeconds } = await repeat(operations, (done) => done.seconds >= seconds)
    const after = await readings(target)
    const each = (choose: (reading: Readings) => number) =>
      (choose(after) - choose(before)) / latencies.length
    return {
      operations: latencies.length,
      perSecond: latencies.length / elapsedSeconds,
      microseconds: each(({ cpu }) => cpu),
      databaseMicroseconds: each(({ database }) => database),
      // One reading of the metrics more or less does not show in thousands of operations.
      statements: each(({ statements }) => statements),
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      warmUpSeconds: warmed.elapsedSeconds,
      warmUpOperations: warmed.latencies.length,
    }
  } finally {
    for (const connection of connections) connection.close()
  }
}

type Readings = { cpu: number; database: number; statements: number }

async function readings(target: Target): Promise<Readings> {
  const statements = await target.statements()
  if (!canCount()) return { cpu: Number.NaN, database: Number.NaN, statements }
  return { cpu: cpuOf(target.pid), database: target.databaseCpu(), statements }
}

/** Every operation again and again until it is enough; one that fails ends the run. The latencies ascend. */
export async function repeat(operations: Operation[], isEnough: (done: Progress) => boolean) {
  const latencies: number[] = []
  const startedAt = performance.now()
  await Promise.all(
    operations.map(async (operation) => {
      for (let now = performance.now(); !isEnough(progressAt(now)); ) {
        await operation()
        const done = performance.now()
        latencies.push(done - now)
        now = done
      }
    }),
  )
  function progressAt(now: number): Progress {
    return { seconds: (now - startedAt) / 1000, operations: latencies.length }
  }
  const elapsedSeconds = (performance.now() - startedAt) / 1000
  return { latencies: Float64Array.from(latencies).sort(), elapsedSeconds }
}
