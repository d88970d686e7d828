// Owns the threads that compute argon2id. Each has its next hash at hand while it computes one, so that it never
// waits for the event loop to give it work, and the event loop never shares its turns with a hash.
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { isFromSources } from '../kernel/places.ts'

export type HashOptions = { memoryCost: number; timeCost: number; parallelism: number; outputLen: number }
/** Without a PHC string it is hashed, with one compared. */
export type HashTask = { id: number; password: Uint8Array; options: HashOptions; phc?: string }
export type HashAnswer = { id: number; seconds: number } & ({ value: string | boolean } | { failure: string })

type Waiting = { resolve(value: string | boolean): void; reject(error: Error): void }
type Thread = { worker: Worker; waiting: Map<number, Waiting> }

export type HashThreadsDeps = {
  count: number
  options: HashOptions
  /** Told how long each hash took, waiting not included. */
  observeHash?: ((seconds: number) => void) | undefined
}

/** A hash is small beside what an isolate takes by itself. */
const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 }

function startThread(): Promise<Worker> {
  const program = join(import.meta.dirname, isFromSources() ? 'hash-thread.ts' : 'hash-thread.js')
  const worker = new Worker(program, { resourceLimits })
  return new Promise((resolve, reject) => {
    worker.once('message', () => {
      worker.off('error', reject)
      resolve(worker)
    })
    worker.once('error', reject)
  })
}

/** Rejects where argon2 has no binary for this machine. The threads keep no process alive that waits for nothing. */
export async function openHashThreads({ count, options, observeHash }: HashThreadsDeps) {
  const threads = new Set<Thread>()
  let opening: Promise<Thread> | undefined
  let lastId = 0

  function open(): Promise<Thread> {
    opening ??= startThread()
      .then(keep)
      .finally(() => {
        opening = undefined
      })
    return opening
  }

  function keep(worker: Worker): Thread {
    const thread: Thread = { worker, waiting: new Map() }
    worker.on('message', (answer: HashAnswer) => settle(thread, answer))
    worker.on('error', (error) => bury(thread, error))
    worker.on('exit', () => bury(thread, new Error('the thread that computes hashes ended')))
    worker.unref()
    threads.add(thread)
    return thread
  }

  function settle({ worker, waiting }: Thread, answer: HashAnswer): void {
    const task = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (waiting.size === 0) worker.unref()
    observeHash?.(answer.seconds)
    if ('failure' in answer) task?.reject(new Error(answer.failure))
    else task?.resolve(answer.value)
  }

  /** The next hash starts another one. */
  function bury(thread: Thread, error: Error): void {
    threads.delete(thread)
    for (const task of thread.waiting.values()) task.reject(error)
    thread.waiting.clear()
  }

  async function idlest(): Promise<Thread> {
    const [first, ...others] = threads
    const least = others.reduce(
      (one, other) => (other.waiting.size < (one?.waiting.size ?? 0) ? other : one),
      first,
    )
    const isEnough = least?.waiting.size === 0 || threads.size >= count
    return least && (isEnough || opening) ? least : open()
  }

  async function compute(password: Buffer, phc?: string): Promise<string | boolean> {
    const { worker, waiting } = await idlest()
    lastId += 1
    // Bytes of their own: a Buffer may be a piece of a slab that holds other people's.
    const bytes = new Uint8Array(password)
    const task: HashTask = { id: lastId, password: bytes, options, ...(phc !== undefined && { phc }) }
    return new Promise((resolve, reject) => {
      waiting.set(task.id, { resolve, reject })
      worker.ref()
      worker.postMessage(task, [bytes.buffer])
    })
  }

  await open()
  return {
    /** How many a thread is given besides the ones that are being computed. */
    ahead: count,
    hash: async (password: Buffer) => String(await compute(password)),
    verify: async (phc: string, password: Buffer) => (await compute(password, phc)) === true,
    /** Ends the threads that there are; the next hash starts another one. */
    close: async () => void (await Promise.all([...threads].map(({ worker }) => worker.terminate()))),
  }
}
