// Owns the parts of a signed token (RFC 7515) as Foyer reads them itself, which keys of others each algorithm takes,
// and how it verifies.
import type { KeyObject } from 'node:crypto'
import { constants, createHash, verify } from 'node:crypto'
import type { SigningAlg } from '../features/artifacts/signing-keys.ts'

export const verifiers: Record<SigningAlg, (data: Buffer, key: KeyObject, signature: Buffer) => boolean> = {
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

const isStrongRsa = ({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean =>
  asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048

/** Whether a key that somebody brings along is one for this algorithm (RFC 7518 §3.3 and §3.4, RFC 8037 §3.1). */
export const fits: Record<SigningAlg, (key: KeyObject) => boolean> = {
  ES256: ({ asymmetricKeyDetails }) => asymmetricKeyDetails?.namedCurve === 'prime256v1',
  EdDSA: ({ asymmetricKeyType }) => asymmetricKeyType === 'ed25519',
  RS256: isStrongRsa,
  PS256: isStrongRsa,
}

export function bytesOf(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url')
  // One value has one spelling: a token changed in its last, unused bits is not the token that was issued.
  return bytes.toString('base64url') === part ? bytes : undefined
}

export function jsonOf(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(bytesOf(part)?.toString('utf8') ?? '')
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value))
      : undefined
  } catch {
    return undefined
  }
}

/** JWK thumbprint (RFC 7638 §3): the required members in lexical order. */
export function thumbprint(jwk: Record<string, unknown>): string {
  const members = { RSA: ['e', 'kty', 'n'], EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'] }[
    String(jwk.kty)
  ]
  const canonical = JSON.stringify(Object.fromEntries((members ?? []).map((name) => [name, jwk[name]])))
  return createHash('sha256').update(canonical).digest('base64url')
}
