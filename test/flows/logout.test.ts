// Signing out (RP-Initiated Logout 1.0): when the person is asked, where the browser goes, what is dead afterwards.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { codeOf, createPerson, formsOf, type Person, pageOf } from '../support/browser-less.ts'
import { ada, createRp, demoThirdParty, grace, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

const home = 'http://localhost:3001/'
const logout = (params: Record<string, string> = {}) =>
  `${app.issuer}/oauth2/logout?${new URLSearchParams(params)}`

/** Whether the browser still has a session: a silent request is answered by a code then. */
async function isSignedIn(person: Person): Promise<boolean> {
  const went = await person.go(rp.authorizeUrl({ prompt: 'none' }).url)
  return 'left' in went && went.left.searchParams.has('code')
}
const isAlive = async (token: string | undefined) => (await rp.introspect(token ?? '')).body

describe('without an ID token of the session', () => {
  it('the person is asked, told where they are signed in, and signed out by the button', async () => {
    const { person, ...tokens } = await rp.tokens()
    const question = await person.open(logout())
    expect(question.html).toContain('ada@example.test')
    expect(question.html).toContain('Demo web app')
    expect(formsOf(question)[0]?.buttons[0]).toMatchObject({ name: 'logout', value: 'yes' })
    expect(await isSignedIn(person)).toBe(true)

    const done = pageOf(await person.submit(await person.open(logout())))
    expect([done.status, new URL(done.url).pathname]).toEqual([200, '/oauth2/logout/success'])
    expect(person.jar.some(({ name }) => name.startsWith('foyer_session'))).toBe(false)
    expect(done.html).toContain('href="/account"')
    expect(await isSignedIn(person)).toBe(false)
    for (const token of [tokens.access_token, tokens.refresh_token]) {
      expect(await isAlive(token)).toEqual({ active: false })
    }
    expect(await app.auditTypes()).toContain('session.ended')
  })

  it('the other button keeps the person signed in, and says nothing else', async () => {
    const { person } = await rp.tokens()
    const question = await person.open(logout())
    const form = formsOf(question)[0]
    expect(form?.buttons[1]?.name).toBeUndefined()
    const before = await app.auditTypes()
    const stayed = pageOf(
      await person.go(form?.action ?? '', {
        method: 'POST',
        body: new URLSearchParams(form?.fields),
        headers: { origin: app.issuer },
      }),
    )
    expect(new URL(stayed.url).pathname).toBe('/account')
    expect(stayed.html).not.toContain('You are signed out')
    // Nothing has ended, so nothing is said to have
    expect(await app.auditTypes()).toEqual(before)
    expect(await isSignedIn(person)).toBe(true)
  })

  it('an app that only asked is not among those the person is signed out of', async () => {
    const { person } = await rp.tokens()
    const consent = await person.open(createRp(app.issuer, demoThirdParty).authorizeUrl().url)
    expect(consent.html).toContain('value="allow"')
    const question = await person.open(logout())
    expect(question.html).toContain('Demo web app')
    expect(question.html).not.toContain('third')
  })

  it('a post-logout address needs its client, and is used after the question', async () => {
    const { person } = await rp.tokens()
    const params = { client_id: 'demo-web', post_logout_redirect_uri: home, state: 'bye' }
    const question = await person.open(logout(params))
    expect(question.headers.get('content-security-policy')).toContain(
      `form-action 'self' ${new URL(home).origin};`,
    )
    expect(await person.submit(question)).toEqual({ left: new URL(`${home}?state=bye`) })

    const { person: second } = await rp.tokens()
    const unnamed = await second.open(logout({ post_logout_redirect_uri: home }))
    expect(new URL(pageOf(await second.submit(unnamed)).url).pathname).toBe('/oauth2/logout/success')
  })

  it('an xsrf value of another question, or none, ends nothing', async () => {
    const { person } = await rp.tokens()
    const other = await rp.tokens({ who: grace })
    const theirs = formsOf(await other.person.open(logout()))[0]?.fields.xsrf ?? ''
    await person.open(logout())
    for (const xsrf of [theirs, '', 'x']) {
      const body = new URLSearchParams({ xsrf, logout: 'yes' })
      const answer = await person.request(`${app.issuer}/oauth2/logout/confirm`, { method: 'POST', body })
      expect(answer.status).toBe(400)
      await answer.arrayBuffer()
    }
    expect(await isSignedIn(person)).toBe(true)
  })

  it('a GET of another site never signs anybody out', async () => {
    const { person } = await rp.tokens()
    for (let count = 0; count < 3; count += 1) await person.open(logout({ logout: 'yes', xsrf: '1' }))
    expect(await isSignedIn(person)).toBe(true)
  })
})

describe('with an ID token of this session', () => {
  it('nobody is asked, and the browser goes where the app wants it', async () => {
    const { person, ...tokens } = await rp.tokens()
    const went = await person.go(
      logout({ id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: home, state: 'a&b="' }),
    )
    expect(went).toEqual({ left: new URL(`${home}?state=a%26b%3D%22`) })
    expect(await isSignedIn(person)).toBe(false)
    expect(await isAlive(tokens.access_token)).toEqual({ active: false })
    expect(await isAlive(tokens.refresh_token)).toEqual({ active: false })
    expect(person.jar.some(({ name }) => name.startsWith('foyer_session'))).toBe(false)
  })

  it('that expired meanwhile it is still a hint', async () => {
    const { person, ...tokens } = await rp.tokens()
    await app.advance(2 * 3600)
    const went = await person.go(
      logout({ id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: home }),
    )
    expect(went).toEqual({ left: new URL(home) })
  })

  it('and sid, the sid counts', async () => {
    const claims = JSON.stringify({ id_token: { sid: null } })
    const before = await rp.tokens({ params: { claims } })
    expect(decodeJwt(before.id_token ?? '').sid).toEqual(expect.any(String))
    const { person } = await rp.tokens()
    const other = pageOf(await person.go(logout({ id_token_hint: before.id_token ?? '' })))
    expect(other.html).toContain('name="logout"')
    const went = await before.person.go(logout({ id_token_hint: before.id_token ?? '' }))
    expect(new URL(pageOf(went).url).pathname).toBe('/oauth2/logout/success')
  })

  it('without an address there is a page that says so', async () => {
    const { person, ...tokens } = await rp.tokens()
    const done = pageOf(await person.go(logout({ id_token_hint: tokens.id_token ?? '' })))
    expect([done.status, new URL(done.url).pathname]).toEqual([200, '/oauth2/logout/success'])
    expect(done.html).toContain('You are signed out')
  })

  it('sent as a form it does the same', async () => {
    const { person, ...tokens } = await rp.tokens()
    const went = await person.go(`${app.issuer}/oauth2/logout`, {
      method: 'POST',
      body: new URLSearchParams({ id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: home }),
    })
    expect(went).toEqual({ left: new URL(home) })
  })

  it.each([
    ['another person’s', async () => (await rp.tokens({ who: grace })).id_token],
    [
      'of an app that is not signed in here',
      async () => {
        const { person } = await rp.tokens()
        return (await createRp(app.issuer, demoThirdParty).tokens({ person })).id_token
      },
    ],
  ])('%s asks first', async (_, makeHint) => {
    const hint = (await makeHint()) ?? ''
    const { person } = await rp.tokens({ who: ada })
    expect(pageOf(await person.go(logout({ id_token_hint: hint }))).html).toContain('name="logout"')
    expect(await isSignedIn(person)).toBe(true)
  })
})

describe('what is refused, with a page and without leaving', () => {
  it.each([
    ['a hint that nobody signed', { id_token_hint: 'eyJhbGciOiJub25lIn0.eyJhdWQiOiJkZW1vLXdlYiJ9.' }],
    ['a hint that is no token', { id_token_hint: 'nonsense' }],
    [
      'an address that is not registered',
      { client_id: 'demo-web', post_logout_redirect_uri: 'https://evil.example/' },
    ],
    ['an address that is nearly registered', { client_id: 'demo-web', post_logout_redirect_uri: `${home}x` }],
    ['an unknown client', { client_id: 'nobody', post_logout_redirect_uri: home }],
    ['an address with script', { client_id: 'demo-web', post_logout_redirect_uri: 'javascript:alert(1)' }],
  ])('%s', async (_, params) => {
    const { person } = await rp.tokens()
    const page = pageOf(await person.go(logout(params)))
    expect(page.status).toBe(400)
    expect(page.html).toMatch(/invalid_request|invalid_client/)
    expect(await isSignedIn(person)).toBe(true)
  })

  it('a hint of one client with the id of another', async () => {
    const { person, ...tokens } = await rp.tokens()
    const page = pageOf(
      await person.go(logout({ id_token_hint: tokens.id_token ?? '', client_id: 'demo-third-party' })),
    )
    expect(page.status).toBe(400)
  })
})

describe('somebody who is not signed in', () => {
  it('is not asked, and leaves nothing in the database', async () => {
    const count = async () =>
      (
        await app.services.db.query<{ n: number }>({
          text: 'SELECT count(*)::int AS n FROM sessions',
          values: [],
        })
      )[0]?.n
    const before = await count()
    const person = createPerson()
    const done = pageOf(await person.go(logout()))
    expect(new URL(done.url).pathname).toBe('/oauth2/logout/success')
    const params = { client_id: 'demo-web', post_logout_redirect_uri: home, state: 's' }
    expect(await person.go(logout(params))).toEqual({ left: new URL(`${home}?state=s`) })
    expect(await count()).toBe(before)
    expect(person.jar.some(({ name }) => name.startsWith('foyer_session'))).toBe(false)
  })
})

describe('offline access', () => {
  it('lives on after the sign-out, and dies with its refresh token', async () => {
    const { person, ...tokens } = await rp.tokens({
      params: { scope: 'openid offline_access', prompt: 'consent' },
    })
    await person.go(logout({ id_token_hint: tokens.id_token ?? '' }))
    expect(await isSignedIn(person)).toBe(false)
    const { status, body } = await rp.refresh(tokens.refresh_token ?? '')
    expect(status).toBe(200)
    expect(await isAlive(body.access_token)).toMatchObject({ active: true })
    await rp.revoke(body.refresh_token ?? '')
    expect(await isAlive(body.access_token)).toEqual({ active: false })
  })

  it('does not keep another app’s tokens of the same session alive', async () => {
    const { person, ...offline } = await rp.tokens({
      params: { scope: 'openid offline_access', prompt: 'consent' },
    })
    const third = createRp(app.issuer, demoThirdParty)
    const bound = await third.tokens({ person, params: { scope: 'openid' } })
    await person.go(logout({ id_token_hint: offline.id_token ?? '' }))
    expect((await third.introspect(bound.access_token)).body).toEqual({ active: false })
    expect((await rp.refresh(offline.refresh_token ?? '')).status).toBe(200)
  })

  it('of one request does not keep the others of the same app alive', async () => {
    const quests = { scope: 'openid quests:read', resource: 'urn:demo:quests' }
    const bound = await rp.tokens()
    const { person } = bound
    const jwt = await rp.tokens({ person, params: quests })
    const offline = await rp.tokens({ person, params: { scope: 'openid offline_access', prompt: 'consent' } })
    await person.go(logout({ id_token_hint: offline.id_token ?? '' }))
    for (const token of [bound.access_token, bound.refresh_token, jwt.access_token, jwt.refresh_token]) {
      expect(await isAlive(token)).toEqual({ active: false })
    }
    expect((await rp.refresh(offline.refresh_token ?? '')).status).toBe(200)
  })
})

describe('another person signs in, in the same browser', () => {
  it('ends the first one’s session and tokens, and goes on without another page', async () => {
    const { person, ...first } = await rp.tokens({ who: ada })
    const cookieBefore = person.jar.find(({ name }) => name === 'foyer_session')?.value
    const second = await rp.tokens({ person, who: grace, params: { prompt: 'login' } })
    expect(decodeJwt(second.id_token ?? '').sub).not.toBe(decodeJwt(first.id_token ?? '').sub)
    expect(await isAlive(first.access_token)).toEqual({ active: false })
    expect(await isAlive(first.refresh_token)).toEqual({ active: false })
    expect(person.jar.find(({ name }) => name === 'foyer_session')?.value).not.toBe(cookieBefore)
    expect(await isAlive(second.access_token)).toMatchObject({ active: true })
  })

  it('also by "Not you?" on the consent page', async () => {
    const third = createRp(app.issuer, demoThirdParty)
    const { person } = await rp.tokens({ who: ada })
    const { url, verifier } = third.authorizeUrl({ scope: 'openid email offline_access', prompt: 'consent' })
    const consent = await person.open(url)
    expect(consent.html).toContain('ada@example.test')
    const signIn = pageOf(await person.submit(consent, {}, { button: { name: 'decision', value: 'switch' } }))
    const again = pageOf(await person.submit(signIn, grace))
    expect(again.html).toContain('grace@example.test')
    const went = await person.submit(again, {}, { button: { name: 'decision', value: 'allow' } })
    const code = codeOf(went)
    const { body } = await third.redeem(code, verifier)
    expect(body.refresh_token).toBeTruthy()
    expect(await (await third.userinfo(body.access_token)).json()).toMatchObject({
      email: 'grace@example.test',
    })
  })
})
