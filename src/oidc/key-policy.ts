// Owns when a key may change its state, as pure decisions: next → active → retained → gone.
import { limits } from '../config/limits.ts'
import type { SigningAlg, SigningKey } from '../features/artifacts/signing-keys.ts'
import { AppError } from '../kernel/errors.ts'
import { after, seconds } from '../kernel/time.ts'
import { metadataMaxAgeSeconds } from './metadata.ts'

/** The key that signs with an algorithm, and the one that will. */
export type Turn = { alg: SigningAlg; active: SigningKey; next: SigningKey }

/** The first two keys of an algorithm stand in the first JWKS that had any of it. */
const firstPublished = 2

/** How long an app may go on with what it has read of the JWKS. */
const cachedMs = seconds(metadataMaxAgeSeconds)

export function turnsOf(keys: readonly SigningKey[]): Turn[] {
  return keys
    .filter(({ state }) => state === 'active')
    .flatMap((active) => {
      const next = keys.find(({ alg, state }) => alg === active.alg && state === 'next')
      return next ? [{ alg: active.alg, active, next }] : []
    })
}

/** Throws while there may be apps that have not seen the next key: what it signs they would refuse. */
export function assertPublished({ alg, next }: Turn, now: Date): void {
  if (next.epoch <= firstPublished) return
  const missingMs = cachedMs - publishedForMs(next, now)
  if (missingMs <= 0) return
  const wait = Math.ceil(missingMs / 1000)
  const detail = `The next ${alg} key has to be published for ${metadataMaxAgeSeconds} s before it signs, since apps keep the keys they have read. Try again in ${wait} s; a compromised key does not wait (emergency).`
  throw new AppError('conflict', 'key_not_published', {
    details: { retryAfterSeconds: wait, errors: [{ pointer: '', code: 'key_not_published', detail }] },
  })
}

/** Old enough by the schedule. An operator's own key is the operator's to replace. */
export function isDue({ active, next }: Turn, { now, ageMs }: { now: Date; ageMs: number }): boolean {
  if (active.imported || ageMs === 0) return false
  const signsSince = active.activatedAt ?? active.publishedAt
  const isOld = signsSince !== null && now.getTime() - signsSince.getTime() >= ageMs
  return isOld && publishedForMs(next, now) >= limits.scheduledKeyPublishedMs
}

const publishedForMs = ({ publishedAt }: SigningKey, now: Date): number =>
  publishedAt ? now.getTime() - publishedAt.getTime() : 0

/**
 * Until when a key that signs no more verifies: the longest life of what it signed, and what clocks and caches add.
 * An ID token is taken as a hint long after it has expired.
 */
export function retainedUntil(now: Date, { accessTokenTtlSeconds }: { accessTokenTtlSeconds: number }): Date {
  const longest = Math.max(
    seconds(accessTokenTtlSeconds),
    seconds(limits.idTokenTtlSeconds),
    limits.idTokenHintMs,
  )
  return after(now, longest + cachedMs + seconds(limits.clockToleranceSeconds))
}

export const isOutlived = ({ state, retainUntil }: SigningKey, now: Date): boolean =>
  state === 'retained' && retainUntil !== null && retainUntil <= now
