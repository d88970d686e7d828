// Front-Channel Logout 1.0: what a browser is given to load when a person signs out.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp } from '../support/app.ts'
import { createPerson, type Page, type Person, pageOf } from '../support/browser-less.ts'
import { createManagement } from '../support/management.ts'
import { createRp, type RpClient } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app.close())

const home = 'https://one.example/'
const logout = (params: Record<string, string> = {}) =>
  `${app.issuer}/oauth2/logout?${new URLSearchParams(params)}`

let count = 0
async function newApp(origin: string, metadata: Record<string, unknown> = {}): Promise<RpClient> {
  count += 1
  const client_id = `framed-${count}`
  const redirect_uri = `${origin}/callback`
  await app.addClient(client_id, {
    client_name: `App <${count}>`,
    redirect_uris: [redirect_uri],
    post_logout_redirect_uris: [home],
    grant_types: ['authorization_code'],
    frontchannel_logout_uri: `${origin}/signed-out?app=1`,
    first_party: true,
    ...metadata,
  })
  return { client_id, client_secret: secretOf(client_id), redirect_uri }
}

const signIn = (client: RpClient, person: Person = createPerson()) =>
  createRp(app.issuer, client).tokens({ person, params: { scope: 'openid' } })

const plain = (text: string): string => text.replaceAll('&amp;', '&')
const framesOf = ({ html }: Page): URL[] =>
  [...html.matchAll(/<iframe [^>]*\bsrc="([^"]*)"/g)].map(([, src = '']) => new URL(plain(src)))
const goOnOf = ({ html }: Page): string => plain(/data-leave href="([^"]*)"/.exec(html)?.[1] ?? '')
const policyOf = ({ headers }: Page): string => headers.get('content-security-policy') ?? ''

describe('signing out', () => {
  it('loads the addresses of the apps that took part, and goes on to where the app wanted', async () => {
    const [one, two] = [await newApp('https://one.example'), await newApp('https://two.example')]
    const other = await newApp('https://three.example')
    await signIn(other)
    const { person, id_token = '' } = await signIn(one)
    const { id_token: second = '' } = await signIn(two, person)
    const page = pageOf(
      await person.go(logout({ id_token_hint: id_token, post_logout_redirect_uri: home, state: 'a&b' })),
    )
    expect(page.status).toBe(200)
    const frames = framesOf(page)
    expect(frames.map(({ origin, pathname }) => origin + pathname).toSorted()).toEqual([
      'https://one.example/signed-out',
      'https://two.example/signed-out',
    ])
    for (const [index, token] of [id_token, second].entries()) {
      const params = Object.fromEntries(frames[index]?.searchParams ?? [])
      expect(params).toEqual({ app: '1', iss: app.issuer, sid: decodeJwt(token).sid })
      expect(params.sid).toBeTruthy()
    }
    expect(policyOf(page)).toContain('; frame-src https://one.example https://two.example; form-action')
    expect(goOnOf(page)).toBe(`${home}?state=a%26b`)
    expect(page.html).toContain('App &lt;')
    expect(person.jar.some(({ name }) => name.startsWith('foyer_session'))).toBe(false)
  })

  it('by the button of the question loads them too', async () => {
    const { person } = await signIn(await newApp('https://one.example'))
    const page = pageOf(await person.submit(await person.open(logout())))
    expect(framesOf(page)).toHaveLength(1)
    expect(goOnOf(page)).toBe(`${app.issuer}/oauth2/logout/success`)
    const done = await person.open(goOnOf(page))
    expect(done.status).toBe(200)
    expect(framesOf(done)).toEqual([])
    expect(policyOf(done)).not.toContain('frame-src')
  })

  it('loads nothing when the person stays, or when no app has such an address', async () => {
    const { person } = await signIn(await newApp('https://one.example'))
    const question = await person.open(logout())
    expect(policyOf(question)).not.toContain('frame-src')
    const stayed = pageOf(await person.submit(question, {}, { button: { name: 'logout', value: '' } }))
    expect(framesOf(stayed)).toEqual([])

    const without = await newApp('https://one.example', { frontchannel_logout_uri: undefined })
    const { person: other, id_token = '' } = await signIn(without)
    const went = await other.go(logout({ id_token_hint: id_token, post_logout_redirect_uri: home }))
    expect(went).toEqual({ left: new URL(home) })
  })
})

describe('the front channel', () => {
  it('is in discovery', async () => {
    const found = await fetch(`${app.issuer}/.well-known/openid-configuration`)
    expect(await found.json()).toMatchObject({
      frontchannel_logout_supported: true,
      frontchannel_logout_session_supported: true,
    })
  })

  it.each([
    ['an origin that is none of the app’s', 'https://other.example/signed-out'],
    ['another port', 'https://one.example:8443/signed-out'],
    ['plain http', 'http://one.example/signed-out'],
    ['a fragment', 'https://one.example/#signed-out'],
    ['a script', 'javascript:alert(1)'],
  ])('is closed to %s', async (_, frontchannel_logout_uri) => {
    const api = createManagement(app.issuer)
    const as = await api.machineToken('clients:write')
    const json = { redirect_uris: ['https://one.example/callback'], frontchannel_logout_uri }
    const { status, body } = await api.ask('POST', '/clients', { as, json })
    expect([status, body.errors?.[0]?.pointer]).toEqual([400, '/frontchannel_logout_uri'])
  })
})
