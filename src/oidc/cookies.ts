// Owns how oidc-provider's cookies are signed: one object over one key. koa would build a new one for each request
// and hash with a string key each time, an eighth of a code flow's time.
import { createHmac, type KeyObject } from 'node:crypto'
import { sameHash } from '../kernel/secrets.ts'

/** What koa asks of a Keygrip. */
export type CookieKeys = {
  sign(data: string): string
  index(data: string, digest: string): number
  verify(data: string, digest: string): boolean
}

export function createCookieKeys(key: KeyObject): CookieKeys {
  const sign = (data: string) => createHmac('sha256', key).update(data).digest('base64url')
  const verify = (data: string, digest: string) => sameHash(Buffer.from(sign(data)), Buffer.from(digest))
  return { sign, verify, index: (data, digest) => (verify(data, digest) ? 0 : -1) }
}
