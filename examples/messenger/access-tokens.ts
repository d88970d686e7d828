// Owns whether an access token is good: by its signature and claims (RFC 9068 §4), and by asking Foyer whether its
// session is still there, since a JWT by itself outlives a sign-out by minutes.
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose'

export type Person = { sub: string; name: string }
export type Checked =
  | { outcome: 'good'; person: Person; expiresAt: number }
  | { outcome: 'refused' }
  /** For this API, but not for what it does. */
  | { outcome: 'insufficient' }
  | { outcome: 'unknown' }

export type AccessTokens = ReturnType<typeof createAccessTokens>

/** For so long an answer of Foyer counts: the time that a sign-out may take to be felt. */
const believedMs = 2_000
const mostKept = 10_000
const algorithms = ['ES256', 'RS256', 'EdDSA']

type Verdict = Person | 'refused' | 'unknown'
type Kept = { askedAt: number; person: Person | 'refused' }

type Asked = { issuer: string; audience: string; scope: string }

export function createAccessTokens({ issuer, audience, scope }: Asked) {
  const keys = createRemoteJWKSet(new URL(`${issuer}/oauth2/jwks`), { timeoutDuration: 3_000 })
  const kept = new Map<string, Kept>()

  /** `unknown`: nobody can say now, because Foyer does not answer. */
  async function check(token: string): Promise<Checked> {
    const claims = await read(token)
    if (claims === undefined || claims === 'unknown') return { outcome: claims ?? 'refused' }
    if (
      !String(claims.scope ?? '')
        .split(' ')
        .includes(scope)
    )
      return { outcome: 'insufficient' }
    const { jti, exp } = claims
    const before = kept.get(jti)
    const isRecent = before && Date.now() - before.askedAt < believedMs
    const person = isRecent ? before.person : await ask(token, jti, before)
    if (person === 'unknown' || person === 'refused') return { outcome: person }
    return { outcome: 'good', person, expiresAt: exp * 1000 }
  }

  async function read(
    token: string,
  ): Promise<(JWTPayload & { jti: string; exp: number }) | 'unknown' | undefined> {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms,
        typ: 'at+jwt',
        requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id'],
      })
      const { jti, exp } = payload
      return jti !== undefined && exp !== undefined ? { ...payload, jti, exp } : undefined
    } catch (error) {
      // Whatever is not about the token is about fetching the keys
      const isAboutToken = error instanceof errors.JOSEError && error.code !== 'ERR_JWKS_TIMEOUT'
      return isAboutToken && error.code !== 'ERR_JOSE_GENERIC' ? undefined : 'unknown'
    }
  }

  /** While Foyer is away somebody it knew a moment ago goes on, until the token ends. */
  async function ask(token: string, jti: string, before: Kept | undefined): Promise<Verdict> {
    try {
      const response = await fetch(`${issuer}/auth/me`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(3_000),
      })
      const body = await response.json()
      if (!response.ok && response.status !== 401) return before?.person ?? 'unknown'
      return keep(jti, response.ok ? personOf(body) : 'refused')
    } catch {
      return before?.person ?? 'unknown'
    }
  }

  function keep(jti: string, person: Person | 'refused'): Verdict {
    const [oldest] = kept.keys()
    if (kept.size >= mostKept && oldest !== undefined) kept.delete(oldest)
    kept.set(jti, { askedAt: Date.now(), person })
    return person
  }

  return { check }
}

function personOf(answer: unknown): Person {
  const { id, name, email } = answer as { id: string; name?: string; email?: string }
  return { sub: id, name: name ?? email?.split('@')[0] ?? id }
}
