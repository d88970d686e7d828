// The playground as a browser meets it, against an issuer that is not Foyer.

import { createServer, get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPlayground } from '../../src/dev/playground.ts'
import { createClock } from '../../src/kernel/time.ts'
import { createLog } from '../../src/platform/log.ts'
import { createPages } from '../../src/protocol.ts'
import { type StandIn, startStandInIssuer } from '../support/stand-in-issuer.ts'

const listening = (server: Server) =>
  new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  )

/** A browser without scripts: cookies, redirects, and the address it ends at. */
function createBrowser() {
  const cookies = new Map<string, string>()

  async function open(url: string, form?: Record<string, string>): Promise<Visit> {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { Cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
      ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) cookies.delete(name)
      else cookies.set(name, value)
    }
    const location = response.headers.get('location')
    if (location !== null) return open(new URL(location, url).href)
    return { url, status: response.status, text: await response.text(), headers: response.headers }
  }
  return { open, cookies }
}
type Visit = { url: string; status: number; text: string; headers: Headers }

let standIn: StandIn
let server: Server
let origin: string
let browser: ReturnType<typeof createBrowser>

beforeAll(async () => {
  server = createServer()
  origin = `http://localhost:${await listening(server)}`
  standIn = await startStandInIssuer(origin)
  const log = createLog({ level: 'silent', color: false })
  server.on(
    'request',
    createPlayground({
      issuer: standIn.issuer,
      origin,
      log,
      clock: createClock(),
      ...createPages(),
    }).callback(),
  )
})

afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await standIn.close()
})

beforeEach(() => {
  browser = createBrowser()
})

/** fetch does not let a caller choose the host. */
const statusUnderHost = (host: string) =>
  new Promise((resolve, reject) => {
    const { port } = new URL(origin)
    get({ host: '127.0.0.1', port, headers: { Host: host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).on('error', reject)
  })

const home = () => browser.open(`${origin}/`)
const signIn = (query = '') => browser.open(`${origin}/sign-in${query}`)
const act = (name: string) => browser.open(`${origin}/tokens/${name}`, {})

describe('the playground', () => {
  it('leads a stranger to the sign-in with one link', async () => {
    const { status, text } = await home()
    expect(status).toBe(200)
    expect(text).toContain('<a class="primary" href="/sign-in">Sign in with Foyer</a>')
    expect(text).not.toContain('id="id-token"')
  })

  it('comes back from a sign-in with verified tokens, every request shown', async () => {
    const { url, text } = await signIn()
    expect(url).toBe(`${origin}/`)
    for (const title of ['ID token', 'Access token', 'Refresh token', 'Discovery', 'Authorization request'])
      expect(text).toContain(title)
    expect(text).toContain('Verified by this app itself')
    expect(text).toContain('nonce is the one this sign-in began with.')
    expect(text).toContain('grant_type=authorization_code')
    expect(text).toContain('-u &#39;demo-web:demo-web-secret&#39;')
    expect(text).not.toContain('Not to be trusted')
  })

  it('shows what a token says as text, never as markup', async () => {
    const { text } = await signIn()
    expect(text).toContain('Hello, <bdi>Ada &lt;b&gt;Lovelace&lt;/b&gt;</bdi>')
    expect(text).not.toContain('<b>Lovelace')
  })

  it('takes the answer in a posted form too', async () => {
    await browser.open(`${origin}/`)
    // The stand-in answers with a page that posts itself; a browser without scripts presses its button.
    const page = await signIn('?response_mode=form_post')
    const fields = [...page.text.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(
      ([, name = '', value = '']) => [name, value],
    )
    const { url, text } = await browser.open(`${origin}/callback`, Object.fromEntries(fields))
    expect(url).toBe(`${origin}/`)
    expect(text).toContain('Verified by this app itself')
    expect(text).toContain('in a form that posts itself')
  })

  it('refreshes, asks, and gives back', async () => {
    await signIn()
    expect((await act('refresh')).text).toContain('Refreshed: the tokens below are new.')
    expect((await act('userinfo')).text).toContain('&#34;email&#34;: &#34;ada@example.test&#34;')
    expect((await act('introspect-access')).text).toContain('Active: the token is good right now.')
    expect((await act('revoke-access')).text).toContain('Revoked.')
    expect((await act('introspect-access')).text).toContain('Not active: the token opens nothing.')
    expect((await act('revoke-refresh')).text).toContain('Revoked.')
    expect((await act('refresh')).text).toContain('Foyer refused: invalid_grant')
  })

  it('gets a JWT for the demo API when the resource is asked for', async () => {
    const { text } = await signIn('?resource=urn%3Ademo%3Aquests')
    expect(text).toContain('aud names urn:demo:quests.')
    expect(text).toContain('Opens the API that aud names')
  })

  it('shows the token of a machine without anybody signed in', async () => {
    const { text } = await act('machine')
    // No cookie yet, so nothing tells this post from a forged one.
    expect(text).toContain('The request came from another site')
    await home()
    expect((await act('machine')).text).toContain('Access token of demo-machine')
  })

  it('signs in to a third party as well', async () => {
    const { text } = await browser.open(`${origin}/third-party/sign-in`)
    expect(text).toContain('signed in to <code>demo-third-party</code>')
  })

  it('forgets the tokens and ends the session when signing out', async () => {
    await signIn()
    const question = await browser.open(`${origin}/sign-out`, {})
    const [, xsrf = ''] = /name="xsrf" value="([^"]+)"/.exec(question.text) ?? []
    const { url, text } = await browser.open(`${standIn.issuer}/logout/confirm`, { xsrf, logout: 'yes' })
    expect(url).toBe(`${origin}/?state=signed-out`)
    expect(text).toContain('You are signed out')
    expect(text).not.toContain('id="id-token"')
  })
})

describe('the playground refuses', () => {
  it('an answer that no sign-in of this browser asked for', async () => {
    const { text } = await browser.open(`${origin}/callback?code=stolen&state=guessed`)
    expect(text).toContain('This answer belongs to no sign-in that this browser began')
    expect(text).not.toContain('grant_type=authorization_code')
  })

  it('the same answer a second time', async () => {
    const first = await signIn()
    const [, query = ''] = /GET \/callback HTTP\/1\.1\n[^\n]+\n\n([^<]+)/.exec(first.text) ?? []
    const again = query.replaceAll('&amp;', '&').replaceAll('\n', '')
    expect(again).toContain('code=')
    const { text } = await browser.open(`${origin}/callback${again}`)
    expect(text).toContain('This answer belongs to no sign-in that this browser began')
  })

  it('what the issuer refused, and says why', async () => {
    const { text } = await signIn('?prompt=none')
    expect(text).toContain('Foyer answered login_required')
  })

  it.each([
    ['an unknown action', '/tokens/steal', 404],
    ['an unknown page', '/no-such-page', 404],
  ])('%s', async (_what, path, status) => {
    await home()
    expect((await browser.open(origin + path, path.startsWith('/tokens') ? {} : undefined)).status).toBe(
      status,
    )
  })

  it('posts from other sites', async () => {
    await home()
    const response = await fetch(`${origin}/tokens/machine`, {
      method: 'POST',
      headers: {
        Cookie: [...browser.cookies].map((pair) => pair.join('=')).join('; '),
        'Sec-Fetch-Site': 'cross-site',
      },
    })
    expect(response.status).toBe(403)
  })

  it('hosts that are not its own, and leads other names of this machine to its own', async () => {
    const { port } = new URL(origin)
    const stranger = await fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' })
    expect([stranger.status, stranger.headers.get('location')]).toEqual([303, `${origin}/`])
    expect(await statusUnderHost('playground.attacker.example')).toBe(421)
  })

  it('frames and foreign content on every page', async () => {
    const policy = (await home()).headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe-inline')
  })
})

describe('without an issuer', () => {
  it('the playground says so and stays up', async () => {
    const lonely = createServer()
    const lonelyOrigin = `http://localhost:${await listening(lonely)}`
    const log = createLog({ level: 'silent', color: false })
    // Port 9 (discard) has no listener on a machine of ours.
    const playground = createPlayground({
      issuer: 'http://127.0.0.1:9',
      origin: lonelyOrigin,
      log,
      clock: createClock(),
      ...createPages(),
    })
    lonely.on('request', playground.callback())
    const { status, text } = await browser.open(`${lonelyOrigin}/sign-in`)
    expect(status).toBe(200)
    expect(text).toContain('Foyer does not answer at http://127.0.0.1:9')
    lonely.closeAllConnections()
    await new Promise((resolve) => lonely.close(resolve))
  })
})
