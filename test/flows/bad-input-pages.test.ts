// Input that no honest browser sends, at the pages and everywhere else: always a 4xx that says what is wrong.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { ask, type RawAsk, sendBytes } from '../support/raw.ts'
import { awkward, expectRefusal, form, internals, megabyte, post, unchanged } from '../support/refusals.ts'
import { createRp } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
})
afterAll(() => app.close())

const fromPage = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  post(path, body, { accept: 'text/html', origin: app.issuer, ...headers })

describe('the authorization endpoint', () => {
  const authorize = (query: string): RawAsk => ({
    path: `/oauth2/authorize?${query}`,
    headers: { accept: 'text/html' },
  })

  it.each(awkward)(
    'shows a page for a client id, a redirect_uri and everything else with %s',
    async (_, value) => {
      await unchanged(app, async () => {
        for (const query of [
          `client_id=${value}`,
          `client_id=demo-web&redirect_uri=${value}&response_type=code&scope=openid`,
          `client_id=demo-web${value}&redirect_uri=http%3A%2F%2Flocalhost%3A3001%2Fcallback`,
          `${value}=${value}`,
          value,
        ]) {
          expectRefusal(await ask(app.listening, authorize(query)), 'page')
        }
      })
    },
  )

  it.each([
    'state',
    'nonce',
    'scope',
    'resource',
    'prompt',
    'max_age',
    'claims',
    'login_hint',
    'id_token_hint',
    'ui_locales',
    'acr_values',
    'response_mode',
    'code_challenge',
    'display',
  ])('answers an awkward %s without failing, and leaves for nowhere but the client', async (name) => {
    const base =
      'client_id=demo-web&redirect_uri=http%3A%2F%2Flocalhost%3A3001%2Fcallback&response_type=code&scope=openid' +
      '&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256'
    for (const [, value] of awkward) {
      const answer = await ask(
        app.listening,
        authorize(`${base.replace(new RegExp(`&?${name}=[^&]*`), '')}&${name}=${value}`),
      )
      expect(answer.status, `${name}=${value.slice(0, 20)} ${answer.text}`).toBeLessThan(500)
      expect(answer.text).not.toMatch(internals)
      const { location } = answer.headers
      if (location)
        expect(location).toMatch(/^(\/interaction\/[\w-]+$|http:\/\/localhost:3001\/callback[?#])/)
    }
  })

  it('refuses doubled parameters, naming them', async () => {
    const base =
      'client_id=demo-web&redirect_uri=http%3A%2F%2Flocalhost%3A3001%2Fcallback&response_type=code&scope=openid'
    await unchanged(app, async () => {
      for (const name of ['state', 'scope', 'nonce', 'code_challenge', 'prompt', 'response_type']) {
        const { headers } = await ask(app.listening, authorize(`${base}&${name}=a&${name}=b`))
        expect(headers.location).toMatch(/^http:\/\/localhost:3001\/callback[?#]error=invalid_request/)
      }
      for (const name of ['client_id', 'redirect_uri']) {
        expectRefusal(
          await ask(app.listening, authorize(`${base}&${name}=http%3A%2F%2Fevil.example`)),
          'page',
        )
      }
    })
  })

  it('refuses a posted request that is too large, or no form', async () => {
    await unchanged(app, async () => {
      expectRefusal(await ask(app.listening, fromPage('/oauth2/authorize', megabyte)), 'page')
      expectRefusal(
        await ask(app.listening, fromPage('/oauth2/authorize', Buffer.from([0xff, 0x00]))),
        'page',
      )
      expectRefusal(
        await ask(app.listening, fromPage('/oauth2/authorize', '{}', { 'content-type': 'application/json' })),
        'page',
      )
    })
  })
})

describe('pages with a form', () => {
  const paths = [
    '/interaction/unknown/identifier',
    '/interaction/unknown/password',
    '/interaction/unknown/consent',
    '/interaction/unknown/restart',
    '/setup',
    '/invitation',
    '/oauth2/logout/confirm',
  ]
  it.each(paths)('%s refuses what browsers do not send', async (path) => {
    await unchanged(app, async () => {
      const bodies: (string | Buffer)[] = [
        ...awkward
          .filter(([name]) => !['a very long text', 'quotes and markup'].includes(name))
          .map(([, value]) => `email=${value}&token=${value}&xsrf=${value}`),
        'email=a&email=b',
        'password=a&password=a&token=x',
        '__proto__=x',
        Buffer.from([0x65, 0x3d, 0xff, 0xfe]),
        megabyte,
      ]
      for (const body of bodies) expectRefusal(await ask(app.listening, fromPage(path, body)), 'page')
      for (const type of [
        'application/json',
        'text/plain',
        'multipart/form-data; boundary=x',
        `${form}; charset=utf-16`,
      ]) {
        expectRefusal(
          await ask(app.listening, fromPage(path, '{"email":"x"}', { 'content-type': type })),
          'page',
        )
      }
    })
  })

  it.each(['unknown', '%00', '%FF', '..%2f..', 'x'.repeat(4000), '%22%3E%3Cscript%3E'])(
    'an interaction called %.20s is a page that says it is over',
    async (uid) => {
      await unchanged(app, async () => {
        const answer = await ask(app.listening, {
          path: `/interaction/${uid}`,
          headers: { accept: 'text/html' },
        })
        expect([400, 404, 410]).toContain(answer.status)
        expect(answer.text).not.toContain('<script>')
        expect(answer.text).not.toMatch(internals)
      })
    },
  )

  it.each([
    ['/interaction/unknown', ['POST', 'PUT', 'DELETE', 'PATCH']],
    ['/interaction/unknown/identifier', ['GET', 'PUT']],
    ['/interaction/unknown/restart', ['GET', 'DELETE']],
    ['/interaction/unknown/password', ['GET', 'PUT', 'DELETE']],
    ['/interaction/unknown/consent', ['GET', 'PUT']],
    ['/setup', ['PUT', 'DELETE', 'PATCH']],
    ['/invitation', ['PUT', 'DELETE', 'PATCH']],
    ['/livez', ['POST', 'DELETE']],
    ['/readyz', ['POST']],
    ['/metrics', ['POST']],
  ])('%s answers %j with 405', async (path, methods) => {
    for (const method of methods) {
      const answer = await ask(app.listening, { method, path, headers: { origin: app.issuer } })
      expect([method, answer.status]).toEqual([method, 405])
      expect(answer.headers.allow).toBeTruthy()
    }
  })
})

describe('everything else', () => {
  it('that is not there is a problem for programs and a page for people', async () => {
    for (const path of [
      '/nothing',
      '/oauth2/nothing',
      '/oauth2/registration',
      '/api/v2/users',
      '/%00',
      '/..%2f',
      '//evil.example/x',
      '/assets/../package.json',
    ]) {
      expectRefusal(await ask(app.listening, { path }), 'problem')
      expectRefusal(await ask(app.listening, { path, headers: { accept: 'text/html' } }), 'page')
      expectRefusal(await ask(app.listening, { method: 'POST', path, body: megabyte }), 'problem')
    }
  })

  it('the clock takes numbers only', async () => {
    const bodies = [
      '',
      '{}',
      '[]',
      'null',
      '"1"',
      '{"advance_seconds":"1"}',
      '{"advance_seconds":-1}',
      '{"advance_seconds":1e400}',
      '{"advance_seconds":null}',
      '{"advance_seconds":1,"advance_seconds":2}',
      '{"advance_seconds":1,"more":2}',
      '{"__proto__":{},"advance_seconds":1}',
      '{"advance_seconds":1',
      '['.repeat(10_000),
      '"\\ud800"',
      megabyte,
    ]
    const before = app.services.clock.offset()
    for (const body of bodies) {
      const asked = {
        method: 'POST',
        path: '/dev/clock',
        body,
        headers: { 'content-type': 'application/json' },
      }
      expectRefusal(await ask(app.listening, asked), 'problem')
    }
    expectRefusal(await ask(app.listening, post('/dev/clock', 'advance_seconds=1')), 'problem')
    expect(app.services.clock.offset()).toBe(before)
  })

  it('an absolute target counts as its host', async () => {
    const evil = ['/oauth2/jwks', '/oauth2/authorize?client_id=demo-web', '/setup']
    for (const path of evil) {
      expect((await ask(app.listening, { path: `http://evil.example${path}` })).status).toBe(421)
      expect(
        (await ask(app.listening, { path: `${app.issuer}${path}`, headers: { host: 'evil.example' } }))
          .status,
      ).not.toBe(421)
    }
    for (const path of [
      'http://',
      'http:///x',
      'x',
      '*',
      'ftp://x/',
      `http://${app.issuer.slice(7)}@evil.example/setup`,
    ]) {
      const answer = await ask(app.listening, { path, method: path === '*' ? 'OPTIONS' : 'GET' })
      expect([path, answer.status >= 400 && answer.status < 500]).toEqual([path, true])
    }
  })

  it.each([
    'evil.example',
    'localhost',
    'localhost:1',
    'LOCALHOST.',
    'localhost@evil.example',
    '[::1]',
    'a b',
    '',
  ])('the host %j is not served', async (host) => {
    for (const path of [
      '/oauth2/jwks',
      '/.well-known/openid-configuration',
      '/oauth2/userinfo',
      '/setup',
      '/dev/mail.json',
    ]) {
      const answer = await ask(app.listening, { path, headers: { host } })
      expect([path, answer.status]).toEqual([path, host === 'a b' ? answer.status : 421])
      expect(answer.status).toBeLessThan(500)
    }
  })

  it('forged proxy headers change nothing', async () => {
    const plain = await ask(app.listening, { path: '/.well-known/openid-configuration' })
    const headers = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': `a, b, ::, 1.2.3.4:80, <script>, ${'1.1.1.1,'.repeat(200)}`,
      forwarded: 'for=1;host=evil.example;proto=https',
      'x-original-url': '/setup',
      'x-rewrite-url': '/setup',
      'x-http-method-override': 'DELETE',
    }
    expect((await ask(app.listening, { path: '/.well-known/openid-configuration', headers })).text).toBe(
      plain.text,
    )
    const page = await ask(app.listening, {
      path: '/oauth2/logout/success',
      headers: { ...headers, accept: 'text/html' },
    })
    expect([page.status, page.text.includes('evil.example')]).toEqual([200, false])
    expect(page.headers['strict-transport-security']).toBeUndefined()
  })

  it('what is not even HTTP is refused and the connection closed', async () => {
    const requests = [
      'GET / HTTP/1.1\r\n\r\n',
      'GET / HTTP/9.9\r\nHost: x\r\n\r\n',
      'BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n',
      `GET /?${'q'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'h'.repeat(20_000)}\r\n\r\n`,
      'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nBad\x00Name: y\r\n\r\n',
      'POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      'POST /oauth2/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      '\r\n\r\n\r\n',
    ]
    await unchanged(app, async () => {
      for (const bytes of requests) {
        const text = await sendBytes(app.listening, Buffer.from(bytes, 'latin1'))
        expect([bytes.slice(0, 40), /^(HTTP\/1\.1 4\d\d |$)/.test(text)]).toEqual([bytes.slice(0, 40), true])
        expect(text).not.toMatch(internals)
      }
    })
    expect((await fetch(`${app.issuer}/livez`)).status).toBe(200)
  })
})

describe('what a person who is signed in asks for', () => {
  it('is refused when it cannot be kept, and fails nowhere', async () => {
    const { person } = await createRp(app.issuer).signIn()
    const rp = createRp(app.issuer)
    const claims = [
      '{"userinfo":{"na\\u0000me":null}}',
      '{"id_token":{"name":{"value":"\\ud800"}}}',
      '{"userinfo":{"__proto__":null,"constructor":null}}',
      `{"userinfo":{${'"x":null,'.repeat(500)}"y":null}}`,
      `${'{"userinfo":'.repeat(200)}{}${'}'.repeat(200)}`,
      '{"userinfo":{"name":{"value":1e999}}}',
      '{"userinfo":{"name":{"values":[[[[]]]]}}}',
    ]
    const asked: Record<string, string>[] = [
      ...claims.map((each) => ({ claims: each })),
      { nonce: '\0' },
      { nonce: '\ud800' },
      { state: '\0' },
      { nonce: 'n'.repeat(9000) },
      { scope: `openid ${'s'.repeat(5000)}` },
      { resource: 'urn:demo:quests\0' },
      { acr_values: '\0' },
      { ui_locales: '\0 x' },
    ]
    for (const params of asked) {
      const response = await person.request(rp.authorizeUrl(params).url)
      expect([params, response.status < 500]).toEqual([params, true])
      expect(await response.text()).not.toMatch(internals)
      const location = response.headers.get('location')
      if (location) expect(location).toMatch(/^(\/interaction\/|http:\/\/localhost:3001\/callback[?#])/)
    }
  })
})
