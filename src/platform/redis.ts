// Owns the optional Redis: a cache and a loudspeaker between nodes. Whatever fails here counts as a miss;
// PostgreSQL alone decides. What is cached, and how it is invalidated, is up to who caches.
import type { Redis as Client, RedisOptions } from 'ioredis'
import { seconds, stopwatch } from '../kernel/time.ts'
import type { Log } from './log.ts'

export type Redis = {
  /** null for what is not there, and for everything while Redis does not answer. */
  get(key: string): Promise<string | null>
  set(key: string, value: string, ttlMs: number): Promise<void>
  delete(...keys: string[]): Promise<void>
  publish(channel: string, message: string): Promise<void>
  /** Messages sent while the connection was down are lost: ask isUp before trusting what they keep fresh. */
  subscribe(channel: string, handler: (message: string) => void): void
  isUp(): boolean
  close(): Promise<void>
}

const prefix = 'foyer:'
const connectMs = 500
const commandMs = 50
const reconnectMs = seconds(2)

export async function openRedis(url: string | undefined, { log }: { log: Log }): Promise<Redis> {
  if (url === undefined) return noRedis
  // Loaded only here, since most installations go without
  const { Redis: IoRedis } = await import('ioredis')
  const open = (role: string) => watched(new IoRedis(url, optionsOf(role)), { role, log })
  return connected({ commands: open('commands'), messages: open('messages') }, log)
}

/** Rejects when no Redis answers there. */
export async function pingRedis(url: string): Promise<void> {
  const { Redis: IoRedis } = await import('ioredis')
  const client = new IoRedis(url, { ...optionsOf('doctor'), lazyConnect: true, retryStrategy: () => null })
  // What goes wrong comes back from the calls
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.ping()
  } finally {
    client.disconnect()
  }
}

const noRedis: Redis = {
  get: async () => null,
  set: async () => undefined,
  delete: async () => undefined,
  publish: async () => undefined,
  subscribe: () => undefined,
  isUp: () => false,
  close: async () => undefined,
}

function connected({ commands, messages }: { commands: Client; messages: Client }, log: Log): Redis {
  const breaker = createBreaker()
  const handlers = new Map<string, (message: string) => void>()

  messages.on('message', (channel: string, message: string) => handlers.get(channel)?.(message))
  messages.on('ready', () => listen([...handlers.keys()]))

  function listen(channels: string[]): void {
    if (channels.length === 0 || messages.status !== 'ready') return
    // A failure ends the connection, whose successor subscribes again
    messages.subscribe(...channels).catch(() => messages.disconnect(true))
  }

  async function attempt<T>(command: () => Promise<T>, otherwise: T): Promise<T> {
    if (commands.status !== 'ready' || !breaker.mayTry()) return otherwise
    const elapsed = stopwatch()
    try {
      const answer = await command()
      breaker.succeeded()
      return answer
    } catch (err) {
      if (breaker.failed(elapsed() * 1000)) log.warn({ event: 'redis.paused', err })
      return otherwise
    }
  }

  return {
    get: (key) => attempt(() => commands.get(prefix + key), null),
    set: async (key, value, ttlMs) => {
      await attempt(() => commands.set(prefix + key, value, 'PX', Math.max(1, Math.round(ttlMs))), null)
    },
    delete: async (...keys) => {
      if (keys.length > 0) await attempt(() => commands.del(...keys.map((key) => prefix + key)), 0)
    },
    publish: async (channel, message) => {
      await attempt(() => commands.publish(prefix + channel, message), 0)
    },
    subscribe: (channel, handler) => {
      handlers.set(prefix + channel, handler)
      listen([prefix + channel])
    },
    isUp: () => commands.status === 'ready' && messages.status === 'ready' && !breaker.isOpen(),
    close: async () => {
      commands.disconnect()
      messages.disconnect()
    },
  }
}

const optionsOf = (role: string): RedisOptions => ({
  // RESP2 is what every server and stand-in speaks
  protocol: 2,
  connectionName: `foyer-${role}`,
  connectTimeout: connectMs,
  commandTimeout: commandMs,
  maxRetriesPerRequest: 1,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), reconnectMs),
})

/** Every failed connection reports itself; the log hears of the first. */
function watched(client: Client, { role, log }: { role: string; log: Log }): Client {
  let isDown = false
  client.on('error', (err) => {
    if (!isDown) log.warn({ event: 'redis.down', role, err })
    isDown = true
  })
  client.on('ready', () => {
    if (isDown) log.info({ event: 'redis.up', role })
    isDown = false
  })
  return client
}

const failuresInARow = 5
const lostMsInARow = 2 * commandMs
const pauseMs = seconds(2)

/**
 * Opens after five failures, or 100 ms spent in vain, without a success between them; then one command every
 * two seconds tries again. So a Redis that is gone costs 100 ms once.
 */
function createBreaker() {
  let failures = 0
  let lostMs = 0
  let openFor: (() => number) | undefined
  let isTrying = false

  return {
    isOpen: () => openFor !== undefined,
    mayTry() {
      if (!openFor) return true
      if (isTrying || openFor() * 1000 < pauseMs) return false
      isTrying = true
      return true
    },
    succeeded() {
      failures = 0
      lostMs = 0
      openFor = undefined
      isTrying = false
    },
    /** True when this failure is the one that opened it. */
    failed(spentMs: number): boolean {
      failures += 1
      lostMs += spentMs
      if (failures < failuresInARow && lostMs < lostMsInARow) return false
      const opened = openFor === undefined
      openFor = stopwatch()
      isTrying = false
      return opened
    },
  }
}
