// Signed requests by value (RFC 9101), signed answers (JARM, RFC 9701), and answers by message to a framing app.
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson, formsOf, leftOf, type Person, pageOf } from '../support/browser-less.ts'
import { createRp, demoMachine, demoSpa } from '../support/rp.ts'
import { type Claims, createSignedRp, type Key, makeKey, type SignedRp } from '../support/signed-rp.ts'

const redirect_uri = 'https://shop.example/callback'

let app: TestApp
let rp: SignedRp
let key: Key
let jwks: ReturnType<typeof createRemoteJWKSet>

async function register(client_id: string, more: Claims = {}): Promise<SignedRp> {
  await app.addClient(client_id, {
    redirect_uris: [redirect_uri],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [key.publicJwk] },
    first_party: true,
    ...more,
  })
  return createSignedRp(app.issuer, { client_id, redirect_uri, key })
}

beforeAll(async () => {
  app = await startApp()
  key = await makeKey()
  jwks = createRemoteJWKSet(new URL(`${app.issuer}/oauth2/jwks`))
  rp = await register('signed')
})
afterAll(() => app.close())

/** What the client reads of a signed answer. */
const open = async (response: string | null, issuer = app.issuer) =>
  (await jwtVerify(response ?? '', jwks, { issuer, audience: 'signed' })).payload

describe('a signed request', () => {
  it('is all that counts: what stands beside it is not looked at (§6.3)', async () => {
    const { params, verifier } = rp.request()
    const url = rp.addressOf({ request: await rp.requestObject(params), scope: 'phone', state: 'other' })
    const callback = await rp.walk(createPerson(), url)
    expect(callback.searchParams.get('state')).toBe(params.state)
    expect(callback.searchParams.get('iss')).toBe(app.issuer)
    const code = callback.searchParams.get('code') ?? ''
    const { body } = await rp.post('/oauth2/token', rp.redemption(code, verifier))
    expect(body.scope).toBe('openid email')
  })

  it('is pushed like any other (RFC 9126 §3)', async () => {
    const { params, verifier } = rp.request()
    const { status, body } = await rp.push({ request: await rp.requestObject(params), scope: 'phone' })
    expect(status, JSON.stringify(body)).toBe(201)
    const callback = await rp.walk(createPerson(), rp.addressOf({ request_uri: body.request_uri ?? '' }))
    const code = callback.searchParams.get('code') ?? ''
    expect((await rp.post('/oauth2/token', rp.redemption(code, verifier))).status).toBe(200)
  })

  it.each(['RS256', 'PS256', 'EdDSA'])('may be signed with %s', async (alg) => {
    const own = await makeKey(alg)
    await register(`signed-${alg}`, { jwks: { keys: [own.publicJwk] } })
    const signed = createSignedRp(app.issuer, { client_id: `signed-${alg}`, redirect_uri, key: own })
    const request = await signed.requestObject(signed.request().params)
    expect((await signed.push({ request })).status).toBe(201)
  })
})

const refusedPush = async (claims: Claims, header: Claims = {}, by = rp) => {
  const { status, body } = await rp.push({
    request: await by.requestObject(rp.request().params, claims, header),
  })
  return [status, body.error]
}
const past = () => Math.floor(Date.now() / 1000) - 60

describe('RFC 9101 refuses', () => {
  it.each<[string, () => Claims]>([
    ['§6.3: another client inside', () => ({ client_id: 'demo-web' })],
    ['§6.3: another issuer', () => ({ iss: 'demo-web' })],
    ['§6.3: another audience', () => ({ aud: 'https://other.example' })],
    ['§6.3: no audience', () => ({ aud: undefined })],
    ['§6.3: a request that has expired', () => ({ exp: past() })],
    ['§6.3: a request that is not good yet', () => ({ nbf: past() + 120 })],
    ['§4: a request inside a request', () => ({ request: 'a.b.c' })],
    ['§4: a request_uri inside a request', () => ({ request_uri: 'https://shop.example/r' })],
    ['§10.8: an assertion in place of a request', () => ({ sub: 'signed' })],
    ['text that no database keeps', () => ({ nonce: 'a\0b' })],
    ['half a character', () => ({ claims: { userinfo: { '\ud800': null } } })],
  ])('%s', async (_, claims) => {
    expect(await refusedPush(claims())).toEqual([400, 'invalid_request_object'])
  })

  it('§10.8: a token of another type', async () => {
    for (const typ of ['dpop+jwt', 'at+jwt'])
      expect(await refusedPush({}, { typ })).toEqual([400, 'invalid_request_object'])
    expect(await refusedPush({}, { typ: 'oauth-authz-req+jwt' })).toEqual([201, undefined])
  })

  it('§6.2: another key, and no signature at all', async () => {
    const stranger = createSignedRp(app.issuer, { client_id: 'signed', redirect_uri, key: await makeKey() })
    expect(await refusedPush({}, {}, stranger)).toEqual([400, 'invalid_request_object'])
    const [, payload = ''] = (await rp.requestObject(rp.request().params)).split('.')
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`
    for (const request of [unsigned, 'not a request', 'a.b.c']) {
      const { status, body } = await rp.push({ request })
      expect([status, body.error]).toEqual([400, 'invalid_request_object'])
    }
  })

  it('§6.2: an algorithm other than the registered one', async () => {
    const strict = await register('signed-strict', { request_object_signing_alg: 'PS256' })
    const { body } = await strict.push({ request: await strict.requestObject(strict.request().params) })
    expect(body.error).toBe('invalid_request_object')
  })

  it('§5: request beside request_uri', async () => {
    const { body } = await rp.push(rp.request().params)
    const request = await rp.requestObject(rp.request().params)
    const went = await createPerson().go(rp.addressOf({ request, request_uri: body.request_uri ?? '' }))
    expect(pageOf(went).html).toContain('invalid_request')
  })

  it('§6.1: a request that cannot be verified, on a page and not at a client', async () => {
    const stranger = createSignedRp(app.issuer, { client_id: 'signed', redirect_uri, key: await makeKey() })
    const request = await stranger.requestObject(rp.request().params)
    const page = pageOf(await createPerson().go(rp.addressOf({ request })))
    expect([page.status, page.html]).toEqual([400, expect.stringContaining('invalid_request_object')])
  })

  it('§10.5: an unsigned request of a client that signs, pushed or not', async () => {
    const always = await register('always-signed', { require_signed_request_object: true })
    const { params } = always.request()
    const refused = leftOf(await createPerson().go(always.addressOf(params)))
    expect(refused.searchParams.get('error')).toBe('invalid_request')
    const { status, body } = await always.push(params)
    expect([status, body.error]).toEqual([400, 'invalid_request'])
    expect((await always.push({ request: await always.requestObject(params) })).status).toBe(201)
  })
})

describe('a signed answer (JARM)', () => {
  async function asked(response_mode: string, person = createPerson()) {
    const { params } = rp.request({ response_mode })
    return { params, went: await person.go(rp.addressOf(params)) }
  }
  const signedIn = async () => (await rp.signIn()).person

  it.each(['jwt', 'query.jwt', 'fragment.jwt'])('comes by %s', async (mode) => {
    const { params, went } = await asked(mode, await signedIn())
    const url = leftOf(went)
    const answer = mode === 'fragment.jwt' ? new URLSearchParams(url.hash.slice(1)) : url.searchParams
    expect([...answer.keys()]).toEqual(['response'])
    const claims = await open(answer.get('response'))
    expect(claims).toMatchObject({ code: expect.stringMatching(/^[\w-]{43}$/), state: params.state })
    expect((claims.exp ?? 0) - Date.now() / 1000).toBeLessThanOrEqual(600)
  })

  it('comes by form_post.jwt on a page with a button', async () => {
    const { params, went } = await asked('form_post.jwt', await signedIn())
    const [form] = formsOf(pageOf(went))
    expect(form?.action).toBe(redirect_uri)
    expect(form?.buttons).toHaveLength(1)
    expect(Object.keys(form?.fields ?? {})).toEqual(['response'])
    expect(await open(form?.fields.response ?? '')).toMatchObject({
      code: expect.any(String),
      state: params.state,
    })
  })

  it('tells of a refusal too', async () => {
    for (const response_mode of ['jwt', 'form_post.jwt']) {
      const { params } = rp.request({ response_mode, prompt: 'none' })
      const went = await createPerson().go(rp.addressOf(params))
      const response =
        'left' in went ? went.left.searchParams.get('response') : (formsOf(went)[0]?.fields.response ?? '')
      expect(await open(response)).toMatchObject({ error: 'login_required', state: params.state })
    }
  })

  it('is signed as the client registered it', async () => {
    const other = await register('es-signed', { authorization_signed_response_alg: 'ES256' })
    const { person } = await other.signIn()
    const went = await person.go(other.addressOf(other.request({ response_mode: 'jwt' }).params))
    const { protectedHeader } = await jwtVerify(leftOf(went).searchParams.get('response') ?? '', jwks)
    expect(protectedHeader.alg).toBe('ES256')
  })
})

describe('signed introspection (RFC 9701)', () => {
  const type = 'application/token-introspection+jwt'

  async function introspect(token: string) {
    const { client_id, client_secret } = demoMachine
    const response = await fetch(`${app.issuer}/oauth2/introspect`, {
      method: 'POST',
      headers: { accept: type },
      body: new URLSearchParams({ token, client_id, client_secret }),
    })
    expect(response.headers.get('content-type')).toContain(type)
    const { payload, protectedHeader } = await jwtVerify(await response.text(), jwks, {
      issuer: app.issuer,
      audience: client_id,
    })
    expect(protectedHeader.typ).toBe('token-introspection+jwt')
    expect(payload.iat).toBeTypeOf('number')
    expect(payload.sub).toBeUndefined()
    return payload.token_introspection
  }

  it('tells of JWT access tokens and of tokens that are none', async () => {
    await app.services.clients.update({ kind: 'system' }, 'demo-machine', {
      metadata: {
        ...(await app.services.clients.get('demo-machine')).metadata,
        token_endpoint_auth_method: 'client_secret_post',
      },
    })
    const person = await createRp(app.issuer).tokens({
      params: { scope: 'openid quests:read', resource: 'urn:demo:quests' },
    })
    await expect
      .poll(() => introspect(person.access_token))
      .toMatchObject({ active: true, client_id: 'demo-web', scope: 'quests:read' })
    expect(await introspect('a-stranger')).toEqual({ active: false })
  })
})

describe('web_message', () => {
  const spaOrigin = 'http://localhost:3001'
  const dataOf = (html: string) => ({
    origin: /data-origin="([^"]*)"/.exec(html)?.[1],
    answer: JSON.parse(decodeURIComponent(/data-answer="([^"]*)"/.exec(html)?.[1] ?? '')),
  })

  async function silent(person: Person, params: Record<string, string> = {}) {
    const spa = createRp(app.issuer, demoSpa)
    const asked = spa.authorizeUrl({
      response_mode: 'web_message',
      prompt: 'none',
      scope: 'openid',
      ...params,
    })
    return { ...asked, page: pageOf(await person.go(asked.url)) }
  }

  it('hands a code to the origin of the app, in a frame of that origin alone', async () => {
    const { person } = await createRp(app.issuer, demoSpa).signIn()
    const { page, state } = await silent(person)
    expect(dataOf(page.html)).toEqual({
      origin: spaOrigin,
      answer: { code: expect.stringMatching(/^[\w-]{43}$/), state, iss: app.issuer },
    })
    const policy = page.headers.get('content-security-policy')
    expect(policy).toContain(`frame-ancestors ${spaOrigin};`)
    expect(policy).toContain("default-src 'none'; script-src 'sha256-")
    expect(page.headers.get('x-frame-options')).toBeNull()
    expect(page.headers.get('cache-control')).toBe('no-store')
  })

  it('says that somebody must sign in, and lets nothing of the request out of its place', async () => {
    const state = `"><script>alert(1)</script>'&`
    const { page } = await silent(createPerson(), { state })
    expect(dataOf(page.html).answer).toMatchObject({ error: 'login_required', state })
    expect(page.html).not.toContain('alert(1)</script>')
  })

  it('is signed when asked for', async () => {
    const { person } = await createRp(app.issuer, demoSpa).signIn()
    const { page, state } = await silent(person, { response_mode: 'web_message.jwt' })
    const { payload } = await jwtVerify(dataOf(page.html).answer.response, jwks, { audience: 'demo-spa' })
    expect(payload).toMatchObject({ code: expect.any(String), state })
  })

  it('never goes to an address that is not the client’s', async () => {
    const { page } = await silent(createPerson(), { redirect_uri: 'https://evil.example/' })
    expect(page.html).not.toContain('data-answer')
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(page.headers.get('x-frame-options')).toBe('DENY')
  })

  it('shows no sign-in page inside a frame', async () => {
    const { page } = await silent(createPerson(), { prompt: 'login' })
    expect(page.html).toContain('name="email"')
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  })
})

describe('discovery', () => {
  it('names no algorithm without a key, and every way that was tried here', async () => {
    const document = await (await fetch(`${app.issuer}/.well-known/openid-configuration`)).json()
    const { keys } = (await (await fetch(document.jwks_uri)).json()) as { keys: { alg: string }[] }
    const signing = new Set(keys.map(({ alg }) => alg))
    for (const use of ['id_token', 'authorization', 'introspection'])
      for (const alg of document[`${use}_signing_alg_values_supported`]) expect(signing).toContain(alg)
    expect(document).toMatchObject({
      authorization_response_iss_parameter_supported: true,
      pushed_authorization_request_endpoint: `${app.issuer}/oauth2/par`,
      request_parameter_supported: true,
      request_uri_parameter_supported: false,
      request_object_signing_alg_values_supported: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'PS256'],
      token_endpoint_auth_methods_supported: expect.arrayContaining(['private_key_jwt']),
    })
    expect(document.token_endpoint_auth_methods_supported).not.toContain('client_secret_jwt')
    expect(document.response_modes_supported).toEqual(
      expect.arrayContaining([
        'jwt',
        'query.jwt',
        'fragment.jwt',
        'form_post.jwt',
        'web_message',
        'form_post',
      ]),
    )
  })
})
