// Owns telling facts to whoever listens, each once and in the order of the seals. Notifications only say that there is
// something to read; what is told is always read, so a process that heard nothing has missed nothing.
import { limits } from '../../config/limits.ts'
import { gone } from '../../kernel/errors.ts'
import type { Listener } from '../../platform/listener.ts'
import type { FeedStore, SealedFact } from './feed-store.ts'
import { sealedChannel } from './seal-store.ts'

const batchSize = 100

export type FeedDeps = { store: FeedStore; listener: Pick<Listener, 'on' | 'onUp'> }

export type Feed = ReturnType<typeof createFeed>

export function createFeed({ store, listener }: FeedDeps) {
  const reading = new Map<number, Promise<SealedFact[]>>()
  const sleepers = new Set<() => void>()
  let timesWoken = 0
  let isClosed = false

  function wake(): void {
    timesWoken += 1
    // A read under way may have begun before what is new was there
    reading.clear()
    for (const wakeUp of [...sleepers]) wakeUp()
  }
  listener.on(sealedChannel, wake)
  listener.onUp(wake)

  /** Streams that stand at the same place share a read. */
  function read(seq: number): Promise<SealedFact[]> {
    const running = reading.get(seq)
    if (running) return running
    const promise = store.listBehind(seq, batchSize).finally(() => {
      if (reading.get(seq) === promise) reading.delete(seq)
    })
    reading.set(seq, promise)
    return promise
  }

  /** Until there may be news, at the latest after a heartbeat. */
  const pause = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      function wakeUp(): void {
        sleepers.delete(wakeUp)
        clearTimeout(timer)
        signal.removeEventListener('abort', wakeUp)
        resolve()
      }
      const timer = setTimeout(wakeUp, limits.eventHeartbeatMs)
      signal.addEventListener('abort', wakeUp)
      sleepers.add(wakeUp)
    })

  /** The place to go on from: behind the fact that was heard last, or at the end when none was. */
  async function placeBehind(heard: number | undefined): Promise<number> {
    const { last, continues } = await store.lookBehind(heard ?? 0)
    if (heard === undefined) return last
    // Dropped with its month, or of another database: to go on in silence would lose facts
    if (heard !== last && !continues) throw gone('events_gone')
    return heard
  }

  /** Batches of facts as they come; an empty one now and then, when nothing does. Ends with the signal. */
  async function* follow(place: number, signal: AbortSignal): AsyncGenerator<SealedFact[]> {
    let seq = place
    while (!signal.aborted && !isClosed) {
      const wokenBefore = timesWoken
      const facts = await read(seq)
      seq = facts.at(-1)?.seq ?? seq
      yield facts
      // What was told while this was read or passed on may not be in it
      const mayHaveMore = facts.length === batchSize || timesWoken !== wokenBefore
      if (!mayHaveMore && !signal.aborted) await pause(signal)
    }
  }

  /** Ends every stream: the process is about to end. */
  function close(): void {
    isClosed = true
    wake()
  }

  return { placeBehind, follow, close }
}
