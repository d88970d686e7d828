// Discovery promises nothing that is not there: every value of every list in the document is used once. A list that
// nothing here uses fails the last test.
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, formsOf, leftOf } from '../support/browser-less.ts'
import { ada, basic, createRp, demoSpa, demoWeb } from '../support/rp.ts'
import {
  type Claims,
  createSignedRp,
  dpop,
  type Key,
  makeKey,
  postForm,
  type SignedRp,
} from '../support/signed-rp.ts'

const redirect_uri = 'https://shop.example/callback'
const cibaGrant = 'urn:openid:params:grant-type:ciba'

type Document = Record<string, unknown> & { jwks_uri: string; issuer: string; scopes_supported: string[] }

let app: TestApp
let document: Document
let jwks: ReturnType<typeof createRemoteJWKSet>
// With the algorithm that signs tokens of APIs alone
beforeAll(async () => {
  app = await startApp({ env: { ...testHooks, FOYER_ACCESS_TOKEN_ALG: 'PS256' } })
  document = await (await fetch(`${app.issuer}/.well-known/openid-configuration`)).json()
  jwks = createRemoteJWKSet(new URL(document.jwks_uri))
})
afterAll(() => app.close())

let clients = 0
async function register(more: Claims = {}, key?: Key): Promise<SignedRp> {
  const own = key ?? (await makeKey())
  clients += 1
  const client_id = `client-${clients}`
  await app.addClient(client_id, {
    redirect_uris: [redirect_uri],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [own.publicJwk] },
    first_party: true,
    ...more,
  })
  return createSignedRp(app.issuer, { client_id, redirect_uri, key: own })
}

async function tokensOf(rp: SignedRp, headers: Record<string, string> = {}) {
  const { code, verifier } = await rp.signIn()
  const { status, body } = await rp.post('/oauth2/token', rp.redemption(code, verifier), headers)
  expect(status, JSON.stringify(body)).toBe(200)
  return body
}

/** Whether this JWT is one of ours for this client, by this algorithm. */
async function expectSigned(jwt: string, { client_id }: SignedRp, alg: string): Promise<void> {
  await jwtVerify(jwt, jwks, { issuer: app.issuer, audience: client_id })
  expect(decodeProtectedHeader(jwt).alg).toBe(alg)
}

async function expectAnswered(path: string, rp: SignedRp, form: Record<string, string>): Promise<void> {
  const { status, body } = await rp.post(path, form)
  expect([200, 201], JSON.stringify(body)).toContain(status)
}

/** A JWT as the body of an answer. */
async function jwtFrom(response: Response, type: string): Promise<string> {
  expect([response.status, response.headers.get('content-type')]).toEqual([200, `${type}; charset=utf-8`])
  return response.text()
}

async function signedInAs(method: string): Promise<number> {
  const rp = await register({ token_endpoint_auth_method: method, jwks: undefined })
  const secret = secretOf(rp.client_id)
  const plain = createRp(app.issuer, { client_id: rp.client_id, redirect_uri })
  const { code, verifier } = await plain.signIn()
  const { client_id } = rp
  const proofs: Record<string, [form: Record<string, string>, headers?: Record<string, string>]> = {
    none: [{ client_id }],
    client_secret_post: [{ client_id, client_secret: secret }],
    client_secret_basic: [{}, { authorization: basic(client_id, secret) }],
  }
  const [form = {}, headers = {}] = proofs[method] ?? []
  const all = { ...rp.redemption(code, verifier), ...form }
  return (await postForm(`${app.issuer}/oauth2/token`, all, headers)).status
}

async function answerIn(response_mode: string): Promise<string | undefined> {
  const person = createPerson()
  const rp = createRp(app.issuer, demoSpa)
  await rp.signIn({ person })
  const went = await person.go(rp.authorizeUrl({ response_mode }).url)
  if ('left' in went) return went.left.search + went.left.hash
  const [form] = formsOf(went)
  return form ? new URLSearchParams(form.fields).toString() : /data-answer="([^"]+)"/.exec(went.html)?.[1]
}

const uses: Record<string, (value: string) => Promise<void>> = {
  async scopes_supported(scope) {
    const asked = { scope: `openid ${scope}`, prompt: 'consent' }
    const { scope: granted } = await createRp(app.issuer).tokens({ params: asked })
    expect(granted.split(' ')).toContain(scope)
  },
  async claims_supported(claim) {
    const rp = createRp(app.issuer)
    const params = {
      scope: 'openid',
      claims: JSON.stringify({ id_token: { [claim]: null }, userinfo: { [claim]: null } }),
    }
    const { id_token = '', access_token } = await rp.tokens({ params })
    const { payload } = await jwtVerify(id_token, jwks)
    const userinfo = await (await rp.userinfo(access_token)).json()
    expect(Object.keys({ ...payload, ...userinfo })).toContain(claim)
  },
  async acr_values_supported(value) {
    const claims = JSON.stringify({ id_token: { acr: { essential: true, value } } })
    const page = await createPerson().open(createRp(app.issuer).authorizeUrl({ claims }).url)
    expect([page.status, page.html]).toEqual([200, expect.stringContaining('name="email"')])
  },
  async claim_types_supported(type) {
    expect(type).toBe('normal')
  },
  async subject_types_supported(subject_type) {
    await register({ subject_type })
  },
  async response_types_supported(response_type) {
    expect((await createRp(app.issuer).signIn({ params: { response_type } })).code).toBeTruthy()
  },
  async response_modes_supported(mode) {
    expect(await answerIn(mode)).toMatch(mode.endsWith('jwt') ? /response(=|%22)/ : /code(=|%22)/)
  },
  async code_challenge_methods_supported(code_challenge_method) {
    const { code, verifier } = await createRp(app.issuer).signIn({ params: { code_challenge_method } })
    expect((await createRp(app.issuer).redeem(code, verifier)).status).toBe(200)
  },
  async grant_types_supported(grant_type) {
    const { status, body } = await createRp(app.issuer, demoWeb).post('/oauth2/token', { grant_type })
    expect([status, body.error]).not.toEqual([400, 'unsupported_grant_type'])
  },
  async ui_locales_supported(tag) {
    const { url } = createRp(app.issuer).authorizeUrl({ ui_locales: tag })
    expect((await createPerson().open(url)).html).toContain(`<html lang="${tag}"`)
  },
  async token_endpoint_auth_methods_supported(method) {
    if (method === 'private_key_jwt') await tokensOf(await register())
    else expect(await signedInAs(method)).toBe(200)
  },
  async token_endpoint_auth_signing_alg_values_supported(alg) {
    await tokensOf(await register({ token_endpoint_auth_signing_alg: alg }, await makeKey(alg)))
  },
  async request_object_signing_alg_values_supported(alg) {
    const rp = await register({ request_object_signing_alg: alg }, await makeKey(alg))
    await expectAnswered('/oauth2/par', rp, { request: await rp.requestObject(rp.request().params) })
  },
  async backchannel_authentication_request_signing_alg_values_supported(alg) {
    const more = { grant_types: [cibaGrant], redirect_uris: [] }
    const signing = { backchannel_authentication_request_signing_alg: alg }
    const rp = await register({ ...more, ...signing }, await makeKey(alg))
    const now = Math.floor(Date.now() / 1000)
    const asked = { scope: 'openid', login_hint: ada.email, iat: now, jti: alg }
    await expectAnswered('/oauth2/ciba', rp, { request: await rp.requestObject(asked) })
  },
  async backchannel_token_delivery_modes_supported(mode) {
    const ping = { backchannel_client_notification_endpoint: 'https://shop.example/ping' }
    const more = { grant_types: [cibaGrant], redirect_uris: [], backchannel_token_delivery_mode: mode }
    const rp = await register({ ...more, ...(mode === 'ping' && ping) })
    const asked = { scope: 'openid', login_hint: ada.email, client_notification_token: 'a-token-of-chance' }
    await expectAnswered('/oauth2/ciba', rp, asked)
  },
  async dpop_signing_alg_values_supported(alg) {
    const url = `${app.issuer}/oauth2/token`
    const { token_type } = await tokensOf(await register(), await dpop(await makeKey(alg), { url }))
    expect(token_type).toBe('DPoP')
  },
  async id_token_signing_alg_values_supported(alg) {
    const rp = await register({ id_token_signed_response_alg: alg })
    await expectSigned((await tokensOf(rp)).id_token ?? '', rp, alg)
  },
  async userinfo_signing_alg_values_supported(alg) {
    const rp = await register({ userinfo_signed_response_alg: alg })
    const { access_token } = await tokensOf(rp)
    const answer = await createRp(app.issuer).userinfo(access_token)
    await expectSigned(await jwtFrom(answer, 'application/jwt'), rp, alg)
  },
  async authorization_signing_alg_values_supported(alg) {
    const rp = await register({ authorization_signed_response_alg: alg })
    const { callback } = await rp.signIn({ response_mode: 'jwt' })
    await expectSigned(callback.searchParams.get('response') ?? '', rp, alg)
  },
  async introspection_signing_alg_values_supported(alg) {
    const rp = await register({ introspection_signed_response_alg: alg })
    const type = 'application/token-introspection+jwt'
    const answer = await fetch(`${app.issuer}/oauth2/introspect`, {
      method: 'POST',
      headers: { accept: type },
      body: new URLSearchParams({ ...(await rp.proof()), token: (await tokensOf(rp)).access_token }),
    })
    await expectSigned(await jwtFrom(answer, type), rp, alg)
  },
}

describe('every value in discovery is usable', () => {
  it.each(Object.keys(uses))('%s', async (member) => {
    const values = document[member] as string[]
    expect(values.length).toBeGreaterThan(0)
    for (const value of values) await uses[member]?.(value)
  })

  it('and there is no other list', () => {
    const lists = Object.keys(document).filter((member) => Array.isArray(document[member]))
    expect(lists.filter((member) => member !== 'protected_resources').sort()).toEqual(
      Object.keys(uses).sort(),
    )
  })

  it('and every endpoint is there', async () => {
    const endpoints = Object.keys(document).filter((member) => /_(endpoint|uri)$/.test(member))
    expect(endpoints.length).toBeGreaterThan(10)
    for (const member of endpoints)
      expect([member, (await fetch(String(document[member]))).status]).not.toEqual([member, 404])
  })
})

describe('what is not in discovery', () => {
  it.each([
    ['PS256 for ID tokens', { id_token_signed_response_alg: 'PS256' }],
    ['PS256 for userinfo', { userinfo_signed_response_alg: 'PS256' }],
    ['unsigned userinfo by name', { userinfo_signed_response_alg: 'none' }],
    ['subjects of another type', { subject_type: 'ephemeral' }],
  ])('cannot be registered: %s', async (_, more) => {
    await expect(register(more)).rejects.toThrow()
  })

  it.each([
    ['prompt', 'create', 'invalid_request'],
    ['response_mode', 'smoke', 'unsupported_response_mode'],
    ['response_type', 'id_token', 'unsupported_response_type'],
  ])('is refused as a %s: %s', async (name, value, error) => {
    const { url } = createRp(app.issuer).authorizeUrl({ [name]: value })
    const { search, hash } = leftOf(await createPerson().go(url))
    expect(new URLSearchParams(search || hash.slice(1)).get('error')).toBe(error)
  })
})
