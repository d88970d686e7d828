// Pushed authorization requests (RFC 9126): what is pushed is used once, by whom it was pushed for.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, leftOf, pageOf } from '../support/browser-less.ts'
import { createRp, demoSpa, demoWeb } from '../support/rp.ts'
import { createSignedRp, makeKey, type SignedRp } from '../support/signed-rp.ts'

const redirect_uri = 'https://shop.example/callback'

let app: TestApp
let rp: SignedRp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  const key = await makeKey()
  await app.addClient('pushing', {
    redirect_uris: [redirect_uri],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [key.publicJwk] },
    require_pushed_authorization_requests: true,
    first_party: true,
  })
  rp = createSignedRp(app.issuer, { client_id: 'pushing', redirect_uri, key })
})
afterAll(() => app.close())

describe('a pushed request', () => {
  it('leads through sign-in to a code that is redeemed', async () => {
    const { callback, code, verifier } = await rp.signIn()
    expect(callback.searchParams.get('iss')).toBe(app.issuer)
    const { status, body } = await rp.post('/oauth2/token', rp.redemption(code, verifier))
    expect([status, body.token_type]).toEqual([200, 'Bearer'])
  })

  it('is named by a request_uri that lasts 60 seconds (RFC 9126 §2.2)', async () => {
    const { status, body } = await rp.push(rp.request().params)
    expect([status, body.expires_in]).toEqual([201, 60])
    expect(body.request_uri).toMatch(/^urn:ietf:params:oauth:request_uri:[\w-]{43}$/)
    await app.advance(61)
    const url = rp.addressOf({ request_uri: body.request_uri ?? '' })
    expect(await refusedPage(url)).toContain('invalid_request_uri')
  })

  it('is as good for a client with a secret, and for a public one', async () => {
    for (const client of [demoWeb, demoSpa]) {
      const { post, authorizeUrl, walk } = createRp(app.issuer, client)
      const asked = Object.fromEntries(new URL(authorizeUrl().url).searchParams)
      const { status, body } = await post('/oauth2/par', asked)
      expect(status, JSON.stringify(body)).toBe(201)
      const { request_uri = '' } = body as { request_uri?: string }
      const query = new URLSearchParams({ client_id: client.client_id, request_uri })
      const callback = await walk(createPerson(), `${app.issuer}/oauth2/authorize?${query}`)
      expect(callback.searchParams.get('state')).toBe(asked.state)
    }
  })
})

describe('a request_uri', () => {
  it('is opened again until somebody has signed in by it (FAPI 2.0 §5.3.2.2)', async () => {
    const { params } = rp.request()
    const { body } = await rp.push(params)
    const url = rp.addressOf({ request_uri: body.request_uri ?? '' })
    const person = createPerson()
    for (const each of [createPerson(), person, person]) expect((await each.open(url)).status).toBe(200)
    expect((await rp.walk(person, url)).searchParams.get('state')).toBe(params.state)
    expect(await refusedPage(url)).toContain('invalid_request_uri')
  })
})

const refusedPage = async (url: string) => pageOf(await createPerson().go(url)).html

describe('RFC 9126 refuses', () => {
  it('§4: a request_uri that was used', async () => {
    const { person, url } = await rp.signIn()
    expect(pageOf(await person.go(url)).html).toContain('invalid_request_uri')
  })

  it('§4: a request_uri that was pushed by another client', async () => {
    const { body } = await rp.push(rp.request().params)
    const query = new URLSearchParams({ client_id: 'demo-web', request_uri: body.request_uri ?? '' })
    const html = await refusedPage(`${app.issuer}/oauth2/authorize?${query}`)
    expect(html).toContain('invalid_request')
  })

  it('§4: a request_uri that was never issued', async () => {
    const request_uri = `urn:ietf:params:oauth:request_uri:${'a'.repeat(43)}`
    expect(await refusedPage(rp.addressOf({ request_uri }))).toContain('invalid_request_uri')
  })

  it('§5 and RFC 9101 §10.5: a request_uri that leads elsewhere', async () => {
    const url = rp.addressOf({ request_uri: 'https://shop.example/request.jwt' })
    expect(await refusedPage(url)).toContain('request_uri_not_supported')
  })

  it('§6: a request that was not pushed, of a client that must', async () => {
    const { params } = rp.request()
    const refused = leftOf(await createPerson().go(rp.addressOf(params)))
    expect(refused.searchParams.get('error')).toBe('invalid_request')
  })

  it('§2.1: a request_uri inside what is pushed', async () => {
    const { body: first } = await rp.push(rp.request().params)
    const { status, body } = await rp.push({ ...rp.request().params, request_uri: first.request_uri ?? '' })
    expect([status, body.error]).toEqual([400, 'request_uri_not_supported'])
  })

  it('§2.1: a client that does not prove itself', async () => {
    const { params } = rp.request()
    const unsigned = createRp(app.issuer, { client_id: 'pushing', redirect_uri })
    const { status, body } = await unsigned.post('/oauth2/par', params)
    expect([status, body.error]).toEqual([401, 'invalid_client'])
  })

  it.each([
    ['an address that is not registered', { redirect_uri: 'https://evil.example/' }, 'invalid_request'],
    ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['the plain challenge (RFC 7636 §4.4.1)', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['another response type', { response_type: 'token' }, 'unsupported_response_type'],
    ['an API that is not there', { resource: 'urn:no:api' }, 'invalid_target'],
  ])('§2.3: %s, before anybody is sent anywhere', async (_, change, error) => {
    const { status, body } = await rp.push(rp.request(change).params)
    expect([status, body.error]).toEqual([400, error])
  })

  it.each([
    'scope',
    'state',
    'nonce',
    'claims',
    'login_hint',
    'id_token_hint',
    'ui_locales',
    'prompt',
    'dpop_jkt',
  ])('what no database keeps in %s, at the latest when it is used', async (name) => {
    for (const value of ['a\0b', '\0', '{"userinfo":{"\\u0000":null}}', '{"userinfo":{"\\ud800":null}}']) {
      const pushed = await rp.push(rp.request({ [name]: value }).params)
      expect([201, 400]).toContain(pushed.status)
      if (pushed.status === 400) continue
      const url = rp.addressOf({ request_uri: pushed.body.request_uri ?? '' })
      const went = await createPerson().go(url)
      expect('left' in went ? went.left.searchParams.get('error') : went.status, value).toSatisfy(
        (told) => told === 200 || told === 400 || typeof told === 'string',
      )
    }
  })

  it('§2.3: another method than POST', async () => {
    const { status, headers } = await fetch(`${app.issuer}/oauth2/par`)
    expect([status, headers.get('allow')]).toEqual([405, 'POST'])
  })
})
