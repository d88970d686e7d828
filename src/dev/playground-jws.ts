// Owns reading a JWT and judging its signature with keys from a JWKS, with node:crypto alone.
// What the claims of a token must say is playground-checks.ts.
import { constants, createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { z } from 'zod'

export type Claims = Record<string, unknown>

export type Jwt = { header: Claims; claims: Claims; signedText: string; signature: Buffer }

const JsonObject = z.record(z.string(), z.unknown())
const jwtShape = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/

/** Undefined when the token is not a signed JWT: an opaque one, for instance. */
export function decodeJwt(token: string): Jwt | undefined {
  const [, header, claims, signature] = jwtShape.exec(token) ?? []
  const decoded = { header: parseObject(header), claims: parseObject(claims) }
  if (!decoded.header || !decoded.claims || signature === undefined) return undefined
  return {
    header: decoded.header,
    claims: decoded.claims,
    signedText: `${header}.${claims}`,
    signature: Buffer.from(signature, 'base64url'),
  }
}

function parseObject(part: string | undefined): Claims | undefined {
  try {
    return JsonObject.safeParse(JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'))).data
  } catch {
    return undefined
  }
}

export const Jwks = z.object({ keys: z.array(z.looseObject({ kid: z.string().optional() })) })
export type PublicKeys = z.output<typeof Jwks>['keys']

const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants

// RFC 7518 §3.1 and RFC 8037 §3.1. "none" and HMAC are not here, so a token cannot ask for them.
const algorithms: Record<string, { digest: string | null; options: object; keyType: string }> = {
  RS256: { digest: 'sha256', options: {}, keyType: 'rsa' },
  PS256: { digest: 'sha256', options: { padding, saltLength }, keyType: 'rsa' },
  ES256: { digest: 'sha256', options: { dsaEncoding: 'ieee-p1363' }, keyType: 'ec' },
  EdDSA: { digest: null, options: {}, keyType: 'ed25519' },
}

export type Check = { passed: boolean; text: string }

const failed = (text: string): Check => ({ passed: false, text })

export function checkSignature({ header, signedText, signature }: Jwt, keys: PublicKeys): Check {
  const { alg, kid } = header
  const algorithm = typeof alg === 'string' ? algorithms[alg] : undefined
  if (!algorithm) return failed(`The algorithm ${String(alg)} is not one that this app accepts.`)
  const jwk = keys.find((key) => key.kid === kid)
  if (!jwk) return failed(`No key of the JWKS is called ${String(kid)}.`)

  const good = isSignatureGood({ jwk, algorithm, signedText, signature })
  if (!good) return failed(`The signature does not fit the key ${String(kid)}: do not trust this token.`)
  return { passed: true, text: `The ${alg} signature fits the key ${String(kid)} of the JWKS.` }
}

type Signed = {
  jwk: JsonWebKey
  algorithm: { digest: string | null; options: object; keyType: string }
  signedText: string
  signature: Buffer
}

function isSignatureGood({ jwk, algorithm, signedText, signature }: Signed): boolean {
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    if (key.asymmetricKeyType !== algorithm.keyType) return false
    return verify(algorithm.digest, Buffer.from(signedText), { key, ...algorithm.options }, signature)
  } catch {
    // A key that cannot even be read vouches for nothing.
    return false
  }
}
