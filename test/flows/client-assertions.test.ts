// Clients that prove themselves by a signature (RFC 7521, RFC 7523): what is accepted, and each refusal.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JWK } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import {
  type Claims,
  createSignedRp,
  type Key,
  makeKey,
  postForm,
  type SignedRp,
} from '../support/signed-rp.ts'

const redirect_uri = 'https://shop.example/callback'

let app: TestApp
let rp: SignedRp
let key: Key

async function register(client_id: string, keys: Claims, signing: Key): Promise<SignedRp> {
  await app.addClient(client_id, {
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'private_key_jwt',
    ...keys,
  })
  return createSignedRp(app.issuer, { client_id, redirect_uri, key: signing })
}

beforeAll(async () => {
  app = await startApp({ env: testHooks })
  key = await makeKey()
  rp = await register('signing', { jwks: { keys: [key.publicJwk] } }, key)
})
afterAll(() => app.close())

const grant = { grant_type: 'client_credentials' }
const ask = async (form: Record<string, string>) => {
  const { status, body } = await postForm(`${app.issuer}/oauth2/token`, { ...grant, ...form })
  return [status, body.error]
}
const now = () => Math.floor(Date.now() / 1000)

describe('an assertion', () => {
  it.each(['ES256', 'PS256', 'RS256', 'EdDSA'])('signed with %s proves a client', async (alg) => {
    const own = await makeKey(alg)
    const signed = await register(`signing-${alg}`, { jwks: { keys: [own.publicJwk] } }, own)
    expect((await signed.post('/oauth2/token', grant)).status).toBe(200)
  })

  it('may be for the issuer, for the token endpoint, and for the endpoint it is sent to', async () => {
    for (const aud of [app.issuer, [app.issuer], `${app.issuer}/oauth2/token`])
      expect(await ask(await rp.proof({ aud }))).toEqual([200, undefined])
    const pushed = await rp.proof({ aud: `${app.issuer}/oauth2/introspect` })
    const { status } = await postForm(`${app.issuer}/oauth2/introspect`, { ...pushed, token: 'none' })
    expect(status).toBe(200)
  })
})

describe('RFC 7523 §3 refuses an assertion', () => {
  it.each<[string, () => Claims]>([
    ['of another issuer', () => ({ iss: 'demo-web' })],
    ['without an issuer', () => ({ iss: undefined })],
    ['for somebody else', () => ({ aud: 'https://other.example' })],
    ['for nobody', () => ({ aud: undefined })],
    ['that has expired', () => ({ exp: now() - 30 })],
    ['that never expires', () => ({ exp: undefined })],
    ['that is good for more than an hour', () => ({ exp: now() + 3_700 })],
    ['that is not good yet', () => ({ nbf: now() + 60 })],
    ['without a jti', () => ({ jti: undefined })],
  ])('%s', async (_, claims) => {
    expect(await ask(await rp.proof(claims()))).toEqual([401, 'invalid_client'])
  })

  it('whose subject is another client', async () => {
    const [status, error] = await ask(await rp.proof({ sub: 'demo-machine' }))
    expect([status, error]).toEqual([401, 'invalid_client'])
  })

  it('that was used before', async () => {
    const proof = await rp.proof()
    expect(await ask(proof)).toEqual([200, undefined])
    expect(await ask(proof)).toEqual([401, 'invalid_client'])
    // At another endpoint too
    const { status } = await postForm(`${app.issuer}/oauth2/introspect`, { ...proof, token: 'none' })
    expect(status).toBe(401)
  })

  it('by another key, and one by no key at all', async () => {
    const stranger = createSignedRp(app.issuer, { client_id: 'signing', redirect_uri, key: await makeKey() })
    expect(await ask(await stranger.proof())).toEqual([401, 'invalid_client'])
    const { client_assertion = '', ...rest } = await rp.proof()
    const [, payload = ''] = client_assertion.split('.')
    const header = Buffer.from('{"alg":"none"}').toString('base64url')
    expect(await ask({ ...rest, client_assertion: `${header}.${payload}.` })).toEqual([401, 'invalid_client'])
  })

  it('by an algorithm that the client did not register', async () => {
    const own = await makeKey('RS256')
    const keys = { jwks: { keys: [own.publicJwk] }, token_endpoint_auth_signing_alg: 'ES256' }
    const strict = await register('signing-strict', keys, own)
    expect(await ask(await strict.proof())).toEqual([401, 'invalid_client'])
  })

  it('of another type, and one beside a secret (RFC 6749 §2.3)', async () => {
    const proof = await rp.proof()
    expect(await ask({ ...proof, client_assertion_type: 'urn:other' })).toEqual([400, 'invalid_request'])
    expect(await ask({ ...proof, client_secret: 'secret' })).toEqual([400, 'invalid_request'])
    expect(await ask({ ...proof, client_assertion: 'not.a.jwt' })).toEqual([400, 'invalid_request'])
  })

  it('of a client that registered a secret', async () => {
    const other = createSignedRp(app.issuer, { client_id: 'demo-machine', redirect_uri, key })
    expect(await ask(await other.proof())).toEqual([401, 'invalid_client'])
  })
})

describe('keys at jwks_uri', () => {
  let server: Server
  let served: { keys: JWK[] } | undefined
  let asked = 0
  let jwks_uri = ''
  beforeAll(async () => {
    server = createServer((_, response) => {
      asked += 1
      response.statusCode = served ? 200 : 503
      response.end(JSON.stringify(served ?? {}))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    jwks_uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
  })
  afterAll(() => server.close())

  it('are fetched when first needed, and then kept', async () => {
    served = { keys: [key.publicJwk] }
    const signed = await register('by-uri', { jwks_uri }, key)
    for (let turn = 0; turn < 3; turn += 1) expect(await ask(await signed.proof())).toEqual([200, undefined])
    expect(asked).toBe(1)
  })

  it('follow the address: a new key is found, one that was taken out ends within a minute', async () => {
    const next = await makeKey()
    const renewed = createSignedRp(app.issuer, { client_id: 'by-uri', redirect_uri, key: next })
    const before = createSignedRp(app.issuer, { client_id: 'by-uri', redirect_uri, key })
    served = { keys: [next.publicJwk] }
    await app.advance(61)
    const ahead = { iat: undefined, exp: now() + 600 }
    expect(await ask(await before.proof(ahead))).toEqual([401, 'invalid_client'])
    expect(await ask(await renewed.proof(ahead))).toEqual([200, undefined])
  })

  it('are served as they were while the address is down, which is asked twice a minute at most', async () => {
    served = { keys: [key.publicJwk] }
    const signed = await register('by-uri-down', { jwks_uri }, key)
    const ahead = () => ({ exp: now() + 1_000 })
    expect(await ask(await signed.proof(ahead()))).toEqual([200, undefined])
    served = undefined
    await app.advance(61)
    asked = 0
    const stranger = createSignedRp(app.issuer, {
      client_id: 'by-uri-down',
      redirect_uri,
      key: await makeKey(),
    })
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await ask(await signed.proof(ahead()))).toEqual([200, undefined])
      expect(await ask(await stranger.proof(ahead()))).toEqual([401, 'invalid_client'])
    }
    expect(asked).toBe(1)
  })

  it('are not looked for on this machine outside test benches', async () => {
    const plain = await startApp()
    try {
      await plain.addClient('by-uri', {
        grant_types: ['client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks_uri,
      })
      asked = 0
      const signed = createSignedRp(plain.issuer, { client_id: 'by-uri', redirect_uri, key })
      const { status, body } = await signed.post('/oauth2/token', grant)
      expect([status, body.error, asked]).toEqual([401, 'invalid_client', 0])
    } finally {
      await plain.close()
    }
  })
})
