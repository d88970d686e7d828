// What may be asked for at the authorization endpoint, and how its answers come back.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, formsOf, leftOf, pageOf, type Went } from '../support/browser-less.ts'
import {
  ada,
  createRp,
  demoSpa,
  demoThirdParty,
  demoWeb,
  grace,
  type Rp,
  type RpClient,
} from '../support/rp.ts'

let app: TestApp
let rp: Rp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

const errorOf = (went: Went) => leftOf(went).searchParams.get('error')
const authTimeOf = (token: string | undefined) => Number(decodeJwt(token ?? '').auth_time)

describe('prompt', () => {
  it('none is answered by an error while nobody is signed in, and by a code afterwards', async () => {
    const person = createPerson()
    const { url, state } = rp.authorizeUrl({ prompt: 'none' })
    const refused = leftOf(await person.go(url))
    expect(Object.fromEntries(refused.searchParams)).toEqual({
      error: 'login_required',
      error_description: expect.any(String),
      state,
      iss: app.issuer,
    })
    await rp.signIn({ person })
    expect(leftOf(await person.go(url)).searchParams.get('code')).toMatch(/^[\w-]{43}$/)
  })

  it('none never shows consent to a third party either', async () => {
    const person = createPerson()
    await rp.signIn({ person })
    const third = createRp(app.issuer, demoThirdParty)
    const silent = third.authorizeUrl({ prompt: 'none', scope: 'openid email' })
    expect(errorOf(await person.go(silent.url))).toBe('consent_required')
    await third.signIn({ person, params: { scope: 'openid email' } })
    expect(leftOf(await person.go(silent.url)).searchParams.get('code')).toBeTruthy()
    const more = third.authorizeUrl({ prompt: 'none', scope: 'openid email phone' })
    expect(errorOf(await person.go(more.url))).toBe('consent_required')
  })

  it('login asks again, and the time of authentication is the new one', async () => {
    const person = createPerson()
    const first = await rp.tokens({ person, params: { max_age: '3600' } })
    await app.advance(30)
    const { url } = rp.authorizeUrl({ prompt: 'login' })
    expect(pageOf(await person.go(url)).html).toContain('name="email"')
    const second = await rp.tokens({ person, params: { prompt: 'login', max_age: '3600' } })
    expect(authTimeOf(second.id_token) - authTimeOf(first.id_token)).toBeGreaterThanOrEqual(30)
  })

  it('consent asks even the owner’s own app', async () => {
    const person = createPerson()
    await rp.signIn({ person })
    const page = pageOf(await person.go(rp.authorizeUrl({ prompt: 'consent' }).url))
    expect(formsOf(page)[0]?.buttons.slice(0, 2)).toMatchObject([
      { name: 'decision', value: 'allow' },
      { name: 'decision', value: 'deny' },
    ])
    expect(leftOf(await person.submit(page)).searchParams.get('code')).toBeTruthy()
  })

  it.each(['none login', 'everything'])('%s is refused', async (prompt) => {
    expect(errorOf(await createPerson().go(rp.authorizeUrl({ prompt }).url))).toBe('invalid_request')
  })
})

describe('max_age', () => {
  it('asks again once the sign-in is older', async () => {
    const person = createPerson()
    const first = await rp.tokens({ person, params: { max_age: '60' } })
    const { url } = rp.authorizeUrl({ max_age: '60' })
    expect(leftOf(await person.go(url)).searchParams.get('code')).toBeTruthy()
    await app.advance(65)
    expect(pageOf(await person.go(url)).html).toContain('name="email"')
    const again = await rp.tokens({ person, params: { max_age: '60' } })
    expect(authTimeOf(again.id_token)).toBeGreaterThan(authTimeOf(first.id_token))
  })

  it('0 asks every time', async () => {
    const person = createPerson()
    await rp.signIn({ person })
    await app.advance(1)
    expect(pageOf(await person.go(rp.authorizeUrl({ max_age: '0' }).url)).html).toContain('name="email"')
  })

  it.each(['-1', 'soon', '1.5'])('%s is refused', async (max_age) => {
    expect(errorOf(await createPerson().go(rp.authorizeUrl({ max_age }).url))).toBe('invalid_request')
  })
})

describe('hints', () => {
  it('login_hint fills the field and nothing else', async () => {
    const page = pageOf(
      await createPerson().go(rp.authorizeUrl({ login_hint: 'grace@example.test"><b>' }).url),
    )
    expect(formsOf(page)[0]?.fields.email).toBe('grace@example.test"><b>')
    expect(page.html).not.toContain('"><b>')
  })

  it('id_token_hint of another person asks who it is', async () => {
    const { id_token } = await rp.tokens({ who: grace })
    const person = createPerson()
    await rp.signIn({ person, who: ada })
    const hinted = rp.authorizeUrl({ id_token_hint: id_token, prompt: 'none' })
    expect(errorOf(await person.go(hinted.url))).toBe('login_required')
  })

  it('id_token_hint that nobody here signed is refused', async () => {
    const { url } = rp.authorizeUrl({ id_token_hint: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.' })
    expect(errorOf(await createPerson().go(url))).toBe('invalid_request')
  })
})

describe('response_mode', () => {
  it('fragment puts the answer behind the #', async () => {
    const { url, state } = rp.authorizeUrl({ response_mode: 'fragment' })
    const left = await rp.walk(createPerson(), url)
    expect(left.search).toBe('')
    expect(Object.fromEntries(new URLSearchParams(left.hash.slice(1)))).toEqual({
      code: expect.any(String),
      state,
      iss: app.issuer,
    })
  })

  it('form_post shows a page that posts to the client, and whose policy lets it', async () => {
    const person = createPerson()
    await rp.signIn({ person })
    const { url, state, verifier } = rp.authorizeUrl({ response_mode: 'form_post' })
    const page = pageOf(await person.go(url))
    expect(page.status).toBe(200)
    expect(page.html).toMatch(/<html lang="en" dir="ltr">[\s\S]*<main[\s\S]*<h1>[\s\S]*<\/main>/)
    const [form] = formsOf(page)
    expect(form?.action).toBe(demoWeb.redirect_uri)
    expect(form?.fields).toEqual({ code: expect.any(String), state, iss: app.issuer })
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("form-action 'self' http://localhost:3001;")
    expect(policy).toContain("script-src 'self';")
    expect(page.html).not.toMatch(/<script>/)
    // Browsers that know no modules send it by themselves, too
    expect(page.html).toMatch(/<script defer src="\/assets\/return\.[\da-f]+\.js">/)
    expect((await rp.redeem(form?.fields.code ?? '', verifier)).status).toBe(200)
  })

  it('form_post posts errors as well', async () => {
    const { url, state } = rp.authorizeUrl({ response_mode: 'form_post', prompt: 'none' })
    const [form] = formsOf(pageOf(await createPerson().go(url)))
    expect(form?.fields).toMatchObject({ error: 'login_required', state, iss: app.issuer })
  })

  it('form_post escapes what the client sent', async () => {
    const state = '"><script>alert(1)</script>'
    const { url } = rp.authorizeUrl({ response_mode: 'form_post', prompt: 'none', state })
    const page = pageOf(await createPerson().go(url))
    expect(page.html).not.toContain('<script>alert')
    expect(formsOf(page)[0]?.fields.state).toContain('alert(1)')
  })

  it('of an unknown kind is not served', async () => {
    expect(errorOf(await createPerson().go(rp.authorizeUrl({ response_mode: 'pigeon' }).url))).toBe(
      'unsupported_response_mode',
    )
  })
})

describe('redirect_uri', () => {
  it.each([
    ['another path', 'http://localhost:3001/callback/'],
    ['another port', 'http://localhost:3002/callback'],
    ['another host', 'http://127.0.0.1:3001/callback'],
    ['another scheme', 'https://localhost:3001/callback'],
    ['upper case', 'http://LOCALHOST:3001/callback'],
    ['a query', 'http://localhost:3001/callback?x=1'],
    ['a fragment', 'http://localhost:3001/callback#x'],
    ['a user', 'http://user@localhost:3001/callback'],
    ['a host behind @', 'http://localhost:3001@evil.example/callback'],
    ['an encoded path', 'http://localhost:3001/%63allback'],
    ['a dotted path', 'http://localhost:3001/x/../callback'],
    ['a path with a backslash', 'http://localhost:3001\\callback'],
    ['a space', 'http://localhost:3001/callback '],
    ['script', 'javascript:alert(1)'],
    ['nothing', ''],
  ])('with %s shows an error page and leads nowhere', async (_, redirect_uri) => {
    const response = await createPerson().request(rp.authorizeUrl({ redirect_uri }).url)
    expect(response.status).toBe(400)
    expect(response.headers.get('location')).toBeNull()
    const html = await response.text()
    expect(html).toMatch(/invalid_redirect_uri|invalid_request/)
    expect(html).not.toContain('evil.example"')
  })

  it('of a native app may have any port on loopback, and nothing else of it may differ', async () => {
    const native = (redirect_uri: string) => createRp(app.issuer, { client_id: 'demo-native', redirect_uri })
    for (const port of [80, 1024, 49_152, 65_535]) {
      const here = native(`http://127.0.0.1:${port}/callback`)
      const { code, verifier, callback } = await here.signIn()
      expect(callback.host).toBe(port === 80 ? '127.0.0.1' : `127.0.0.1:${port}`)
      expect((await here.redeem(code, verifier)).status).toBe(200)
    }
    for (const uri of [
      'http://localhost:49152/callback',
      'http://127.0.0.2:49152/callback',
      'http://127.0.0.1:49152/other',
      'https://127.0.0.1:49152/callback',
      'http://127.0.0.1.evil.example/callback',
      'http://127.0.0.1:49152@evil.example/callback',
    ]) {
      const response = await createPerson().request(native(uri).authorizeUrl().url)
      expect([uri, response.status, response.headers.get('location')]).toEqual([uri, 400, null])
      await response.arrayBuffer()
    }
  })

  it('at the token endpoint must be the one of the request, port included', async () => {
    const uri = 'http://127.0.0.1:50001/callback'
    const native = createRp(app.issuer, { client_id: 'demo-native', redirect_uri: uri })
    const { code, verifier } = await native.signIn()
    const refused = await native.redeem(code, verifier, { redirect_uri: 'http://127.0.0.1:50002/callback' })
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })
})

describe('a request that cannot be answered', () => {
  it.each([
    ['an unknown client', { client_id: 'nobody' }, 'invalid_client'],
    ['no client', { client_id: undefined }, 'invalid_request'],
  ])('because of %s shows an error page', async (_, params, error) => {
    const page = pageOf(await createPerson().go(rp.authorizeUrl(params).url))
    expect(page.status).toBe(400)
    expect(page.html).toContain(error)
    expect(page.html).toMatch(/Reference<\/dt><dd><code[^>]*>[0-9a-f-]{36}</)
  })

  it.each([
    ['the implicit flow', { response_type: 'token' }, 'unsupported_response_type'],
    ['the hybrid flow', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['no response_type', { response_type: undefined }, 'invalid_request'],
    ['claims that are no JSON', { claims: '{' }, 'invalid_request'],
    ['claims of another shape', { claims: '{"userinfo":[]}' }, 'invalid_request'],
    ['an unsigned request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'invalid_request_object'],
    ['a request_uri', { request_uri: 'https://app.example/request' }, 'request_uri_not_supported'],
    ['an unknown API', { resource: 'urn:nobody' }, 'invalid_target'],
    ['an API that is closed to it', { resource: 'MANAGEMENT' }, 'invalid_target'],
    ['a resource that is no URI', { resource: 'quests' }, 'invalid_target'],
    ['a scope with characters outside the alphabet', { scope: 'openid "' }, 'invalid_scope'],
  ])('because of %s tells the client so', async (_, params, error) => {
    const fixed = {
      ...params,
      ...('resource' in params && params.resource === 'MANAGEMENT' && { resource: `${app.issuer}/api/v1` }),
    }
    const { url, state } = rp.authorizeUrl(fixed)
    const left = leftOf(await createPerson().go(url))
    expect(left.origin + left.pathname).toBe(demoWeb.redirect_uri)
    const answer = new URLSearchParams(left.search || left.hash.slice(1))
    expect(Object.fromEntries(answer)).toMatchObject({ error, state, iss: app.issuer })
  })

  it('ignores parameters it does not know', async () => {
    const { callback } = await rp.signIn({ params: { utm_source: 'mail', __proto__x: '1' } })
    expect(callback.searchParams.get('code')).toBeTruthy()
  })
})

describe('POST to the authorization endpoint', () => {
  it('does what GET does (OIDC Core §3.1.2.1)', async () => {
    const person = createPerson()
    await rp.signIn({ person })
    const { url, state } = rp.authorizeUrl()
    const { search, origin, pathname } = new URL(url)
    const went = await person.go(origin + pathname, { method: 'POST', body: new URLSearchParams(search) })
    expect(leftOf(went).searchParams.get('state')).toBe(state)
    expect(leftOf(went).searchParams.get('code')).toBeTruthy()
  })
})

describe('deny', () => {
  const places: [string, RpClient][] = [
    ['on the sign-in page', demoSpa],
    ['on the consent page', demoThirdParty],
  ]
  it.each(places)('%s sends access_denied and leaves nothing behind', async (_, client) => {
    const asking = createRp(app.issuer, client)
    const person = createPerson()
    const { url, state } = asking.authorizeUrl({ scope: 'openid email' })
    let page = pageOf(await person.go(url))
    if (client === demoThirdParty) {
      page = pageOf(await person.submit(page, ada))
      expect(page.html).toContain('value="allow"')
    }
    const left = leftOf(await person.submit(page, {}, { button: { name: 'decision', value: 'deny' } }))
    expect(left.origin + left.pathname).toBe(client.redirect_uri)
    expect(Object.fromEntries(left.searchParams)).toMatchObject({
      error: 'access_denied',
      state,
      iss: app.issuer,
    })
    expect(left.searchParams.has('code')).toBe(false)
  })
})
