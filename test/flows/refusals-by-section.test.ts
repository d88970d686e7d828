// What a server must refuse and no other test provokes, by standard and section. rfc-refusals.test.ts begins with OAuth
// 2.0 and PKCE; what each other standard adds stands first in the test of that standard.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, leftOf, pageOf } from '../support/browser-less.ts'
import { basic, createRp, demoMachine, demoSpa, demoWeb, grace, type Rp } from '../support/rp.ts'
import { createSignedRp, dpop, type Key, makeKey, postForm, type SignedRp } from '../support/signed-rp.ts'

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const machine = { authorization: basic(demoMachine.client_id, demoMachine.client_secret) }
const web = { authorization: basic(demoWeb.client_id, demoWeb.client_secret) }

let app: TestApp
let rp: Rp
let signed: SignedRp
let key: Key
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  rp = createRp(app.issuer)
  key = await makeKey()
  const redirect_uri = 'https://shop.example/callback'
  await app.addClient('signed', {
    redirect_uris: [redirect_uri],
    token_endpoint_auth_method: 'private_key_jwt',
    request_object_signing_alg: 'ES256',
    jwks: { keys: [key.publicJwk] },
  })
  signed = createSignedRp(app.issuer, { client_id: 'signed', redirect_uri, key })
})
afterAll(() => app.close())

type Refused = [status: number, error: string | undefined]
/** A form as it is written, so that a name may be there twice. */
async function send(path: string, body: string, headers: Record<string, string> = {}): Promise<Refused> {
  const response = await fetch(app.issuer + path, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  })
  const text = await response.text()
  return [response.status, text === '' ? undefined : JSON.parse(text).error]
}
const formOf = (form: Record<string, string>) => new URLSearchParams(form).toString()

describe('RFC 6749 refuses', () => {
  it('§2.3.1: a secret in the address', async () => {
    const query = formOf({ client_id: demoMachine.client_id, client_secret: demoMachine.client_secret })
    const [status, error] = await send(`/oauth2/token?${query}`, 'grant_type=client_credentials')
    expect([status, error]).toEqual([400, 'invalid_request'])
  })

  it.each([
    ['no scheme', 'demo-machine:demo-machine-secret'],
    ['no base64', 'Basic ###'],
    ['no colon', `Basic ${Buffer.from('demo-machine').toString('base64')}`],
    ['a broken escape', `Basic ${Buffer.from('demo-machine:%zz').toString('base64')}`],
    ['a NUL', `Basic ${Buffer.from('demo\0machine:x').toString('base64')}`],
  ])('§2.3.1: credentials with %s', async (_, authorization) => {
    const [status, error] = await send('/oauth2/token', 'grant_type=client_credentials', { authorization })
    expect([400, 401]).toContain(status)
    expect(error).toMatch(/^invalid_(client|request)$/)
  })

  it.each(['/oauth2/token', '/oauth2/par', '/oauth2/introspect', '/oauth2/revoke'])(
    '§3.2: a parameter that is there twice, at %s',
    async (path) => {
      const twice = 'grant_type=client_credentials&token=x&token=x&scope=openid&scope=openid'
      expect(await send(path, twice, machine)).toEqual([400, 'invalid_request'])
    },
  )

  it('§3.2.1: nobody who asks', async () => {
    const form = { grant_type: 'authorization_code', code: 'x', redirect_uri: demoSpa.redirect_uri }
    expect(await send('/oauth2/token', formOf(form))).toEqual([400, 'invalid_request'])
  })

  it('§3.1: a response type without a value, as if it were not there', async () => {
    const { searchParams } = leftOf(await createPerson().go(rp.authorizeUrl({ response_type: '' }).url))
    expect(searchParams.get('error')).toBe('invalid_request')
  })

  it('§4.1.3: no code, one that nobody issued, and no address', async () => {
    const { code, verifier } = await rp.signIn()
    const form = {
      grant_type: 'authorization_code',
      redirect_uri: demoWeb.redirect_uri,
      code_verifier: verifier,
    }
    expect(await send('/oauth2/token', formOf(form), web)).toEqual([400, 'invalid_request'])
    expect(await send('/oauth2/token', formOf({ ...form, code: 'nobody' }), web)).toEqual([
      400,
      'invalid_grant',
    ])
    const { redirect_uri: _, ...without } = { ...form, code }
    expect((await send('/oauth2/token', formOf(without), web))[0]).toBe(400)
  })

  it('§5.2: a body that is no form', async () => {
    const json = { 'content-type': 'application/json' }
    const body = JSON.stringify({ grant_type: 'client_credentials' })
    expect(await send('/oauth2/token', body, { ...machine, ...json })).toEqual([400, 'invalid_request'])
  })

  it('§6: no refresh token, one that nobody issued, and one that has expired', async () => {
    const grant_type = 'refresh_token'
    expect(await send('/oauth2/token', formOf({ grant_type }), web)).toEqual([400, 'invalid_request'])
    expect((await rp.refresh('nobody')).body.error).toBe('invalid_grant')
    const { refresh_token = '' } = await rp.tokens()
    await app.advance(31 * 24 * 3600)
    expect((await rp.refresh(refresh_token)).body.error).toBe('invalid_grant')
  })
})

it('RFC 7636 §4.1 refuses a verifier that is too long', async () => {
  const { code } = await rp.signIn()
  expect((await rp.redeem(code, 'a'.repeat(129))).body.error).toMatch(/^invalid_(grant|request)$/)
})

describe('RFC 6750 refuses', () => {
  const userinfo = (init: RequestInit) => fetch(`${app.issuer}/oauth2/userinfo`, init)

  it('§2: a token that comes in two ways', async () => {
    const { access_token } = await rp.tokens()
    const authorization = `Bearer ${access_token}`
    const body = new URLSearchParams({ access_token })
    const response = await userinfo({ method: 'POST', headers: { authorization }, body })
    expect([response.status, (await response.json()).error]).toEqual([400, 'invalid_request'])
  })

  it('§3: no token, without saying what is wrong, and one that nobody issued', async () => {
    const none = await userinfo({})
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([
      expect.any(Number),
      expect.stringMatching(/^(Bearer|DPoP)/),
    ])
    expect([400, 401]).toContain(none.status)
    const wrong = await userinfo({ headers: { authorization: 'Bearer nobody' } })
    expect([wrong.status, wrong.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
  })
})

it.each(['/oauth2/introspect', '/oauth2/revoke'])(
  'RFC 7662 §2.1 and RFC 7009 §2.1: %s refuses a request without a token, without a client, and by GET',
  async (path) => {
    expect(await send(path, '', machine)).toEqual([400, 'invalid_request'])
    expect((await send(path, 'token=x'))[1]).toMatch(/^invalid_(client|request)$/)
    expect((await fetch(`${app.issuer}${path}?token=x`, { headers: machine })).status).toBe(405)
  },
)

describe('RFC 8628 refuses', () => {
  const ask = (form: string) => send('/oauth2/device', form)
  const poll = (form: string) =>
    send('/oauth2/token', `grant_type=${encodeURIComponent(deviceGrant)}&${form}`)

  it('§3.1 and §3.2: no client, one that nobody knows, and one without the grant', async () => {
    expect(await ask('scope=openid')).toEqual([400, 'invalid_request'])
    expect(await ask('client_id=nobody')).toEqual([401, 'invalid_client'])
    expect(await ask(`client_id=${demoSpa.client_id}`)).toEqual([400, 'unauthorized_client'])
  })

  it('§3.1: a scope that is none, a parameter that is there twice, and another method', async () => {
    expect(await ask('client_id=demo-device&scope=%22')).toEqual([400, 'invalid_scope'])
    expect(await ask('client_id=demo-device&scope=openid&scope=openid')).toEqual([400, 'invalid_request'])
    expect((await fetch(`${app.issuer}/oauth2/device?client_id=demo-device`)).status).toBe(405)
  })

  it('§3.4: no device code, and one that nobody issued', async () => {
    expect(await poll('client_id=demo-device')).toEqual([400, 'invalid_request'])
    expect(await poll('client_id=demo-device&device_code=nobody')).toEqual([400, 'invalid_grant'])
  })
})

it('CIBA §13 refuses a client without the grant', async () => {
  const form = formOf({ scope: 'openid', login_hint: grace.email })
  expect(await send('/oauth2/ciba', form, web)).toEqual([400, 'unauthorized_client'])
})

describe('RFC 9101 refuses', () => {
  it('§5: a request without its client beside it, and beside another', async () => {
    const request = await signed.requestObject(signed.request().params)
    const open = async (query: Record<string, string>) =>
      pageOf(await createPerson().go(`${app.issuer}/oauth2/authorize?${formOf(query)}`)).status
    expect(await open({ request })).toBe(400)
    expect(await open({ request, client_id: 'demo-web' })).toBe(400)
  })

  it('§6.1: a request that is encrypted, which nobody here can read', async () => {
    const header = Buffer.from(JSON.stringify({ alg: 'RSA-OAEP', enc: 'A256GCM' })).toString('base64url')
    const went = await createPerson().go(
      signed.addressOf({ ...signed.request().params, request: `${header}.a.b.c.d` }),
    )
    const error = 'left' in went ? went.left.searchParams.get('error') : went.html
    expect(error).toMatch(/invalid_request/)
  })
})

describe('RFC 9126 refuses', () => {
  it('§2: the client_id of another client than the one that proves itself', async () => {
    const form = Object.fromEntries(new URL(rp.authorizeUrl().url).searchParams)
    const [status] = await send('/oauth2/par', formOf({ ...form, client_id: 'demo-spa' }), web)
    expect([400, 401]).toContain(status)
  })

  it('§2.2: a request_uri that has expired', async () => {
    const form = Object.fromEntries(new URL(rp.authorizeUrl().url).searchParams)
    const { body } = await postForm(`${app.issuer}/oauth2/par`, form, web)
    await app.advance(61)
    const query = formOf({ client_id: demoWeb.client_id, request_uri: body.request_uri ?? '' })
    const page = pageOf(await createPerson().go(`${app.issuer}/oauth2/authorize?${query}`))
    expect([page.status, page.html]).toEqual([400, expect.stringContaining('invalid_request_uri')])
  })

  it('§2.3: a request that is too large', async () => {
    const form = Object.fromEntries(new URL(rp.authorizeUrl().url).searchParams)
    const [status, error] = await send(
      '/oauth2/par',
      formOf({ ...form, nonce: 'x'.repeat(1024 * 1024) }),
      web,
    )
    expect([status, error]).toEqual([413, 'invalid_request'])
  })
})

describe('RFC 9449 refuses', () => {
  const form = { grant_type: 'client_credentials', scope: 'users:read' }
  const ask = async (proof: Record<string, string>) => {
    const { status, body } = await postForm(`${app.issuer}/oauth2/token`, form, { ...machine, ...proof })
    return [status, body.error]
  }
  const now = () => Math.floor(Date.now() / 1000)
  const unsigned = (header: object, signature = '') => {
    const claims = { jti: randomUUID(), htm: 'POST', htu: `${app.issuer}/oauth2/token`, iat: now() }
    const [head, body] = [header, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    )
    return { dpop: `${head}.${body}.${signature}` }
  }

  it('§4.3: a proof that nobody signed, and one by a key that both know', async () => {
    const typ = 'dpop+jwt'
    const { kid: _, ...jwk } = key.publicJwk
    expect(await ask(unsigned({ typ, alg: 'none', jwk }))).toEqual([400, 'invalid_dpop_proof'])
    const shared = { kty: 'oct', k: 'AAAA' }
    expect(await ask(unsigned({ typ, alg: 'HS256', jwk: shared }, 'AAAA'))).toEqual([
      400,
      'invalid_dpop_proof',
    ])
  })

  it.each([
    ['of long ago', -400],
    ['of the future', 400],
  ])('§11.1: a proof %s, and says how a clock that is wrong may go on', async (_, seconds) => {
    const claims = { iat: now() + seconds }
    expect(await ask(await dpop(key, { url: `${app.issuer}/oauth2/token` }, { claims }))).toEqual([
      400,
      'use_dpop_nonce',
    ])
  })

  it('§7: at userinfo, a proof without the token’s hash, of another token, and another key', async () => {
    const spa = createRp(app.issuer, demoSpa)
    const { code, verifier } = await spa.signIn()
    const { body } = await postForm(
      `${app.issuer}/oauth2/token`,
      {
        grant_type: 'authorization_code',
        client_id: demoSpa.client_id,
        redirect_uri: demoSpa.redirect_uri,
        code,
        code_verifier: verifier,
      },
      await dpop(key, { url: `${app.issuer}/oauth2/token` }),
    )
    const url = `${app.issuer}/oauth2/userinfo`
    const open = async (by: Key, claims: Record<string, unknown> = {}) => {
      const headers = await dpop(by, { url, method: 'GET', token: body.access_token }, { claims })
      return (await fetch(url, { headers })).status
    }
    expect(await open(key)).toBe(200)
    expect(await open(key, { ath: undefined })).toBe(401)
    expect(await open(key, { ath: 'x'.repeat(43) })).toBe(401)
    expect(await open(await makeKey())).toBe(401)
  })
})

describe('OpenID Connect Core refuses', () => {
  const told = async (params: Record<string, string>, person = createPerson()) =>
    leftOf(await person.go(rp.authorizeUrl(params).url)).searchParams.get('error')

  it('§3.1.2.6 and §7.2.1: a registration inside a request', async () => {
    expect(await told({ registration: '{}' })).toBe('registration_not_supported')
  })

  it('§3.1.2.1: in silence, a hint of somebody else than who is signed in', async () => {
    const { id_token = '' } = await rp.tokens({ who: grace })
    const { person } = await rp.tokens()
    expect(await told({ prompt: 'none', id_token_hint: id_token }, person)).toBe('login_required')
  })

  it('§3.1.2.1: in silence, a sign-in that is too old', async () => {
    const { person } = await rp.tokens()
    await app.advance(120)
    expect(await told({ prompt: 'none', max_age: '60' }, person)).toBe('login_required')
  })

  it('§5.5.1: in silence, a sub that is somebody else’s', async () => {
    const { person } = await rp.tokens()
    const claims = JSON.stringify({ id_token: { sub: { value: randomUUID() } } })
    expect(await told({ prompt: 'none', claims }, person)).toBe('login_required')
  })
})
