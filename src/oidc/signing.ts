// Owns how each algorithm signs. ES256 and EdDSA take some 16 µs and are signed on the spot; RSA takes hundreds and
// leaves the event loop.
import { constants, type KeyObject, sign } from 'node:crypto'
import type { SigningAlg } from '../features/artifacts/signing-keys.ts'

/**
 * An ECDSA signature in DER as the fixed-length r‖s of JWS (RFC 7518 §3.4).
 * Converting costs less than half of asking Node for that form.
 */
export function joseFromDer(der: Buffer, integerBytes = 32): Buffer {
  const out = Buffer.alloc(integerBytes * 2)
  let offset = 3
  for (const end of [integerBytes, integerBytes * 2]) {
    let length = der[offset] ?? 0
    let start = offset + 1
    offset = start + length + 1
    while (length > integerBytes) {
      start += 1
      length -= 1
    }
    der.copy(out, end - length, start, start + length)
  }
  return out
}

function signOffTheLoop(data: Buffer, key: Parameters<typeof sign>[2]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign('sha256', data, key, (error, signature) => (error ? reject(error) : resolve(signature)))
  })
}

export const signers: Record<SigningAlg, (data: Buffer, key: KeyObject) => Buffer | Promise<Buffer>> = {
  ES256: (data, key) => joseFromDer(sign('sha256', data, key)),
  EdDSA: (data, key) => sign(null, data, key),
  RS256: (data, key) => signOffTheLoop(data, key),
  PS256: (data, key) =>
    signOffTheLoop(data, {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }),
}
