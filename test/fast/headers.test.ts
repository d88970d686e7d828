// Security headers, names of cookies, and who may post.
import { describe, expect, it } from 'vitest'
import { cookiePolicy } from '../../src/web/cookies.ts'
import { sameOriginPosts } from '../../src/web/csrf.ts'
import { allowCrossOrigin, originOf, pageHeaders } from '../../src/web/headers.ts'
import { startEdge } from '../support/edge.ts'

const https = { NODE_ENV: 'production', FOYER_REGISTRATION: 'closed', FOYER_ISSUER: 'https://id.example.com' }

async function headersOf(path: string, env: Record<string, string> = {}, plain = false) {
  const edge = await startEdge({
    env,
    plain,
    routes: (app) =>
      app.use((ctx) => {
        if (ctx.path === '/json') ctx.body = { ok: true }
        if (ctx.path === '/jwks') {
          allowCrossOrigin(ctx)
          ctx.set('Cache-Control', 'public, max-age=300')
          ctx.body = { keys: [] }
        }
        if (ctx.path === '/page') {
          const evil = [
            'https://evil.example;script-src',
            'https://a.example,https:',
            "'unsafe-inline'",
            'https:',
          ]
          const formAction = ['https://app.example.com', 'com.example.app:', ...evil]
          pageHeaders(ctx, { formAction, frameSrc: evil })
          ctx.type = 'html'
          ctx.body = '<h1>Hello</h1>'
        }
        if (ctx.path === '/throws') throw new Error('no')
      }),
  })
  try {
    return (await edge.ask(path)).headers
  } finally {
    await edge.close()
  }
}

describe('security headers', () => {
  it.each(['/json', '/page', '/nothing', '/throws'])('are on %s', async (path) => {
    const headers = await headersOf(path, https)
    expect(headers).toMatchObject({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'strict-transport-security': 'max-age=63072000; includeSubDomains',
      'cache-control': 'no-store',
    })
    expect(headers['permissions-policy']).toContain('camera=()')
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(headers['content-security-policy']).toContain("base-uri 'none'")
    expect(headers['content-security-policy']).not.toContain('unsafe')
    expect(headers).not.toHaveProperty('x-powered-by')
  })

  it.each(['/json', '/jwks', '/page', '/throws'])(
    'are the same on %s from a server that is not ours',
    async (path) => {
      const [ours, others] = [await headersOf(path, https), await headersOf(path, https, true)]
      for (const headers of [ours, others]) {
        delete headers['x-request-id']
        delete headers.date
      }
      expect(ours).toEqual(others)
    },
  )

  it('let a page load its own script and style and post to itself and the app', async () => {
    expect((await headersOf('/page'))['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
        "form-action 'self' https://app.example.com com.example.app:; frame-ancestors 'none'; base-uri 'none'",
    )
  })

  it('let data do nothing', async () => {
    expect((await headersOf('/json'))['content-security-policy']).toBe(
      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
    )
  })

  it('promise https only where there is https', async () => {
    expect(await headersOf('/json')).not.toHaveProperty('strict-transport-security')
  })

  it('leave caching and other origins to who answers', async () => {
    expect(await headersOf('/jwks')).toMatchObject({
      'cache-control': 'public, max-age=300',
      'cross-origin-resource-policy': 'cross-origin',
    })
  })
})

describe('the origin for form-action', () => {
  it.each([
    ['https://app.example.com/callback?x=1', 'https://app.example.com'],
    ['http://localhost:3001/callback', 'http://localhost:3001'],
    ['http://127.0.0.1/callback', 'http://127.0.0.1'],
    ['com.example.app:/callback', 'com.example.app:'],
    ['com.example.app://host/callback', 'com.example.app:'],
  ])('of %s is %s', (redirectUri, expected) => {
    expect(originOf(redirectUri)).toBe(expected)
  })
})

describe('cookies', () => {
  it('are bare on http loopback', () => {
    const policy = cookiePolicy({ insecureIssuer: true })
    expect(policy.secure).toBe(false)
    expect(policy.name('session', 'host')).toBe('session')
    expect(policy.name('interaction', 'path')).toBe('interaction')
  })

  it('are Secure and prefixed everywhere else', () => {
    const policy = cookiePolicy({ insecureIssuer: false })
    expect(policy.secure).toBe(true)
    expect(policy.name('session', 'host')).toBe('__Host-session')
    expect(policy.name('interaction', 'path')).toBe('__Secure-interaction')
  })
})

describe('a post', () => {
  const own = 'http://localhost:PORT'
  it.each([
    ['from our own page', { 'sec-fetch-site': 'same-origin' }, 200],
    ['from our own page that sends no referrer', { 'sec-fetch-site': 'same-origin', origin: 'null' }, 200],
    ['typed or reloaded by the person', { 'sec-fetch-site': 'none' }, 200],
    ['from another site', { 'sec-fetch-site': 'cross-site', cookie: 'foyer_interaction=1' }, 403],
    [
      'from the same site on another port',
      { 'sec-fetch-site': 'same-site', cookie: 'foyer_interaction=1' },
      403,
    ],
    ['with our origin', { origin: own }, 200],
    ['with another origin', { origin: 'https://evil.example', cookie: 'foyer_interaction=1' }, 403],
    ['with our origin as a prefix', { origin: `${own}.evil.example` }, 403],
    ['with our page as referer', { referer: `${own}/interaction/x` }, 200],
    [
      'with another page as referer',
      { referer: 'https://evil.example/', cookie: 'foyer_interaction=1' },
      403,
    ],
    ['with a referer that is none', { referer: 'nonsense', cookie: 'foyer_interaction=1' }, 403],
    ['that tells nothing but brings the cookie', { cookie: 'foyer_interaction=1' }, 200],
    ['that tells nothing and brings another cookie', { cookie: 'other=1' }, 403],
    ['that tells nothing', {}, 403],
  ])('%s is answered as it should be', async (_, given, status) => {
    const edge = await startEdge({
      routes: (app, config) => {
        app.use(sameOriginPosts({ issuer: config.issuer, cookies: ['foyer_interaction'] }))
        app.use((ctx) => {
          ctx.body = 'done'
        })
      },
    })
    const headers = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, String(value).replace(own, edge.origin)]),
    )
    const answer = await edge.ask('/', { method: 'POST', headers })
    const read = await edge.ask('/')
    await edge.close()
    expect(answer.status).toBe(status)
    if (status === 403) expect(answer.json()).toMatchObject({ code: 'cross_origin_request' })
    expect(read.status).toBe(200)
  })
})
