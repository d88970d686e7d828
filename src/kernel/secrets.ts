// Owns chance: every random value of Foyer is born here, and secrets rest as the hashes made here.
import { hash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'

export type SecretHash = Buffer & { readonly __brand: 'SecretHash' }

/** SHA-256 of a bearer value: enough, since bearer values carry 256 bits of chance. */
export function hashSecret(secret: string): SecretHash {
  return hash('sha256', secret, 'buffer') as SecretHash
}

/** The same hash as lower-case hex, for keys of caches and limits. */
export const hashText = (text: string): string => hash('sha256', text, 'hex')

/** Constant-time comparison of two hashes. */
export function sameHash(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}

/** 256 bits, base64url. */
export const randomToken = (): string => randomBytes(32).toString('base64url')

/** Raw chance, for keys and salts. */
export const randomKey = (bytes: number): Buffer => randomBytes(bytes)

/** A new secret with a findable prefix, and the hash that is stored in its place. */
export function issueSecret(prefix: string): { secret: string; hash: SecretHash } {
  const secret = `${prefix}_${randomToken()}`
  return { secret, hash: hashSecret(secret) }
}

/**
 * UUIDv7 (RFC 9562 §5.7): ids that sort by the time they were made. They name things and open nothing.
 * The chance in it, variant included, is that of a version 4, which Node draws in bulk.
 */
export function newId(now: Date): string {
  const time = now.getTime()
  const high = Math.floor(time / 0x10000).toString(16)
  const low = (time % 0x10000).toString(16)
  return `${high.padStart(8, '0')}-${low.padStart(4, '0')}-7${randomUUID().slice(15)}`
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whether a text could be one of our ids: the database takes nothing else for one. */
export const isId = (text: string): boolean => uuid.test(text)
