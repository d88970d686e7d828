// The playground's own verdict on tokens, with jose as the one who signs.
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { checkToken } from '../../src/dev/playground-checks.ts'
import { checkSignature, decodeJwt, type Jwt, type PublicKeys } from '../../src/dev/playground-jws.ts'

const issuer = 'http://localhost:3000'
const nowSeconds = 1_800_000_000
const good = { iss: issuer, aud: 'demo-web', exp: nowSeconds + 60, nonce: 'n' }

async function signed(alg: string, claims: Record<string, unknown> = good) {
  const { privateKey, publicKey } = await generateKeyPair(alg)
  const token = await new SignJWT(claims).setProtectedHeader({ alg, kid: 'k' }).sign(privateKey)
  const keys: PublicKeys = [{ ...(await exportJWK(publicKey)), kid: 'k', alg }]
  return { token, keys }
}

function decoded(token: string): Jwt {
  const jwt = decodeJwt(token)
  if (!jwt) throw new Error('not a JWT')
  return jwt
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('a signature', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('of %s fits the key that made it', async (alg) => {
    const { token, keys } = await signed(alg)
    expect(checkSignature(decoded(token), keys)).toMatchObject({ passed: true })
  })

  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('of %s fits no other key', async (alg) => {
    const [{ token }, { keys }] = [await signed(alg), await signed(alg)]
    expect(checkSignature(decoded(token), keys)).toMatchObject({ passed: false })
  })

  it('does not fit claims that were changed', async () => {
    const { token, keys } = await signed('ES256')
    const [header, , signature] = token.split('.')
    const forged = `${header}.${part({ ...good, sub: 'somebody-else' })}.${signature}`
    expect(checkSignature(decoded(forged), keys)).toMatchObject({ passed: false })
  })

  it.each([
    ['none', { alg: 'none', kid: 'k' }],
    ['an HMAC with the public key as its secret', { alg: 'HS256', kid: 'k' }],
    ['an algorithm of another kind of key', { alg: 'RS256', kid: 'k' }],
    ['no key that is known', { alg: 'ES256', kid: 'another' }],
  ])('of %s is refused', async (_what, header) => {
    const { token, keys } = await signed('ES256')
    const [, claims, signature] = token.split('.')
    expect(checkSignature(decoded(`${part(header)}.${claims}.${signature}`), keys).passed).toBe(false)
  })
})

describe('a token', () => {
  it('that is all it should be passes every check', async () => {
    const { token, keys } = await signed('ES256')
    const checks = checkToken(decoded(token), keys, { issuer, audience: 'demo-web', nowSeconds, nonce: 'n' })
    expect(checks.filter(({ passed }) => !passed)).toEqual([])
    expect(checks).toHaveLength(5)
  })

  it.each([
    ['another issuer', { ...good, iss: 'http://evil.example' }, 'iss'],
    ['another audience', { ...good, aud: 'demo-spa' }, 'aud'],
    ['an end that has passed', { ...good, exp: nowSeconds - 6 }, 'exp'],
    ['another nonce', { ...good, nonce: 'm' }, 'nonce'],
    ['the hash of another access token', { ...good, at_hash: 'AAAA' }, 'at_hash'],
  ])('with %s fails by that alone', async (_what, claims, name) => {
    const { token, keys } = await signed('ES256', claims)
    const expected = { issuer, audience: 'demo-web', nowSeconds, nonce: 'n', accessToken: 'opaque' }
    const failed = checkToken(decoded(token), keys, expected).filter(({ passed }) => !passed)
    expect(failed.map(({ text }) => text.split(' ', 1)[0])).toEqual([name])
  })

  it.each(['', 'opaque', 'a.b', 'a.b.c.d', 'e30.e30', `${part({})}.bm90LWpzb24.c2ln`, '!.!.!'])(
    'like %j is not a JWT',
    (token) => {
      expect(decodeJwt(token)).toBeUndefined()
    },
  )
})
