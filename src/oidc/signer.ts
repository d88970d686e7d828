// Owns the seam through which oidc-provider signs with a key it never sees. How is signing.ts.
import type { KeyObject } from 'node:crypto'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { ExternalSigningKey } from 'oidc-provider'
import type { SigningKey } from '../features/artifacts/signing-keys.ts'
import { signers } from './signing.ts'

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
