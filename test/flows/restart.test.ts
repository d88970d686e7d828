// Interactions that are over or opened twice: every one has a way on of two clicks at most (pages.md §3.1).
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, formsOf, type Person, pageOf, type Went } from '../support/browser-less.ts'
import { ada, createRp, demoThirdParty, grace, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
let shop: Rp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  rp = createRp(app.issuer)
  const redirect_uri = 'https://shop.example.test/cb'
  await app.addClient('shop', {
    client_name: 'Shop',
    client_uri: 'https://shop.example.test/',
    grant_types: ['authorization_code'],
    redirect_uris: [redirect_uri],
    first_party: true,
  })
  shop = createRp(app.issuer, { client_id: 'shop', client_secret: secretOf('shop'), redirect_uri })
})
afterAll(() => app.close())

const leftOf = (went: Went) => ('left' in went ? went.left : undefined)

/** Presses the way on until the browser is at the app; gives how many clicks that took. */
async function clicksToApp(person: Person, from: Went, who = ada): Promise<{ clicks: number; url: URL }> {
  let went = from
  for (let clicks = 0; clicks < 4; clicks += 1) {
    if ('left' in went) return { clicks, url: went.left }
    const link = /<a class="primary" href="([^"]+)"/.exec(went.html)?.[1]
    if (link) return { clicks: clicks + 1, url: new URL(link) }
    went = await person.submit(went, went.html.includes('name="password"') ? who : {})
  }
  throw new Error('no way on')
}

describe('an interaction that was open for too long', () => {
  it('says so, begins the same request again, and ends at the app', async () => {
    const person = createPerson()
    const { url, state, verifier } = rp.authorizeUrl({ nonce: 'first', login_hint: ada.email })
    const page = await person.open(url)
    await app.advance(3601)
    const expired = pageOf(await person.submit(page, ada))
    expect(expired.status).toBe(410)
    expect(expired.html).toMatch(/<h1>This page expired<\/h1>/)
    expect(expired.headers.get('content-security-policy')).toContain(
      `form-action 'self' http://localhost:3001;`,
    )
    expect(formsOf(expired)[0]?.buttons[0]?.text).toBe('Continue to Demo web app')

    const again = pageOf(await person.submit(expired))
    expect(formsOf(again)[0]?.fields.email).toBe(ada.email)
    const left = leftOf(await person.submit(again, ada))
    expect(left?.searchParams.get('state')).toBe(state)
    expect((await rp.redeem(left?.searchParams.get('code') ?? '', verifier)).status).toBe(200)
  })

  it('can be begun again for a day, and then leads to the app’s start page', async () => {
    const person = createPerson()
    const page = await person.open(shop.authorizeUrl().url)
    await app.advance(23 * 3600)
    expect(formsOf(pageOf(await person.submit(page, ada)))).toHaveLength(1)
    await app.advance(2 * 3600)
    const gone = pageOf(await person.submit(page, ada))
    expect(gone.status).toBe(410)
    expect(formsOf(gone)).toHaveLength(0)
  })

  it('does not count a password that came too late', async () => {
    const person = createPerson()
    const page = await person.open(rp.authorizeUrl().url)
    await app.advance(3601)
    await person.submit(page, { email: ada.email, password: 'too-late-and-wrong' })
    expect(person.jar.some(({ name }) => name === 'foyer_session')).toBe(false)
  })
})

describe('an interaction that is finished', () => {
  it('after Back: shows a way on that ends at the app in one click', async () => {
    const person = createPerson()
    const page = await person.open(rp.authorizeUrl().url)
    await person.submit(page, ada)
    const back = await person.open(page.url)
    expect(back.status).toBe(410)
    expect(await clicksToApp(person, back)).toMatchObject({
      clicks: 1,
      url: { origin: 'http://localhost:3001' },
    })
  })

  it('after Back to the consent page: the same', async () => {
    const third = createRp(app.issuer, demoThirdParty)
    const person = createPerson()
    await rp.signIn({ person })
    const consent = await person.open(third.authorizeUrl({ scope: 'openid email' }).url)
    expect(leftOf(await person.submit(consent))).toBeDefined()
    const again = pageOf(await person.submit(consent))
    expect(again.status).toBe(410)
    // A third party asks each time, so the page comes once more
    expect((await clicksToApp(person, again)).clicks).toBe(2)
  })

  it('its resume address, opened again, is no dead end either', async () => {
    const person = createPerson()
    const page = await person.open(rp.authorizeUrl().url)
    const uid = page.url.split('/').at(-1)
    await person.submit(page, ada)
    const again = await person.open(`${app.issuer}/oauth2/authorize/${uid}`)
    expect(again.status).toBe(410)
    expect((await clicksToApp(person, again)).clicks).toBe(1)
  })
})

describe('another browser', () => {
  it('cannot go on with an interaction, and is told where the app is', async () => {
    const person = createPerson()
    const page = await person.open(shop.authorizeUrl().url)
    const other = createPerson()
    const stranger = await other.open(page.url)
    expect(stranger.status).toBe(410)
    expect(formsOf(stranger)).toHaveLength(0)
    expect(await clicksToApp(other, stranger)).toEqual({
      clicks: 1,
      url: new URL('https://shop.example.test/'),
    })
    const posted = pageOf(await other.submit({ ...page }, ada))
    expect(posted.status).toBe(410)
    expect(leftOf(await person.submit(page, ada))?.searchParams.get('code')).toBeTruthy()
  })

  it('cannot restart it either', async () => {
    const page = await createPerson().open(shop.authorizeUrl().url)
    const other = createPerson()
    await other.open(rp.authorizeUrl().url)
    const answer = await other.go(`${page.url}/restart`, {
      method: 'POST',
      body: new URLSearchParams(),
      headers: { origin: app.issuer },
    })
    expect(pageOf(answer).status).toBe(410)
    expect(formsOf(pageOf(answer))).toHaveLength(0)
  })

  it('a browser that lost its cookies is told where the app is', async () => {
    const person = createPerson()
    const page = await person.open(shop.authorizeUrl().url)
    person.jar.splice(0)
    const lost = pageOf(await person.submit(page, ada))
    expect(lost.status).toBe(410)
    expect((await clicksToApp(person, lost)).url.href).toBe('https://shop.example.test/')
  })
})

describe('two tabs', () => {
  const kinds: [string, () => [Rp, Rp]][] = [
    ['with one app', () => [rp, rp]],
    ['with two apps', () => [rp, shop]],
    ['with an app of others', () => [rp, createRp(app.issuer, demoThirdParty)]],
  ]
  it.each(kinds)('%s both end there, first one first', async (_, apps) => {
    const [first, second] = apps()
    const person = createPerson()
    const one = await person.open(first.authorizeUrl({ scope: 'openid' }).url)
    const two = await person.open(second.authorizeUrl({ scope: 'openid' }).url)
    expect((await clicksToApp(person, one)).clicks).toBeLessThanOrEqual(2)
    expect((await clicksToApp(person, two)).clicks).toBeLessThanOrEqual(2)
  })

  it.each(kinds)('%s both end there, last one first', async (_, apps) => {
    const [first, second] = apps()
    const person = createPerson()
    const one = await person.open(first.authorizeUrl({ scope: 'openid' }).url)
    const two = await person.open(second.authorizeUrl({ scope: 'openid' }).url)
    expect((await clicksToApp(person, two)).clicks).toBeLessThanOrEqual(2)
    expect((await clicksToApp(person, one)).clicks).toBeLessThanOrEqual(2)
  })

  it('at once both end there', async () => {
    const person = createPerson()
    const pages = await Promise.all([1, 2].map(() => person.open(rp.authorizeUrl().url)))
    const ends = await Promise.all(pages.map((page) => clicksToApp(person, page)))
    for (const { clicks, url } of ends) {
      // One of the two may have lost the browser's cookie to the other: two clicks more, one of them the sign-in
      expect(clicks).toBeLessThanOrEqual(3)
      expect(url.searchParams.get('code')).toBeTruthy()
    }
  })

  it('with two people: the last one who signed in stays, and both tabs end at the app', async () => {
    const person = createPerson()
    const one = await person.open(rp.authorizeUrl().url)
    const two = await person.open(rp.authorizeUrl().url)
    expect((await clicksToApp(person, one, ada)).url.searchParams.get('code')).toBeTruthy()
    expect((await clicksToApp(person, two, grace)).url.searchParams.get('code')).toBeTruthy()
    const { verifier, url } = rp.authorizeUrl({ prompt: 'none' })
    const code = leftOf(await person.go(url))?.searchParams.get('code') ?? ''
    const { body } = await rp.redeem(code, verifier)
    expect(await (await rp.userinfo(body.access_token)).json()).toMatchObject({ email: grace.email })
  })

  it('one of which signed out while the other asked for consent', async () => {
    const third = createRp(app.issuer, demoThirdParty)
    const { person } = await rp.tokens()
    const consent = await person.open(third.authorizeUrl({ scope: 'openid' }).url)
    await person.submit(await person.open(`${app.issuer}/oauth2/logout`))
    const allowed = pageOf(await person.submit(consent))
    expect(allowed.status).toBe(410)
    const signIn = pageOf(await person.submit(allowed))
    expect(signIn.html).toContain('name="password"')
  })
})
