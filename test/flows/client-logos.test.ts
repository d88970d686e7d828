// What an app says of itself on the pages of a sign-in: its logo, which Foyer keeps, its policy and its terms.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { logoPathOf } from '../../src/features/clients/logos.ts'
import { days, hours } from '../../src/kernel/time.ts'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { type Answer, type Receiver, startReceiver } from '../support/receiver.ts'
import { createRp } from '../support/rp.ts'

const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(200, 1)])
const redirect_uri = 'https://shop.example/callback'

let app: TestApp
let host: Receiver
let apps = 0
beforeAll(async () => {
  app = await startApp({ env: testHooks })
})
afterAll(() => app.close())
beforeEach(async () => {
  host = await startReceiver()
  host.answer(sending(png))
})
afterEach(() => host.close())

const sending =
  (body: Buffer | string, { status = 200, headers = {} } = {}): Answer =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'image/png', ...headers }).end(body)

async function appWith(metadata: Record<string, unknown>): Promise<string> {
  const id = `shop-${++apps}`
  await app.addClient(id, { client_name: 'Shop', redirect_uris: [redirect_uri], ...metadata })
  return id
}

const appWithLogo = () => appWith({ logo_uri: host.url })
const ask = (id: string, headers: Record<string, string> = {}) =>
  fetch(app.issuer + logoPathOf(id, host.url), { headers })

async function signInPageOf(id: string): Promise<string> {
  const rp = createRp(app.issuer, { client_id: id, client_secret: `secret-of-${id}`, redirect_uri })
  return (await createPerson().open(rp.authorizeUrl({ scope: 'openid email' }).url)).html
}

describe('the sign-in of an app', () => {
  it('shows its logo from here, and leads to its policy and its terms', async () => {
    const policy_uri = 'https://shop.example/privacy'
    const tos_uri = 'https://shop.example/terms?of=2026&for=all'
    const id = await appWith({ logo_uri: host.url, policy_uri, tos_uri })
    const html = await signInPageOf(id)
    expect(html).toContain(`<img src="${logoPathOf(id, host.url)}" alt="">`)
    expect(html).toContain(`<a href="${policy_uri}" rel="noreferrer">Privacy policy of Shop</a>`)
    expect(html).toContain(`<a href="${tos_uri.replace('&', '&amp;')}" rel="noreferrer">Terms of Shop</a>`)
    expect(html).not.toContain(host.url)
    expect(host.got).toEqual([])
  })

  it('shows none of these for an app that names none', async () => {
    expect(await signInPageOf(await appWith({}))).not.toMatch(/<img|app-links/)
  })
})

describe('the logo of an app', () => {
  it('is asked for once, and its host hears nothing of who looks at it', async () => {
    const id = await appWithLogo()
    const cookie = 'foyer_session=somebody'
    const first = await ask(id, { cookie, referer: `${app.issuer}/interaction/x`, 'user-agent': 'a browser' })
    expect(first.status).toBe(200)
    expect(first.headers.get('content-type')).toBe('image/png')
    expect(first.headers.get('x-content-type-options')).toBe('nosniff')
    expect(first.headers.get('cache-control')).toBe('public, max-age=86400')
    expect(first.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(Buffer.from(await first.arrayBuffer())).toEqual(png)
    const etag = first.headers.get('etag') ?? ''
    expect((await ask(id, { 'if-none-match': etag, 'cache-control': 'max-age=0' })).status).toBe(304)
    expect(host.got).toMatchObject([{ path: '/hook', headers: { accept: 'image/*', 'user-agent': 'Foyer' } }])
    expect(JSON.stringify(host.got)).not.toMatch(/somebody|interaction|a browser/)
  })

  it.each([
    ['image/png', png],
    ['image/jpeg', Buffer.from('ffd8ffe000104a46494600', 'hex')],
    ['image/gif', Buffer.from('GIF89a and more')],
    ['image/webp', Buffer.from('RIFF....WEBPVP8 ')],
  ])('may be %s, whatever its host calls it', async (type, image) => {
    host.answer(sending(image, { headers: { 'content-type': 'text/html' } }))
    const shown = await ask(await appWithLogo())
    expect([shown.status, shown.headers.get('content-type')]).toEqual([200, type])
  })

  it('is asked for once by fifty at once', async () => {
    const id = await appWithLogo()
    await Promise.all(Array.from({ length: 50 }, async () => (await ask(id)).arrayBuffer()))
    expect(host.got).toHaveLength(1)
    expect((await ask(id)).status).toBe(200)
  })

  it.each<[string, Answer]>([
    ['an SVG', sending('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')],
    ['a page that calls itself an image', sending('<!doctype html><script>alert(1)</script>')],
    ['nothing', sending('')],
    ['more than 64 KiB', sending(Buffer.concat([png, Buffer.alloc(64 * 1024)]))],
    ['an image with a failure', sending(png, { status: 404 })],
    ['a redirect', sending(png, { status: 302, headers: { location: '/elsewhere' } })],
    ['a broken connection', (_, response) => response.destroy()],
  ])('is not %s, and its address is left alone for an hour', async (_, answer) => {
    host.answer(answer)
    const id = await appWithLogo()
    const refused = await ask(id)
    expect(refused.status).toBe(404)
    expect(refused.headers.get('cache-control')).toBe('no-store')
    host.answer(sending(png))
    expect((await ask(id)).status).toBe(404)
    expect(host.got).toHaveLength(1)
    await app.advance(hours(1) / 1000 + 1)
    expect((await ask(id)).status).toBe(200)
    expect(host.got).toHaveLength(2)
  })

  it('is asked for again after a week, and stays when its host is away', async () => {
    const id = await appWithLogo()
    await ask(id)
    await app.advance(days(7) / 1000 + 1)
    await host.close()
    expect(Buffer.from(await (await ask(id)).arrayBuffer())).toEqual(png)
    await host.open()
    const other = Buffer.concat([png, png])
    host.answer(sending(other))
    await app.advance(days(7) / 1000 + 1)
    expect(Buffer.from(await (await ask(id)).arrayBuffer())).toEqual(other)
  })

  it('is another one as soon as the app names another address', async () => {
    const id = await appWithLogo()
    await ask(id)
    const logo_uri = `${host.url}/other`
    const other = Buffer.concat([png, png])
    host.answer(({ path }, response) => response.end(path.endsWith('/other') ? other : png))
    await app.services.db.query({
      text: `UPDATE clients SET metadata = metadata || jsonb_build_object('logo_uri', $2::text) WHERE id = $1`,
      values: [id, logo_uri],
    })
    expect(logoPathOf(id, logo_uri)).not.toBe(logoPathOf(id, host.url))
    expect(Buffer.from(await (await ask(id)).arrayBuffer())).toEqual(other)
  })

  it('is not there for an app that is turned off, names none, or is nobody’s', async () => {
    const off = await appWithLogo()
    await app.services.db.query({ text: 'UPDATE clients SET enabled = false WHERE id = $1', values: [off] })
    for (const id of [off, await appWith({}), 'nobody', '../x', 'a\u0000b']) {
      expect((await ask(id)).status).toBeGreaterThanOrEqual(400)
      expect((await ask(id)).status).toBeLessThan(500)
    }
    expect(host.got).toEqual([])
  })
})
