// Owns how cookies are called and whether they are Secure. What is in them is up to who sets them.
import type { Config } from '../config/schema.ts'

export type CookieScope =
  /** Sent to every path of the issuer's host. */
  | 'host'
  /** Sent below one path only. */
  | 'path'

export type CookiePolicy = {
  name(base: string, scope: CookieScope): string
  secure: boolean
}

// `__Host-` demands Path=/ (RFC 6265bis §4.1.3.2), so cookies of one path get the weaker prefix.
const prefixOf = { host: '__Host-', path: '__Secure-' } as const satisfies Record<CookieScope, string>

/** On an http loopback issuer neither: several browsers drop Secure and prefixed cookies there. */
export function cookiePolicy({ insecureIssuer }: Pick<Config, 'insecureIssuer'>): CookiePolicy {
  return {
    secure: !insecureIssuer,
    name: (base, scope) => (insecureIssuer ? base : prefixOf[scope] + base),
  }
}
