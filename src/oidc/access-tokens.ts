// Owns JWT access tokens as their issuer meets them again: which grant they hang on, and whether they are good now.
import { createPublicKey, type KeyObject } from 'node:crypto'
import type { SigningAlg, SigningKey } from '../features/artifacts/signing-keys.ts'
import { bytesOf, jsonOf, verifiers } from './jws.ts'

/** The claims of RFC 9068 §2.2 that Foyer signs. */
export type AccessTokenClaims = {
  iss: string
  sub: string
  aud: string
  client_id: string
  exp: number
  iat: number
  jti: string
  scope?: string
  /** What the token is bound to: the key of RFC 9449, the certificate of RFC 8705. */
  cnf?: { jkt?: string; 'x5t#S256'?: string }
  [claim: string]: unknown
}

/** What a person's token stands on; without offline access the session is part of it. */
export type Standing = { grantId: string; sessionUid?: string | undefined }

/**
 * A person's token names its grant and session in its `jti`, so that its state can be looked up without storing the
 * token. Neither id buys anything by itself.
 */
export function jtiOf(standing: Standing | undefined, random: string): string {
  if (!standing) return random
  const { grantId, sessionUid } = standing
  return [random, grantId, ...(sessionUid === undefined ? [] : [sessionUid])].join('.')
}

/** What a token stands on, or nothing when a client holds it for itself. */
export function standingOf(jti: string): Standing | undefined {
  const [, grantId, sessionUid] = jti.split('.')
  return grantId === undefined ? undefined : { grantId, sessionUid }
}

/** Three parts of base64url: what oidc-provider refuses as structured. */
export const looksLikeJwt = (token: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)

type Verifier = { alg: SigningAlg; key: KeyObject }

/** Reads access tokens that these keys signed: the key says the algorithm, never the token (RFC 8725 §3.1). */
export function createAccessTokenReader(keys: readonly SigningKey[], issuer: string) {
  const known = new Map<string, Verifier>(
    keys.map(({ kid, alg, publicJwk }) => [
      kid,
      { alg, key: createPublicKey({ key: publicJwk, format: 'jwk' }) },
    ]),
  )

  /** The claims of a token that Foyer signed, expired or not; nothing for everything else. */
  return function read(token: string): AccessTokenClaims | undefined {
    const [header = '', payload = '', signature = '', ...more] = token.split('.')
    if (more.length > 0) return undefined
    const { alg, kid, typ } = jsonOf(header) ?? {}
    const verifier = typeof kid === 'string' ? known.get(kid) : undefined
    if (!verifier || alg !== verifier.alg || typ !== 'at+jwt') return undefined

    const bytes = bytesOf(signature)
    if (!bytes || !verifiers[verifier.alg](Buffer.from(`${header}.${payload}`), verifier.key, bytes))
      return undefined
    const claims = jsonOf(payload)
    return claims && claims.iss === issuer ? (claims as AccessTokenClaims) : undefined
  }
}

export type ReadAccessToken = ReturnType<typeof createAccessTokenReader>
