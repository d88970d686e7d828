// Owns the keys of issuers whose assertions are taken: registered ones, or those at an address, which are kept for
// five minutes and asked for again when an assertion names a key that is not among them.
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { SigningAlg } from '../features/artifacts/signing-keys.ts'
import type { TrustedIssuer } from '../features/clients/assertion-schema.ts'
import { type Clock, minutes, seconds } from '../kernel/time.ts'
import { createWeighedMap } from '../kernel/weighed-map.ts'
import { fits } from './jws.ts'

/** Of what is fetched, see outgoing.ts: stale keys are served for a day while their address is down. */
type FetchKeys = (url: string) => Promise<Response>
type Jwk = JsonWebKey & { kid?: string; alg?: string; use?: string }

const freshMs = minutes(5)
/** An assertion with an unknown key makes us ask again, and no oftener than this. */
const againAfterMs = seconds(30)
const mostBytes = 4 * 1024 * 1024

/** `bytes`: of the text that the keys were read from. */
type Fetched = { keys: readonly Jwk[]; at: number; bytes: number }

export type AssertionKeysDeps = { fetchKeys: FetchKeys; clock: Clock }

export function createAssertionKeys({ fetchKeys, clock }: AssertionKeysDeps) {
  const fetched = createWeighedMap<Fetched>({ most: mostBytes, weigh: (_, { bytes }) => bytes })
  const fetching = new Map<string, Promise<Fetched>>()

  async function fetchNow(url: string): Promise<Fetched> {
    const text = await (await fetchKeys(url)).text()
    const { keys }: { keys: Jwk[] } = JSON.parse(text)
    const entry = { keys, at: clock.millis(), bytes: text.length }
    fetched.set(url, entry)
    return entry
  }

  /** Many assertions that come at once ask once. */
  function fetchOnce(url: string): Promise<Fetched> {
    const running = fetching.get(url) ?? fetchNow(url).finally(() => fetching.delete(url))
    fetching.set(url, running)
    return running
  }

  async function keysAt(url: string, kid: string | undefined): Promise<readonly Jwk[]> {
    const known = fetched.get(url)
    const age = known ? clock.millis() - known.at : Number.POSITIVE_INFINITY
    const isThere = kid === undefined || known?.keys.some((key) => key.kid === kid)
    if (known && age < (isThere ? freshMs : againAfterMs)) return known.keys
    return (await fetchOnce(url)).keys
  }

  /** Those that may have made a signature; throws when an address does not answer and never has. */
  return async function keysFor(
    { jwks, jwks_uri }: TrustedIssuer,
    { kid, alg }: { kid: string | undefined; alg: SigningAlg },
  ): Promise<KeyObject[]> {
    const keys: readonly Jwk[] = jwks ? (jwks.keys as Jwk[]) : await keysAt(String(jwks_uri), kid)
    return keys.filter((key) => isMeant(key, { kid, alg })).flatMap((key) => usable(key, alg))
  }
}

/** RFC 7517 §4: what a key says of itself holds. */
const isMeant = (key: Jwk, { kid, alg }: { kid: string | undefined; alg: SigningAlg }): boolean =>
  (kid === undefined || key.kid === kid) &&
  (key.alg === undefined || key.alg === alg) &&
  (key.use === undefined || key.use === 'sig')

function usable(jwk: Jwk, alg: SigningAlg): KeyObject[] {
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    return fits[alg](key) ? [key] : []
  } catch {
    return []
  }
}
