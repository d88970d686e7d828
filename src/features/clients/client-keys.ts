// Owns which key set a client may register (RFC 7517): public keys that a signature of a client can be checked with.
import { createPublicKey } from 'node:crypto'
import { z } from 'zod'

/** What a client may sign with. */
export const signatureAlgs = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const

const mostKeys = 20
/** Of the keys of certificates, which TLS and not Foyer checks signatures with; Node's names for P-256 and its kin. */
const curvesOfCertificates: readonly unknown[] = ['prime256v1', 'secp384r1', 'secp521r1']
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

const member = z.union([
  z.string().max(16_384),
  z.number(),
  z.boolean(),
  z.array(z.string().max(16_384)).max(10),
])
type Jwk = Record<string, z.output<typeof member>>

const jwk = z
  .record(z.string().max(100), member)
  .refine(isPublic, 'must hold no private part: register the public key alone')
  .refine(
    isUsable,
    'must be an RSA key of at least 2048 bits, a key on P-256 (with x5c also on P-384 or P-521), or one of Ed25519',
  )
  .refine(isForKnownAlg, `must be for one of ${signatureAlgs.join(', ')}, or say use: enc`)

export const KeySet = z.strictObject({ keys: z.array(jwk).min(1).max(mostKeys) })

function isPublic(key: Jwk): boolean {
  return privateMembers.every((name) => !(name in key))
}

function isUsable(key: Jwk): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({ key, format: 'jwk' })
    if (asymmetricKeyType === 'rsa') return (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
    if (asymmetricKeyType === 'ed25519') return true
    const curve = asymmetricKeyDetails?.namedCurve
    return 'x5c' in key ? curvesOfCertificates.includes(curve) : curve === 'prime256v1'
  } catch {
    return false
  }
}

/** RFC 7517 §4.4: a key that is for another algorithm alone would never fit. */
function isForKnownAlg({ alg, use, x5c }: Jwk): boolean {
  const known: readonly unknown[] = signatureAlgs
  return alg === undefined || use === 'enc' || x5c !== undefined || known.includes(alg)
}
