// Owns calls to others that outlive the job which makes them, so that no other job waits for a receiver that is slow.
// Whoever starts one has planned before what happens when the process ends in its middle.
import type { Log } from './log.ts'

export type SideCalls = ReturnType<typeof createSideCalls>

/** Of one kind in one process. */
const mostAtOnce = 32

export function createSideCalls({ name, log }: { name: string; log: Log }) {
  const underWay = new Set<Promise<void>>()
  const stopping = Promise.withResolvers<undefined>()

  const isFull = (): boolean => underWay.size >= mostAtOnce

  function start(work: () => Promise<void>): void {
    const running = work()
      .catch((err: unknown) => log.warn({ event: 'call.broke', name, err }))
      .finally(() => underWay.delete(running))
    underWay.add(running)
  }

  /** The answer, or nothing when the process stops before there is one. */
  const answerOf = <T>(call: Promise<T>): Promise<T | undefined> => Promise.race([call, stopping.promise])

  /** What is under way is left to the next process; only what is being written down is waited for. */
  async function stop(): Promise<void> {
    stopping.resolve(undefined)
    await Promise.all(underWay)
  }

  return { isFull, start, answerOf, stop }
}
