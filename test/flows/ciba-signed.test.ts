// Signed requests without a browser (CIBA Core 1.0 §7.1.1), with the bounds that FAPI-CIBA sets them.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { ada } from '../support/rp.ts'
import { type Claims, createSignedRp, type Key, makeKey, type SignedRp } from '../support/signed-rp.ts'

const cibaGrant = 'urn:openid:params:grant-type:ciba'
let app: TestApp
let key: Key
let rp: SignedRp

beforeAll(async () => {
  app = await startApp()
  key = await makeKey('PS256')
  await app.addClient('signed-counter', {
    grant_types: [cibaGrant],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [key.publicJwk] },
    backchannel_authentication_request_signing_alg: 'PS256',
  })
  rp = createSignedRp(app.issuer, { client_id: 'signed-counter', redirect_uri: '', key })
})
afterAll(() => app.close())

const now = () => Math.floor(Date.now() / 1000)
const asked = { scope: 'openid', login_hint: ada.email }

async function ask(claims: Claims = {}, by = rp) {
  const request = await by.requestObject(asked, {
    iat: now(),
    exp: now() + 300,
    jti: randomUUID(),
    ...claims,
  })
  const { status, body } = await rp.post('/oauth2/ciba', { request })
  return [status, body.error]
}

describe('a client that signs what it asks without a browser', () => {
  it('is heard', async () => {
    expect(await ask()).toEqual([200, undefined])
    expect(await ask({ requested_expiry: 30 })).toEqual([200, undefined])
  })

  it('is refused without a signature, by another key, and by another algorithm', async () => {
    const { status, body } = await rp.post('/oauth2/ciba', asked)
    expect([status, body.error]).toEqual([400, 'invalid_request'])
    for (const other of [await makeKey('PS256'), await makeKey('ES256')]) {
      const stranger = createSignedRp(app.issuer, {
        client_id: 'signed-counter',
        redirect_uri: '',
        key: other,
      })
      expect(await ask({}, stranger)).toEqual([400, 'invalid_request'])
    }
  })

  it.each<[string, () => Claims]>([
    ['that does not say who asks', () => ({ iss: undefined })],
    ['that does not say who is asked', () => ({ aud: undefined })],
    ['without the time it was made', () => ({ iat: undefined })],
    ['without a beginning', () => ({ nbf: undefined })],
    ['without an end', () => ({ exp: undefined })],
    ['without a name of its own', () => ({ jti: undefined })],
    ['that has expired', () => ({ exp: now() - 300 })],
    ['that is good for more than an hour', () => ({ exp: now() + 4_200 })],
    ['that began more than an hour ago', () => ({ nbf: now() - 4_200 })],
    ['that begins in ten minutes', () => ({ nbf: now() + 600 })],
  ])('is refused with a request %s', async (_, claims) => {
    expect(await ask(claims())).toEqual([400, 'invalid_request'])
  })
})

describe('a registration', () => {
  it.each([
    ['without keys', { jwks: undefined, token_endpoint_auth_method: 'client_secret_basic' }],
    ['without the grant', { grant_types: ['client_credentials'] }],
    ['with an algorithm that is not offered', { backchannel_authentication_request_signing_alg: 'HS256' }],
    ['with RS256 and the profile of FAPI', { profile: 'fapi2' }],
  ])('that signs such requests is refused %s', async (_, change) => {
    const metadata = {
      grant_types: [cibaGrant],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [key.publicJwk] },
      backchannel_authentication_request_signing_alg: 'RS256',
      ...change,
    }
    await expect(app.addClient(randomUUID(), metadata)).rejects.toThrow()
  })
})
