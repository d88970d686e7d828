// More than four hundred addresses that are nearly a registered one, wherever a request says where the browser goes
// next: none of them is gone to, and each of them is answered.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { createRp, type Rp } from '../support/rp.ts'
import { postForm } from '../support/signed-rp.ts'
import { registered, strangeRedirects } from '../support/strange-redirects.ts'

const nativeUri = 'http://127.0.0.1/callback'

let app: TestApp
let rp: Rp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  await app.addClient('app', {
    redirect_uris: [registered],
    post_logout_redirect_uris: [registered],
    first_party: true,
  })
  await app.addClient('installed', {
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: [nativeUri],
    post_logout_redirect_uris: [nativeUri],
  })
  rp = createRp(app.issuer, {
    client_id: 'app',
    client_secret: secretOf('app'),
    redirect_uri: registered,
  })
})
afterAll(() => app.close())

type Seen = { status: number; location: string | null; html: string }
async function see(url: string, init: RequestInit = {}): Promise<Seen> {
  const response = await createPerson().request(url, init)
  return {
    status: response.status,
    location: response.headers.get('location'),
    html: await response.text(),
  }
}

const logout = (client_id: string, post_logout_redirect_uri: string) =>
  `${app.issuer}/oauth2/logout?${new URLSearchParams({ client_id, post_logout_redirect_uri })}`

it('has four hundred of them, and not the registered one', () => {
  expect(strangeRedirects.length).toBeGreaterThanOrEqual(400)
  expect(strangeRedirects).not.toContain(registered)
})

describe('leads nowhere', () => {
  it('as redirect_uri of a request', async () => {
    for (const redirect_uri of strangeRedirects) {
      const { status, location, html } = await see(rp.authorizeUrl({ redirect_uri }).url)
      expect([redirect_uri, status, location]).toEqual([redirect_uri, 400, null])
      expect(html).not.toMatch(/(?:href|action|content)="[^"]*evil\.example/)
    }
  })

  it('as redirect_uri of a request that is pushed', async () => {
    for (const redirect_uri of strangeRedirects) {
      const form = Object.fromEntries(new URL(rp.authorizeUrl({ redirect_uri }).url).searchParams)
      const { status, body } = await postForm(`${app.issuer}/oauth2/par`, {
        ...form,
        client_secret: secretOf('app'),
      })
      expect([redirect_uri, status, body.request_uri]).toEqual([redirect_uri, 400, undefined])
    }
  })

  it('as post_logout_redirect_uri', async () => {
    for (const uri of strangeRedirects) {
      const { status, location, html } = await see(logout('app', uri))
      expect([uri, status, location]).toEqual([uri, 400, null])
      expect(html).not.toMatch(/(?:href|action|content)="[^"]*evil\.example/)
    }
  })

  it('as redirect_uri of a code that is redeemed', async () => {
    const { code, verifier } = await rp.signIn()
    for (const redirect_uri of ['https://evil.example/callback', `${registered}/`, `${registered}?x=1`]) {
      const { body } = await rp.redeem(code, verifier, { redirect_uri })
      expect([redirect_uri, body.error]).toEqual([redirect_uri, 'invalid_grant'])
    }
  })
})

describe('stays at this host', () => {
  const isHere = (location: string | null) =>
    location === null || new URL(location, app.issuer).origin === app.issuer

  it('as the page to come back to after signing in', async () => {
    for (const state of strangeRedirects) {
      const query = new URLSearchParams({ code: 'x', state })
      const { status, location } = await see(`${app.issuer}/account/callback?${query}`)
      expect([state, isHere(location), status < 500]).toEqual([state, true, true])
    }
  })

  it('as the page to show again in another language', async () => {
    for (const to of strangeRedirects) {
      const { status, location } = await see(`${app.issuer}/locale`, {
        method: 'POST',
        body: new URLSearchParams({ locale: 'ja', to }),
        headers: { origin: app.issuer },
      })
      expect([to, isHere(location), status < 500]).toEqual([to, true, true])
    }
  })
})

describe('is accepted', () => {
  it('byte by byte as it was registered', async () => {
    const { callback } = await rp.signIn()
    expect(`${callback.origin}${callback.pathname}`).toBe(registered)
    expect((await see(logout('app', registered))).location).toBe(registered)
  })

  it('with any port on loopback, of an installed app (RFC 8252 §7.3)', async () => {
    const installed = createRp(app.issuer, { client_id: 'installed', redirect_uri: nativeUri })
    for (const port of ['1024', '49152', '65535']) {
      const redirect_uri = nativeUri.replace('127.0.0.1', `127.0.0.1:${port}`)
      expect((await see(installed.authorizeUrl({ redirect_uri }).url)).status).toBe(303)
      expect((await see(logout('installed', redirect_uri))).location).toBe(redirect_uri)
    }
  })

  it('of an installed app only when nothing else differs', async () => {
    const installed = createRp(app.issuer, { client_id: 'installed', redirect_uri: nativeUri })
    for (const redirect_uri of [
      ...strangeRedirects
        .filter((uri) => uri !== 'http://app.example/callback')
        .map((uri) => uri.replaceAll('app.example', '127.0.0.1:49152')),
      'http://127.0.0.1:49152/callback/',
      'http://127.0.0.1:49152/Callback',
      'http://127.0.0.1:49152/callback?x',
      'http://127.0.0.1:49152/callback#',
      'http://127.0.0.1:49152/./callback',
      'http://127.0.0.1:65536/callback',
      'http://127.0.0.1:49152@evil.example/callback',
      'http://127.1:49152/callback',
      'http://2130706433:49152/callback',
      'http://0x7f.1:49152/callback',
      'http://[::ffff:127.0.0.1]:49152/callback',
      'http://[::1]:49152/callback',
      'http://127.0.0.1.:49152/callback',
      'http://user@127.0.0.1:49152/callback',
      'HTTP://127.0.0.1:49152/callback',
      'http:\\\\127.0.0.1:49152\\callback',
      ' http://127.0.0.1:49152/callback',
    ]) {
      const { status, location } = await see(installed.authorizeUrl({ redirect_uri }).url)
      expect([redirect_uri, status, location]).toEqual([redirect_uri, 400, null])
    }
  })
})
