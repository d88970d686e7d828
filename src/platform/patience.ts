// Owns how long a statement may take, measured here and not on the server: a server that hangs cannot tell.
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'

export const patience = {
  /** Waiting for a free or new connection. */
  connectMs: 500,
  /** A statement somebody's browser waits for; a little above lock_timeout, so that the server's word comes first. */
  promptMs: 540,
  /** A statement of a job, a command or a migration of data. */
  unhurriedMs: 2_100,
  /** A server that hangs does not say goodbye either. */
  endMs: 1_000,
} as const

/** Says goodbye to the server, and does not wait long for its answer. */
export async function endOf(connection: { end(): Promise<void> }): Promise<void> {
  await Promise.race([connection.end(), sleep(patience.endMs, undefined, { ref: false })])
}

export type Watch = {
  unhurried<T>(work: () => Promise<T>): Promise<T>
  /** How long a statement of the present work may take. */
  limitMs(): number
  /** Makes every statement of this connection end in time, one way or the other. */
  over(client: pg.PoolClient): void
}

type Send = (...args: unknown[]) => unknown

export function createWatch({ onStatement }: { onStatement: (statement: string) => void }): Watch {
  const current = new AsyncLocalStorage<number>()
  const limitMs = () => current.getStore() ?? patience.promptMs

  /** A connection that does not answer is closed, so that it never serves again; that fails its statement. */
  function arm(client: pg.PoolClient, statement: unknown): () => void {
    let answered = false
    const giveUp = () => {
      if (!answered) void client.end()
    }
    const { name, milliseconds } = limitsOf(statement, limitMs())
    onStatement(name)
    // An answer may already lie in the socket when our own loop was the slow one: look once more
    const timer = setTimeout(() => setImmediate(giveUp), milliseconds)
    return () => {
      answered = true
      clearTimeout(timer)
    }
  }

  function over(client: pg.PoolClient): void {
    const original: CallableFunction = client.query
    const send: Send = (...args) => Reflect.apply(original, client, args)

    const watched: Send = (...args) => {
      const disarm = arm(client, args[0])
      const callback = args.at(-1)
      if (typeof callback === 'function') {
        return send(...args.slice(0, -1), (...outcome: unknown[]) => {
          disarm()
          Reflect.apply(callback, undefined, outcome)
        })
      }
      const answer = send(...args)
      if (answer instanceof Promise) answer.then(disarm, disarm)
      return answer
    }
    Reflect.set(client, 'query', watched)
    // A connection that breaks while in use says so through its statement; this only keeps the process alive
    client.on('error', () => undefined)
  }

  return { over, limitMs, unhurried: (work) => current.run(patience.unhurriedMs, work) }
}

function limitsOf(statement: unknown, fallback: number): { name: string; milliseconds: number } {
  if (typeof statement !== 'object' || statement === null) {
    return { name: String(statement), milliseconds: fallback }
  }
  const { name, text, patienceMs } = statement as { name?: string; text?: string; patienceMs?: number }
  return { name: name ?? text ?? '', milliseconds: patienceMs ?? fallback }
}
