// Input that no honest client sends, at the endpoints that programs use: always a 4xx in OAuth's own JSON.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { ask } from '../support/raw.ts'
import { awkward, expectRefusal, form, megabyte, post, unchanged } from '../support/refusals.ts'
import { basic, createRp } from '../support/rp.ts'

let app: TestApp
let token: string
beforeAll(async () => {
  app = await startApp()
  token = (await createRp(app.issuer).tokens()).access_token
})
afterAll(() => app.close())

const authorization = basic('demo-web', 'demo-web-secret')
const asWeb = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  post(path, body, { authorization, ...headers })

const oauthForms: [string, string][] = [
  [
    '/oauth2/token',
    'grant_type=authorization_code&redirect_uri=http%3A%2F%2Flocalhost%3A3001%2Fcallback&code_verifier=v&code=',
  ],
  ['/oauth2/token', 'grant_type=authorization_code&code=c&code_verifier=v&redirect_uri='],
  ['/oauth2/token', 'grant_type=authorization_code&code=c&redirect_uri=x&code_verifier='],
  ['/oauth2/token', 'grant_type=refresh_token&refresh_token='],
  ['/oauth2/token', 'grant_type=refresh_token&refresh_token=r&scope='],
  ['/oauth2/token', 'grant_type='],
]

describe('OAuth endpoints', () => {
  it.each(oauthForms)('%s %s… refuses awkward values', async (path, fields) => {
    await unchanged(app, async () => {
      for (const [, value] of awkward)
        expectRefusal(await ask(app.listening, asWeb(path, fields + value)), 'oauth')
    })
  })

  it.each(awkward)('a client id with %s is refused', async (_, value) => {
    const secret = 'client_secret=x&grant_type=refresh_token&refresh_token=x'
    await unchanged(app, async () => {
      for (const path of ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke']) {
        const answer = await ask(app.listening, post(path, `${secret}&token=x&client_id=${value}`))
        expectRefusal(answer, 'oauth')
      }
    })
  })

  it.each(awkward)('a resource with %s is refused', async (_, value) => {
    await unchanged(app, async () => {
      const machine = basic('demo-machine', 'demo-machine-secret')
      for (const resource of [value, `urn:demo:${value}`, `https://api.example/${value}`]) {
        const body = `grant_type=client_credentials&resource=${resource}`
        const answer = await ask(app.listening, post('/oauth2/token', body, { authorization: machine }))
        expectRefusal(answer, 'oauth')
      }
    })
  })

  it.each(awkward)('a token with %s is inactive, and revoked in vain', async (_, value) => {
    await unchanged(app, async () => {
      const introspected = await ask(app.listening, asWeb('/oauth2/introspect', `token=${value}`))
      expect([introspected.status, JSON.parse(introspected.text)]).toEqual([200, { active: false }])
      expect((await ask(app.listening, asWeb('/oauth2/revoke', `token=${value}`))).status).toBe(200)
      const headers = {
        authorization: `Bearer ${decodeURIComponent(value.replace(/%(?![0-7])/g, '%25')).replace(/[^\x21-\x7e]/g, '')}`,
      }
      const userinfo = await ask(app.listening, { path: '/oauth2/userinfo', headers })
      expectRefusal(userinfo, 'oauth')
    })
  })

  it.each([
    ['/oauth2/token', 'grant_type=refresh_token&grant_type=refresh_token&refresh_token=x'],
    ['/oauth2/token', 'grant_type=refresh_token&refresh_token=x&refresh_token=y'],
    ['/oauth2/token', 'grant_type=authorization_code&code=x&code=x&redirect_uri=x'],
    ['/oauth2/token', 'client_id=demo-web&client_id=demo-web&grant_type=refresh_token&refresh_token=x'],
    ['/oauth2/token', 'grant_type=refresh_token&refresh_token=x&scope=a&scope=b'],
    ['/oauth2/par', 'response_type=code&scope=openid&scope=email'],
    ['/oauth2/par', 'client_id=demo-web&client_id=demo-web&response_type=code'],
    ['/oauth2/introspect', 'token=a&token=b'],
    ['/oauth2/introspect', 'token=a&token_type_hint=a&token_type_hint=b'],
    ['/oauth2/revoke', 'token=a&token=b'],
    ['/oauth2/userinfo', 'scope=openid&scope=openid'],
  ])('%s refuses doubled parameters: %s', async (path, body) => {
    await unchanged(app, async () => {
      const bearer = { authorization: `Bearer ${token}` }
      const answer = await ask(
        app.listening,
        path === '/oauth2/userinfo' ? post(path, body, bearer) : asWeb(path, body),
      )
      expectRefusal(answer, 'oauth')
      expect(JSON.parse(answer.text).error).toBe('invalid_request')
    })
  })

  it.each(['/oauth2/token', '/oauth2/par', '/oauth2/introspect', '/oauth2/revoke', '/oauth2/userinfo'])(
    '%s refuses other content types and bodies that are too large',
    async (path) => {
      await unchanged(app, async () => {
        for (const type of [
          'application/json',
          'text/plain',
          'multipart/form-data; boundary=x',
          'text/html',
          '🙂',
          ';',
        ]) {
          const safe = Buffer.from(type).toString('latin1')
          expectRefusal(
            await ask(app.listening, asWeb(path, '{"token":"x"}', { 'content-type': safe })),
            'oauth',
          )
        }
        for (const charset of ['utf-16', 'nonsense', '"', 'utf-7']) {
          const type = `${form}; charset=${charset}`
          const answer = await ask(app.listening, asWeb(path, 'a=b', { 'content-type': type }))
          expectRefusal(answer, 'oauth')
        }
        const large = [
          await ask(app.listening, asWeb(path, megabyte)),
          await ask(app.listening, asWeb(path, `token=${megabyte}`, { 'transfer-encoding': 'chunked' })),
        ]
        for (const answer of large) expectRefusal(answer, 'oauth')
        expectRefusal(await ask(app.listening, asWeb(path, '', {})), 'oauth')
      })
    },
  )

  it.each([
    'Basic',
    'Basic ',
    'Basic =',
    'Basic !!!',
    `Basic ${btoa('no-colon')}`,
    `Basic ${btoa(':')}`,
    `Basic ${btoa('demo-web:')}`,
    `Basic ${btoa('demo-web:%')}`,
    `Basic ${btoa('demo-web:%00')}`,
    `Basic ${btoa('\x00:\x00')}`,
    `Basic ${btoa('%ED%A0%80:x')}`,
    `Basic ${btoa('\xff\xfe:x')}`,
    `Basic ${btoa(`${'n'.repeat(6000)}:x`)}`,
    `Basic ${btoa('demo-web:demo-web-secret')}x, Basic y`,
    'Bearer x',
    'Digest username="demo-web"',
  ])('refuses the client authentication %.40s', async (value) => {
    await unchanged(app, async () => {
      for (const path of ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke']) {
        const body = 'grant_type=client_credentials&token=x'
        expectRefusal(await ask(app.listening, post(path, body, { authorization: value })), 'oauth')
      }
    })
  })

  it('refuses two ways of authenticating at once', async () => {
    const body = 'grant_type=refresh_token&refresh_token=x&client_id=demo-web&client_secret=demo-web-secret'
    expectRefusal(await ask(app.listening, asWeb('/oauth2/token', body)), 'oauth')
  })

  it.each([
    'Bearer',
    'Bearer ',
    'Bearer  x',
    'bearer x y',
    'Basic eA==',
    'DPoP x',
    `Bearer ${'z'.repeat(9000)}`,
    'x',
  ])('userinfo refuses the header %.20s', async (value) => {
    expectRefusal(
      await ask(app.listening, { path: '/oauth2/userinfo', headers: { authorization: value } }),
      'oauth',
    )
  })

  it('ignores fields it does not know, as RFC 6749 §3.2 wants', async () => {
    const body = 'grant_type=refresh_token&refresh_token=x&unknown=1&constructor=2&toString=3&__proto__=4'
    const answer = await ask(app.listening, asWeb('/oauth2/token', body))
    expect([answer.status, JSON.parse(answer.text).error]).toEqual([400, 'invalid_grant'])
  })

  it.each([
    ['/oauth2/token', ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND']],
    ['/oauth2/introspect', ['GET', 'PUT', 'DELETE']],
    ['/oauth2/revoke', ['GET', 'PUT', 'DELETE']],
    ['/oauth2/userinfo', ['PUT', 'DELETE', 'PATCH']],
    ['/oauth2/jwks', ['POST', 'PUT', 'DELETE']],
    ['/oauth2/authorize', ['PUT', 'DELETE']],
    ['/oauth2/logout', ['PUT', 'DELETE']],
    ['/oauth2/logout/confirm', ['GET', 'PUT']],
    ['/.well-known/openid-configuration', ['POST', 'PUT', 'DELETE']],
    ['/.well-known/oauth-authorization-server', ['POST']],
  ])('%s answers %j with 405', async (path, methods) => {
    await unchanged(app, async () => {
      for (const method of methods) {
        const answer = await ask(app.listening, { method, path })
        expect([method, answer.status]).toEqual([method, 405])
        expect(answer.headers.allow).toMatch(/GET|POST/)
        if (method !== 'HEAD') expectRefusal(answer, 'oauth')
      }
    })
  })

  it('answer JSON even to somebody who would rather have a page', async () => {
    for (const path of ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke', '/oauth2/userinfo']) {
      const answer = await ask(
        app.listening,
        post(path, 'a=b', { accept: 'text/html,application/xhtml+xml' }),
      )
      expectRefusal(answer, 'oauth')
    }
  })
})
