// Which keys of an operator's may sign.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { readPrivateKey } from '../../src/kernel/private-keys.ts'

const pemOf = (
  { privateKey }: { privateKey: KeyObject },
  more: { cipher?: string; passphrase?: string } = {},
) => privateKey.export({ format: 'pem', type: 'pkcs8', ...more }).toString()
const curve = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })

describe('a private key', () => {
  it.each([
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES256', curve('P-256')],
    ['EdDSA', generateKeyPairSync('ed25519')],
  ])('makes %s', (alg, pair) => {
    expect(readPrivateKey(pemOf(pair))).toMatchObject({ alg })
  })

  it.each([
    ['has 1024 bits', pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }))],
    ['public exponent 3', pemOf(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }))],
    ['curve secp384r1', pemOf(curve('P-384'))],
    ['curve secp256k1', pemOf(curve('secp256k1'))],
    ['kind x25519', pemOf(generateKeyPairSync('x25519'))],
    ['kind rsa-pss', pemOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }))],
    ['is encrypted', pemOf(curve('P-256'), { cipher: 'aes-256-cbc', passphrase: 'secret' })],
    ['is not a private key', curve('P-256').publicKey.export({ format: 'pem', type: 'spki' }).toString()],
    ['is not a private key', 'some text'],
  ])('is refused: %s', (problem, pem) => {
    expect(readPrivateKey(pem)).toEqual({ problem: expect.stringContaining(problem) })
  })

  it('that is refused ends the start, without a word of what it says', () => {
    const pem = pemOf(curve('P-384'))
    expect(() => loadConfig({ FOYER_SIGNING_KEY: pem }, '/nowhere')).toThrow(
      /^FOYER_SIGNING_KEY is on the curve [^\n]*$/,
    )
    expect(loadConfig({ FOYER_SIGNING_KEY: pemOf(curve('P-256')) }, '/nowhere').signingKey).toContain(
      'PRIVATE',
    )
  })
})
