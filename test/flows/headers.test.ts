// Goes through every page and endpoint and looks at what each answer carries besides its content (security.md §8).
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, type Page, type Person, pageOf, type Went } from '../support/browser-less.ts'
import { ada, basic, createRp, demoThirdParty, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
const answers = new Map<string, { page: Page; cacheable?: boolean; open?: boolean }>()

/** One of every page, as somebody meets them. */
async function visitPages(person: Person): Promise<void> {
  const add = (name: string, went: Went) => answers.set(`page: ${name}`, { page: pageOf(went) })
  const third = createRp(app.issuer, demoThirdParty)
  const identifier = await person.open(rp.authorizeUrl().url)
  add('identifier', identifier)
  add('identifier, empty', await person.submit(identifier, { email: '' }))
  add('password', await person.submit(identifier, { email: ada.email }))
  add(
    'password, wrong',
    await person.submit(identifier, { email: ada.email, password: 'a-wrong-guess-0001' }),
  )
  await person.submit(identifier, ada)
  add('expired', await person.open(identifier.url))
  add('consent', await person.open(third.authorizeUrl({ scope: 'openid email' }).url))
  add('form_post', await person.open(rp.authorizeUrl({ response_mode: 'form_post' }).url))
  add('sign-out question', await person.open(`${app.issuer}/oauth2/logout`))
  // Whoever still has a session is led to their account from there.
  add('signed out', await createPerson().open(`${app.issuer}/oauth2/logout/success`))
  add('error of a request', await person.go(rp.authorizeUrl({ client_id: 'nobody' }).url))
  add('error of a redirect', await person.go(rp.authorizeUrl({ redirect_uri: 'https://evil.example/' }).url))
  add('not found', await person.go(`${app.issuer}/nothing`))
  add('wrong method', await person.go(`${app.issuer}/setup`, { method: 'PUT' }))
  add(
    'cross-site',
    await person.go(`${app.issuer}/setup`, { method: 'POST', headers: { origin: 'https://evil.example' } }),
  )
  add('set-up', await person.open(`${app.issuer}/setup`))
  const { token } = await app.services.tickets.issueTicket({ purpose: 'claim' })
  add('set-up with a token', await person.open(`${app.issuer}/setup?token=${token}`))
  add('set-up with a wrong token', await person.go(`${app.issuer}/setup?token=nonsense`))
  add('mails', await person.open(`${app.issuer}/dev/mail`))
}

type Visit = { path: string; init?: RequestInit; cacheable?: boolean; open?: boolean }

async function visitEndpoints(): Promise<void> {
  const { access_token, refresh_token = '' } = await rp.tokens()
  const authorization = basic('demo-web', 'demo-web-secret')
  const post = (body: Record<string, string>): RequestInit => ({
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams(body),
  })
  const visits: Visit[] = [
    { path: '/.well-known/openid-configuration', cacheable: true, open: true },
    { path: '/.well-known/oauth-authorization-server', cacheable: true, open: true },
    { path: '/oauth2/jwks', cacheable: true, open: true },
    { path: '/oauth2/token', init: post({ grant_type: 'refresh_token', refresh_token }) },
    { path: '/oauth2/token', init: post({ grant_type: 'nonsense' }) },
    { path: '/oauth2/token' },
    { path: '/oauth2/introspect', init: post({ token: access_token }) },
    { path: '/oauth2/revoke', init: post({ token: 'x' }) },
    { path: '/oauth2/userinfo', init: { headers: { authorization: `Bearer ${access_token}` } } },
    { path: '/oauth2/userinfo' },
    { path: '/oauth2/authorize' },
    { path: new URL(rp.authorizeUrl().url).pathname + new URL(rp.authorizeUrl().url).search },
    {
      path:
        new URL(rp.authorizeUrl({ prompt: 'none' }).url).pathname +
        new URL(rp.authorizeUrl({ prompt: 'none' }).url).search,
    },
    { path: '/livez' },
    { path: '/readyz' },
    { path: '/healthz' },
    { path: '/metrics' },
    { path: '/nothing' },
    { path: '/problems/not_found' },
    { path: '/dev/mail.json' },
    {
      path: '/dev/clock',
      init: { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' },
    },
  ]
  for (const { path, init = {}, ...about } of visits) {
    const response = await fetch(app.issuer + path, { ...init, redirect: 'manual' })
    const page = {
      status: response.status,
      url: path,
      html: await response.text(),
      headers: response.headers,
    }
    answers.set(
      `${init.method ?? 'GET'} ${path.slice(0, 60)} ${JSON.stringify(init.body ? String(init.body).slice(0, 30) : '')}`,
      { page, ...about },
    )
  }
}

beforeAll(async () => {
  app = await startApp({ env: testHooks })
  rp = createRp(app.issuer)
  await visitPages(createPerson())
  await visitEndpoints()
})
afterAll(() => app.close())

const everyAnswer = () => [...answers]
const pages = () =>
  everyAnswer().filter(
    ([, { page }]) =>
      page.headers.get('content-type')?.startsWith('text/html') && !page.headers.get('location'),
  )

describe('every answer', () => {
  it('carries the headers of security.md §8', () => {
    for (const [name, { page, open = false }] of everyAnswer()) {
      const { headers } = page
      const seen = Object.fromEntries(
        [
          'x-content-type-options',
          'x-frame-options',
          'referrer-policy',
          'cross-origin-opener-policy',
          'cross-origin-resource-policy',
          'x-powered-by',
          'server',
        ].map((each) => [each, headers.get(each)]),
      )
      expect([name, seen]).toEqual([
        name,
        {
          'x-content-type-options': 'nosniff',
          'x-frame-options': 'DENY',
          'referrer-policy': 'no-referrer',
          'cross-origin-opener-policy': 'same-origin',
          'cross-origin-resource-policy': open ? 'cross-origin' : 'same-origin',
          'x-powered-by': null,
          server: null,
        },
      ])
      expect([name, headers.get('permissions-policy')]).toEqual([name, expect.stringContaining('camera=()')])
      expect([name, headers.get('x-request-id')]).toEqual([name, expect.stringMatching(/^[0-9a-f-]{36}$/)])
    }
  })

  it('is kept nowhere, but for metadata and keys', () => {
    for (const [name, { page, cacheable = false }] of everyAnswer()) {
      const kept = page.headers.get('cache-control')
      expect([name, kept]).toEqual([
        name,
        cacheable ? expect.stringMatching(/^public, max-age=[1-9]\d*$/) : 'no-store',
      ])
    }
  })

  it('has a policy that allows nothing which is not named', () => {
    for (const [name, { page }] of everyAnswer()) {
      const policy = page.headers.get('content-security-policy') ?? ''
      for (const directive of ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]) {
        expect([name, policy]).toEqual([name, expect.stringContaining(directive)])
      }
      const loose = /unsafe|\*|https?:\/\/(?!localhost:3001[; ]|localhost:3001$)/.test(policy)
      expect([name, policy, loose]).toEqual([name, policy, false])
      expect([name, /form-action ('none'|'self')/.test(policy)]).toEqual([name, true])
    }
  })

  it('says that it is JSON where it is, and a sandbox keeps browsers from showing it as more', () => {
    for (const [name, { page }] of everyAnswer()) {
      const type = page.headers.get('content-type')
      if (!type?.includes('json')) continue
      expect(() => JSON.parse(page.html)).not.toThrow()
      expect([name, page.headers.get('content-security-policy')]).toEqual([
        name,
        expect.stringContaining('sandbox'),
      ])
    }
  })
})

describe('every page', () => {
  it('was met', () => {
    expect(pages().length).toBeGreaterThanOrEqual(19)
  })

  it('names its language and direction, has one h1 and one main, and a title', () => {
    for (const [name, { page }] of pages()) {
      const count = (pattern: RegExp) => page.html.match(pattern)?.length ?? 0
      expect([name, /^<!doctype html>\n<html lang="en" dir="ltr">/.test(page.html)]).toEqual([name, true])
      expect([name, count(/<h1[ >]/g), count(/<main[ >]/g), count(/<title>[^<]+<\/title>/g)]).toEqual([
        name,
        1,
        1,
        1,
      ])
    }
  })

  it('brings neither script nor style of its own, nor anything of others', () => {
    for (const [name, { page }] of pages()) {
      const inline = page.html.match(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:/gi)
      expect([name, inline]).toEqual([name, null])
      const loaded = [
        ...page.html.matchAll(/<(?:script|link|img|iframe)\b[^>]*?(?:src|href)="([^"]+)"/g),
      ].map(([, url]) => url)
      for (const url of loaded) expect([name, url]).toEqual([name, expect.stringMatching(/^\/assets\//)])
    }
  })

  it('loads assets that are there and can be kept forever', async () => {
    const urls = new Set(pages().flatMap(([, { page }]) => page.html.match(/\/assets\/[^"]+/g) ?? []))
    expect(urls.size).toBeGreaterThanOrEqual(3)
    for (const url of urls) {
      const answer = await fetch(app.issuer + url)
      expect([url, answer.status, answer.headers.get('cache-control')]).toEqual([
        url,
        200,
        'public, max-age=31536000, immutable',
      ])
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      await answer.arrayBuffer()
    }
  })

  it('has inputs that tell password managers what they are, and never "off"', () => {
    for (const [name, { page }] of pages()) {
      const inputs = page.html.match(/<input\b[^>]*>/g) ?? []
      for (const input of inputs.filter((each) => !/type="hidden"/.test(each))) {
        expect([name, input]).toEqual([name, expect.stringMatching(/autocomplete="(?!off)[a-z -]+"/)])
      }
    }
  })
})
