// Owns which private keys may sign: those of an operator are read here, and told what is wrong with them.
import { createPrivateKey, type KeyObject } from 'node:crypto'

export type ReadPrivateKey = { key: KeyObject; alg: 'RS256' | 'ES256' | 'EdDSA' } | { problem: string }

/** RFC 7518 §3.3 */
const leastModulusBits = 2048
/** FIPS 186-5 §5.4: smaller ones have been broken where the padding was read carelessly. */
const leastExponent = 65_537n

const open = (pem: string): KeyObject | undefined => {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}

/** The key in a PEM, and the signature it makes. */
export function readPrivateKey(pem: string): ReadPrivateKey {
  if (pem.includes('ENCRYPTED')) return { problem: 'is encrypted: take its passphrase off first' }
  const key = open(pem)
  if (!key) return { problem: 'is not a private key in PEM, which begins with -----BEGIN PRIVATE KEY-----' }

  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key
  if (type === 'ed25519') return { key, alg: 'EdDSA' }
  if (type === 'ec') {
    if (details.namedCurve === 'prime256v1') return { key, alg: 'ES256' }
    return { problem: `is on the curve ${details.namedCurve}, and only P-256 signs here` }
  }
  if (type !== 'rsa') return { problem: `is a key of the kind ${type}: RSA, P-256 and Ed25519 sign here` }
  if ((details.modulusLength ?? 0) < leastModulusBits)
    return { problem: `has ${details.modulusLength} bits, and RSA needs ${leastModulusBits} at least` }
  if ((details.publicExponent ?? 0n) < leastExponent)
    return {
      problem: `has the public exponent ${details.publicExponent}, and RSA needs ${leastExponent} at least`,
    }
  return { key, alg: 'RS256' }
}
