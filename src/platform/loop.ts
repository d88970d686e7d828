// Owns work that is done again and again while a process lives, for what a queue of jobs is too slow for.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from './log.ts'

export type Loop = {
  /** Waits for the turn under way. */
  stop(): Promise<void>
}

export type LoopOptions = { name: string; everyMs: number; log: Log }

/** A turn that fails is said once, and tried again like every other. */
export function startLoop(work: () => Promise<void>, { name, everyMs, log }: LoopOptions): Loop {
  const stopping = new AbortController()
  const { signal } = stopping

  async function run(): Promise<void> {
    let failing = false
    while (!signal.aborted) {
      try {
        await work()
        failing = false
      } catch (err) {
        log[failing ? 'debug' : 'warn']({ event: 'loop.failed', loop: name, err })
        failing = true
      }
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }

  const running = run()
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}
