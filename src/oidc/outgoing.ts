// Owns what oidc-provider calls for by itself: the key sets of clients, and what it tells them. Where a call may lead
// is platform/outbound.ts.
import type { Configuration } from 'oidc-provider'
import type { Clock } from '../kernel/time.ts'
import { hours, seconds } from '../kernel/time.ts'
import { createWeighedMap } from '../kernel/weighed-map.ts'
import { OutboundError, type OutboundFetch } from '../platform/outbound.ts'

/** An address that failed is left alone for so long: nobody makes us ask it again and again. */
const quietMs = seconds(30)
/** Keys that were there once are served so long while their address does not answer. */
const staleMs = hours(24)
/** Twenty keys with their certificates: a client that was built keeps its own besides. */
const longestKeySet = 64 * 1024
/** All key sets together, which strangers may name where apps register by themselves. */
const mostBytes = 8 * 1024 * 1024
/** An entry that holds nothing but when to ask again. */
const bareBytes = 200

type Known = { body?: string; staleAt: number; quietUntil: number }

export type Outgoing = ReturnType<typeof createOutgoing>

/** One for the whole process: it bounds what all keys together take. */
export function createOutgoing({ call, clock }: { call: OutboundFetch; clock: Clock }) {
  const known = createWeighedMap<Known>({
    most: mostBytes,
    // Text takes two bytes a character where it holds more than Latin letters
    weigh: (url, { body = '' }) => bareBytes + 2 * (url.length + body.length),
  })

  async function askForKeys(url: string): Promise<string> {
    const { status, body } = await call(url, { headers: { accept: 'application/json' } })
    if (status !== 200) throw new OutboundError(`the keys were answered with ${status}`)
    if (body.length > longestKeySet) throw new OutboundError('the key set is too long')
    if (!isKeySet(body)) throw new OutboundError('what was answered is no key set')
    return body
  }

  /** The key set at an address, or the one of last time. What it says of caches is not passed on: a minute is all. */
  async function fetchKeys(url: string): Promise<Response> {
    const before = known.get(url)
    const now = clock.millis()
    const usable = before?.body !== undefined && now < before.staleAt ? before.body : undefined
    if (before && now < before.quietUntil)
      return kept(usable, new OutboundError('the keys did not come just now'))
    try {
      const body = await askForKeys(url)
      known.set(url, { body, staleAt: now + staleMs, quietUntil: 0 })
      return new Response(body)
    } catch (error) {
      known.set(url, { staleAt: 0, ...before, quietUntil: now + quietMs })
      return kept(usable, error)
    }
  }

  const fetch: NonNullable<Configuration['fetch']> = async (address, options = {}) => {
    const url = String(address)
    if (options.method !== 'POST') return fetchKeys(url)
    const headers = Object.fromEntries(new Headers(options.headers))
    const { status } = await call(url, { method: 'POST', headers, body: String(options.body) })
    return new Response(null, { status })
  }

  return { fetch, fetchKeys }
}

function kept(body: string | undefined, error: unknown): Response {
  if (body === undefined) throw error
  return new Response(body)
}

function isKeySet(text: string): boolean {
  try {
    const { keys }: { keys?: unknown } = Object(JSON.parse(text))
    return Array.isArray(keys)
  } catch {
    return false
  }
}
