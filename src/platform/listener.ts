// Owns the one LISTEN connection of a process: what other processes notify, and whether that can be heard at all.
import pg from 'pg'
import { stopwatch } from '../kernel/time.ts'
import type { Connection } from './connection.ts'
import type { Log } from './log.ts'
import { endOf } from './patience.ts'

export type Listener = {
  on(channel: string, handler: (payload: string) => void): void
  /** Caches may be trusted only while this is true: no notification can have been missed. */
  isUp(): boolean
  /** Called whenever listening begins, or begins anew: what was cached before may be stale. */
  onUp(handler: () => void): void
  /** Called when listening ends, and again every few seconds while it cannot begin anew. */
  onDown(handler: () => void): void
  close(): Promise<void>
}

const probeEveryMs = 1_000
/** A peer that vanished without a word is noticed by the probe it leaves unanswered. */
const silenceLimitSeconds = 2.5
const shortestPauseMs = 100
const longestPauseMs = 2_000

export function createListener({ connection, log }: { connection: Connection; log: Log }): Listener {
  const handlers = new Map<string, ((payload: string) => void)[]>()
  const upHandlers: (() => void)[] = []
  const downHandlers: (() => void)[] = []
  let client: pg.Client | undefined
  let listening = false
  let sinceHeard = stopwatch()
  let pauseMs = shortestPauseMs
  let closed = false
  let retry: NodeJS.Timeout | undefined

  function run(handler: () => void): void {
    try {
      handler()
    } catch (error) {
      log.error({ event: 'listener.handler_failed', err: error }, 'a handler of notifications failed')
    }
  }

  function lose(lost: pg.Client, error?: Error): void {
    if (client !== lost) return
    client = undefined
    listening = false
    void lost.end().catch(() => undefined)
    if (closed) return
    log.warn(
      { event: 'listener.down', err: error },
      'notifications are not heard until the connection is back',
    )
    downHandlers.forEach(run)
    retry = setTimeout(() => void connect(), pauseMs)
    pauseMs = Math.min(2 * pauseMs, longestPauseMs)
  }

  /** Ends with every channel listened to; a channel added meanwhile starts it again. */
  async function listen(current: pg.Client): Promise<void> {
    listening = false
    const channels = [...handlers.keys()]
    const statement = channels.map((channel) => `LISTEN ${current.escapeIdentifier(channel)}`).join('; ')
    await current.query(statement || 'SELECT 1')
    if (client !== current) return
    if (handlers.size !== channels.length) return listen(current)
    sinceHeard = stopwatch()
    pauseMs = shortestPauseMs
    listening = true
    upHandlers.forEach(run)
  }

  async function connect(): Promise<void> {
    const current = new pg.Client({
      ...connection,
      application_name: 'foyer listener',
      connectionTimeoutMillis: 1_000,
    })
    client = current
    current.on('error', (error) => lose(current, error))
    current.on('end', () => lose(current))
    current.on('notification', ({ channel, payload = '' }) => {
      for (const handler of handlers.get(channel) ?? []) run(() => handler(payload))
    })
    try {
      await current.connect()
      await listen(current)
    } catch (error) {
      lose(current, error instanceof Error ? error : undefined)
    }
  }

  function probe(): void {
    const current = client
    if (!current || !listening) return
    if (sinceHeard() > silenceLimitSeconds) {
      lose(current, new Error('the database does not answer'))
      return
    }
    current.query('SELECT 1').then(
      () => {
        if (client === current) sinceHeard = stopwatch()
      },
      (error: Error) => lose(current, error),
    )
  }

  void connect()
  const probing = setInterval(probe, probeEveryMs)

  return {
    on: (channel, handler) => {
      const known = handlers.get(channel)
      handlers.set(channel, [...(known ?? []), handler])
      const current = client
      if (!known && current && listening) listen(current).catch((error: Error) => lose(current, error))
    },
    isUp: () => listening && sinceHeard() <= silenceLimitSeconds,
    onUp: (handler) => {
      upHandlers.push(handler)
    },
    onDown: (handler) => {
      downHandlers.push(handler)
    },
    close: async () => {
      closed = true
      clearInterval(probing)
      clearTimeout(retry)
      const current = client
      client = undefined
      listening = false
      if (current) await endOf(current)
    },
  }
}
