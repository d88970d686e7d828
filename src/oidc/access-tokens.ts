// Owns JWT access tokens as their issuer meets them again: which grant they hang on, and whether they are good now.
import type { KeyObject } from 'node:crypto'
import { constants, createPublicKey, verify } from 'node:crypto'
import type { SigningAlg, SigningKey } from '../features/artifacts/signing-keys.ts'

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

const verifiers: Record<SigningAlg, (data: Buffer, key: KeyObject, signature: Buffer) => boolean> = {
  ES256: (data, key, signature) => verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature),
  EdDSA: (data, key, signature) => verify(null, data, key, signature),
  RS256: (data, key, signature) => verify('sha256', data, key, signature),
  PS256: (data, key, signature) =>
    verify(
      'sha256',
      data,
      { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
      signature,
    ),
}

function bytesOf(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url')
  // One value has one spelling: a token changed in its last, unused bits is not the token that was issued.
  return bytes.toString('base64url') === part ? bytes : undefined
}

function jsonOf(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(bytesOf(part)?.toString('utf8') ?? '')
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value))
      : undefined
  } catch {
    return undefined
  }
}

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
