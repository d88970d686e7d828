// Owns signing: the seam through which oidc-provider signs with a key it never sees.
// ES256 and EdDSA take some 16 µs and are signed on the spot; RSA takes hundreds and leaves the event loop.
import type { KeyObject } from 'node:crypto'
import { constants, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { ExternalSigningKey } from 'oidc-provider'
import type { SigningKey } from '../features/artifacts/signing-keys.ts'

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

const signers: Record<SigningKey['alg'], (data: Buffer, key: KeyObject) => Buffer | Promise<Buffer>> = {
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

/** Makes the JWS signature (RFC 7515 §5.1) over these bytes. */
export type Sign = (data: Buffer) => Buffer | Promise<Buffer>

/**
 * The port for keys that are kept elsewhere: what a KMS has to do is to find the key of this `kid` and sign with it, in
 * the form of JWS (r‖s for ES256). Nothing for a key that only verifies.
 */
export type SignerOf = (key: SigningKey) => Sign | undefined

/** Signs with the private part that rests in the database. */
export const storedSigner: SignerOf = ({ alg, privateKey }) => {
  const secret = privateKey && createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' })
  return secret && ((data) => signers[alg](data, secret))
}

/** A signing key as oidc-provider takes it. */
export function externalKey(key: SigningKey, signerOf: SignerOf): ExternalSigningKey {
  const { kid, alg, publicJwk } = key
  const publicKey = createPublicKey({ key: publicJwk, format: 'jwk' })
  const signWith = signerOf(key)

  class StoredKey extends ExternalSigningKey {
    override keyObject(): KeyObject {
      return publicKey
    }

    override sign(data: Uint8Array): Promise<Buffer> {
      if (!signWith) throw new Error(`the key ${kid} only verifies`)
      return Promise.resolve(signWith(Buffer.from(data.buffer, data.byteOffset, data.byteLength)))
    }
  }

  return Object.assign(new StoredKey(), { kid, alg })
}
