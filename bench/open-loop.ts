// Owns load at a fixed rate, whoever answers and however late: an operation begins when it is due, also while others
// wait, so that a server that stands still is not asked less and looks as slow as it was.
import { setTimeout as sleep } from 'node:timers/promises'

export type Lent<Thing> = <Result>(work: (thing: Thing) => Promise<Result>) => Promise<Result>

/** Lends each thing to one borrower at a time, in the order in which they came. */
export function lending<Thing>(things: readonly Thing[]): Lent<Thing> {
  const free = [...things]
  const waiting: ((thing: Thing) => void)[] = []

  return async (work) => {
    const ready = free.pop()
    const thing = ready ?? (await new Promise<Thing>((resolve) => waiting.push(resolve)))
    try {
      return await work(thing)
    } finally {
      const next = waiting.shift()
      if (next) next(thing)
      else free.push(thing)
    }
  }
}

export type OpenLoop = {
  perSecond: number
  /** Asked before each operation. */
  isOver: () => boolean
  /** Whether it was done. What the server turns away counts as never done. */
  operation: () => Promise<boolean>
}

/** Milliseconds that each operation took, waiting for its turn included, ascending; one that fails ends it. */
export async function openLoop({ perSecond, isOver, operation }: OpenLoop): Promise<Float64Array> {
  const latencies: number[] = []
  const running: Promise<void>[] = []
  const failures: unknown[] = []
  const startedAt = performance.now()
  async function run(): Promise<void> {
    const begunAt = performance.now()
    try {
      latencies.push((await operation()) ? performance.now() - begunAt : Number.POSITIVE_INFINITY)
    } catch (error) {
      failures.push(error)
    }
  }

  for (let number = 0; !isOver() && failures.length === 0; number += 1) {
    const aheadMs = startedAt + (number * 1000) / perSecond - performance.now()
    if (aheadMs > 0) await sleep(aheadMs)
    running.push(run())
  }
  await Promise.all(running)
  if (failures.length > 0) throw failures[0]
  return Float64Array.from(latencies).sort()
}
