// Owns clients and APIs in memory. An entry lives only while the LISTEN connection is up: every change is told
// there, and whatever was remembered before a reconnect is forgotten. Redis, when given, saves other processes
// the read; it is believed only under the stamp of the last change.
import { randomToken } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import { dateOf, minutes } from '../../kernel/time.ts'
import type { Listener } from '../../platform/listener.ts'
import type { Redis } from '../../platform/redis.ts'
import type { Sealer } from '../../platform/sealer.ts'
import type { ClientStore, ProtocolClient } from './store.ts'
import { clientsChannel } from './store.ts'

export type ClientCacheDeps = {
  store: Pick<ClientStore, 'findForProtocol' | 'findApi'>
  listener: Pick<Listener, 'on' | 'onUp' | 'isUp'>
  redis: Pick<Redis, 'get' | 'set' | 'isUp'>
  /** What goes to Redis is sealed: it holds who may redirect where, and the hashes of secrets. */
  sealer: Pick<Sealer, 'seal' | 'open'>
  clock: Clock
}

export type ClientCache = ReturnType<typeof createClientCache>

export type ProtocolApi = NonNullable<Awaited<ReturnType<ClientStore['findApi']>>>

/** Enough for every client of a large installation, and a bound for one that registers them without end. */
const mostEntries = 20_000
const stampKey = 'clients:stamp'
const sharedForMs = minutes(1)
const aadOf = (key: string) => `redis.${key}.value`

export function createClientCache({ store, listener, redis, sealer, clock }: ClientCacheDeps) {
  const entries = new Map<string, object>()
  const loading = new Map<string, Promise<object | undefined>>()
  let generation = 0

  function forget(): void {
    generation += 1
    entries.clear()
    loading.clear()
    void redis.set(stampKey, randomToken(), sharedForMs * 60)
  }

  // Changes are rare and reads are not: forgetting everything keeps one rule instead of one per kind of change.
  listener.on(clientsChannel, forget)
  listener.onUp(forget)

  async function remember<T extends object>(
    key: string,
    load: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    if (!listener.isUp()) return load()
    const known = entries.get(key)
    if (known) return known as T

    const running = loading.get(key)
    if (running) return running as Promise<T | undefined>
    const begunIn = generation
    const promise = load().finally(() => {
      if (loading.get(key) === promise) loading.delete(key)
    })
    loading.set(key, promise)
    const found = await promise
    // A change that was told while the row was being read may not be in it.
    if (found && begunIn === generation && listener.isUp() && entries.size < mostEntries)
      entries.set(key, found)
    return found
  }

  /** What somebody else put there does not open, and counts as nothing. */
  function opened(key: string, text: string): string | undefined {
    try {
      return sealer.open(Buffer.from(text, 'base64'), aadOf(key)).toString('utf8')
    } catch {
      return undefined
    }
  }

  /** Through Redis: what another process read since the last change. */
  async function shared<T extends object>(
    key: string,
    { load, encode, decode }: Shared<T>,
  ): Promise<T | undefined> {
    if (!redis.isUp()) return load()
    const [stamp, text] = await Promise.all([redis.get(stampKey), redis.get(key)])
    const kept = text ? opened(key, text) : undefined
    if (stamp && kept?.startsWith(stamp)) return decode(kept.slice(stamp.length))
    const value = await load()
    if (stamp && value) {
      void redis.set(key, sealer.seal(stamp + encode(value), aadOf(key)).toString('base64'), sharedForMs)
    }
    return value
  }

  function find(id: string): Promise<ProtocolClient | undefined> {
    const load = async () => (await store.findForProtocol(id, clock.now())) ?? undefined
    return remember(`client:${id}`, () =>
      shared(`client:${id}`, { load, encode: encodeClient, decode: decodeClient }),
    )
  }

  function findApi(identifier: string): Promise<ProtocolApi | undefined> {
    const load = async () => (await store.findApi(identifier)) ?? undefined
    return remember(`api:${identifier}`, () =>
      shared(`api:${identifier}`, { load, encode: JSON.stringify, decode: JSON.parse }),
    )
  }

  return { find, findApi }
}

type Shared<T> = {
  load: () => Promise<T | undefined>
  encode: (value: T) => string
  decode: (text: string) => T
}

/** JSON keeps neither bytes nor dates. */
type ClientText = Omit<ProtocolClient, 'secrets'> & { secrets: { hash: string; expires_at: string | null }[] }

function encodeClient(client: ProtocolClient): string {
  const secrets = client.secrets.map(({ hash, expires_at }) => ({ hash: hash.toString('hex'), expires_at }))
  return JSON.stringify({ ...client, secrets })
}

function decodeClient(text: string): ProtocolClient {
  const { secrets, ...client }: ClientText = JSON.parse(text)
  return {
    ...client,
    secrets: secrets.map(({ hash, expires_at }) => ({
      hash: Buffer.from(hash, 'hex'),
      expires_at: expires_at === null ? null : dateOf(expires_at),
    })),
  }
}
