// Owns how signing keys are made, and which there are from the first start on: one active and one next of each
// algorithm. How they rest is features/artifacts/signing-keys.ts, how they sign signer.ts, how they change
// key-rotation.ts.
import type { KeyObject } from 'node:crypto'
import { createPublicKey, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeyPair, SigningAlg, SigningKey, SigningKeyStore } from '../features/artifacts/signing-keys.ts'
import type { Clock } from '../kernel/time.ts'
import { thumbprint } from './jws.ts'

const generate = promisify(generateKeyPair)
type Pair = { privateKey: KeyObject }

const rsa = (): Promise<Pair> => generate('rsa', { modulusLength: 3072 })
const pairs: Record<SigningAlg, () => Promise<Pair>> = {
  RS256: rsa,
  PS256: rsa,
  ES256: () => generate('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generate('ed25519'),
}

/** Those every client may count on; an access token algorithm beyond them is added to it. */
const alwaysPresent: readonly SigningAlg[] = ['RS256', 'ES256', 'EdDSA']

/** With its thumbprint as `kid`. */
export function pairOf(privateKey: KeyObject, alg: SigningAlg): KeyPair {
  const publicJwk: Record<string, unknown> = { ...createPublicKey(privateKey).export({ format: 'jwk' }) }
  const der = privateKey.export({ format: 'der', type: 'pkcs8' })
  return { kid: thumbprint(publicJwk), alg, publicJwk, privateKey: der }
}

/** A fresh one. */
export const makeKeyPair = async (alg: SigningAlg): Promise<KeyPair> =>
  pairOf((await pairs[alg]()).privateKey, alg)

export type KeysDeps = { store: SigningKeyStore; clock: Clock; accessTokenAlg: SigningAlg }

/** The keys of this installation, those that are missing made first; several processes may start at once. */
export async function loadSigningKeys({ store, clock, accessTokenAlg }: KeysDeps): Promise<SigningKey[]> {
  const present = await store.list()
  const signing = present.filter(({ state }) => state === 'active').map(({ alg }) => alg)
  const wanted = [...new Set<SigningAlg>([...alwaysPresent, accessTokenAlg, ...signing])]
  const missing = wanted
    .flatMap((alg) => (['active', 'next'] as const).map((state) => ({ alg, state })))
    .filter(({ alg, state }) => !present.some((key) => key.alg === alg && key.state === state))
  if (missing.length === 0) return present

  const made = await Promise.all(missing.map(({ alg }) => makeKeyPair(alg)))
  for (const [index, { state }] of missing.entries()) {
    const pair = made[index]
    if (pair) await store.insert(pair, { state, now: clock.now() })
  }
  return store.list()
}

/** The key set as published (RFC 7517): every key that signs, will sign, or has signed what still lives. */
export function publicJwks(keys: readonly SigningKey[]): { keys: Record<string, unknown>[] } {
  return { keys: keys.map(({ kid, alg, publicJwk }) => ({ ...publicJwk, kid, alg, use: 'sig' })) }
}
