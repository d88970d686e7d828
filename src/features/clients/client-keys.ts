// Owns which key set a client may register (RFC 7517): public keys that a signature of a client can be checked with.
import { createPublicKey } from 'node:crypto'
import { z } from 'zod'

const mostKeys = 20
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
    'must be an RSA key of at least 2048 bits, a key on P-256, P-384 or P-521, or one of Ed25519',
  )

export const KeySet = z.strictObject({ keys: z.array(jwk).min(1).max(mostKeys) })

function isPublic(key: Jwk): boolean {
  return privateMembers.every((name) => !(name in key))
}

function isUsable(key: Jwk): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({ key, format: 'jwk' })
    if (asymmetricKeyType === 'rsa') return (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
    return asymmetricKeyType === 'ec' || asymmetricKeyType === 'ed25519'
  } catch {
    return false
  }
}
