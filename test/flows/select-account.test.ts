// prompt=select_account (OIDC Core §3.1.2.1): which of the accounts known in this browser it is.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import {
  formsOf,
  headingOf,
  leftOf,
  type Page,
  type Person,
  pageOf,
  type Went,
} from '../support/browser-less.ts'
import { ada, createRp, demoThirdParty, grace } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
})
afterAll(() => app.close())

const rp = () => createRp(app.issuer)
const select = (params: Record<string, string> = {}) =>
  rp().authorizeUrl({ scope: 'openid email', prompt: 'select_account', ...params })
type Asked = ReturnType<typeof select>

/** Who the app is told that it is. */
async function whoOf(went: Went, { verifier }: Asked): Promise<string> {
  const { body } = await rp().redeem(leftOf(went).searchParams.get('code') ?? '', verifier)
  const seen = await rp().userinfo(body.access_token)
  return ((await seen.json()) as { email: string }).email
}
const press = (person: Person, page: Page, name: string, value: string) =>
  person.submit(page, {}, { button: { name, value } })
/** The button of the account with this address. */
const idOf = (page: Page, email: string): string =>
  formsOf(page)[0]?.buttons.find(({ name, text }) => name === 'account' && text.includes(email))?.value ?? ''

/** Ada is signed in, and Grace was before her. */
async function browserOfTwo(): Promise<Person> {
  const { person } = await rp().tokens({ who: grace })
  await rp().tokens({ person, who: ada, params: { prompt: 'login' } })
  return person
}

describe('prompt=select_account', () => {
  it('asks nothing but the sign-in in a browser that knows nobody', async () => {
    const { callback } = await rp().signIn({ params: { prompt: 'select_account' } })
    expect(callback.searchParams.get('code')).toBeTruthy()
  })

  it('shows who is signed in, and goes on with one press', async () => {
    const { person } = await rp().tokens()
    const asked = select()
    const page = await person.open(asked.url)
    expect(headingOf(page)).toBe('Choose an account for Demo web app')
    expect(await whoOf(await person.submit(page), asked)).toBe(ada.email)
  })

  it('shows who was there before, and asks for the password of whoever is chosen', async () => {
    const person = await browserOfTwo()
    const asked = select()
    const page = await person.open(asked.url)
    expect(page.html).toContain(ada.email)
    const password = pageOf(await press(person, page, 'account', idOf(page, 'Grace Hopper')))
    expect(password.html).toContain(grace.email)
    expect(await whoOf(await person.submit(password, grace), asked)).toBe(grace.email)
  })

  it('lets somebody sign in who is not shown', async () => {
    const { person } = await rp().tokens()
    const asked = select()
    const page = await person.open(asked.url)
    const signIn = pageOf(await press(person, page, 'account', 'another'))
    expect(
      await whoOf(
        await rp()
          .walk(person, signIn.url, grace)
          .then((left) => ({ left })),
        asked,
      ),
    ).toBe(grace.email)
  })

  it('forgets an account on demand, and remembers the others', async () => {
    const person = await browserOfTwo()
    const page = await person.open(select().url)
    const graceId = idOf(page, 'Grace Hopper')
    const left = pageOf(await press(person, page, 'forget', graceId))
    expect(left.html).not.toContain(grace.email)
    expect(left.html).toContain(ada.email)
    expect((await person.open(select().url)).html).not.toContain(grace.email)
  })

  it('asks in a browser whose session is over, too', async () => {
    const person = await browserOfTwo()
    await person.submit(await person.open(`${app.issuer}/oauth2/logout`))
    const page = await person.open(select().url)
    expect(page.html).toContain('Grace Hopper')
    expect(page.html).not.toContain('Signed in<')
  })

  it('goes on to consent, and asks no second time', async () => {
    const third = createRp(app.issuer, demoThirdParty)
    const { person } = await rp().tokens()
    const { url } = third.authorizeUrl({ scope: 'openid', prompt: 'select_account consent' })
    const consent = pageOf(await person.submit(await person.open(url)))
    expect(headingOf(consent)).toContain('Allow access')
    expect(leftOf(await person.submit(consent)).searchParams.get('code')).toBeTruthy()
  })

  it('asks for the password besides when the app wants a fresh sign-in', async () => {
    const { person, id_token } = await rp().tokens()
    await app.advance(100)
    const asked = select({ max_age: '60' })
    const page = pageOf(await person.submit(await person.open(asked.url)))
    expect(page.html).toContain('name="password"')
    const { code } = { code: leftOf(await person.submit(page, ada)).searchParams.get('code') ?? '' }
    const { body } = await rp().redeem(code, asked.verifier)
    expect(decodeJwt(body.id_token ?? '').auth_time).toBeGreaterThan(Number(decodeJwt(id_token ?? '').iat))
  })

  it('is refused by the person, with an account that was not shown, and from another site', async () => {
    const { person } = await rp().tokens()
    const page = await person.open(select().url)
    const action = formsOf(page)[0]?.action ?? ''
    const post = (fields: Record<string, string>, origin = app.issuer) =>
      person.request(action, { method: 'POST', body: new URLSearchParams(fields), headers: { origin } })
    expect((await post({ account: 'somebody' })).status).toBe(400)
    expect((await post({ account: 'another' }, 'https://evil.example')).status).toBe(403)
    const denied = leftOf(await press(person, page, 'decision', 'deny'))
    expect(denied.searchParams.get('error')).toBe('access_denied')
    expect((await post({ account: 'another' })).status).toBe(410)
  })

  it('is no silent request', async () => {
    const { person } = await rp().tokens()
    const went = await person.go(select({ prompt: 'none select_account' }).url)
    expect(leftOf(went).searchParams.get('error')).toBe('invalid_request')
  })

  it('offers what every sign-in offers', async () => {
    const { person } = await rp().tokens()
    const page = await person.open(select().url)
    const signIn = pageOf(await press(person, page, 'account', 'another'))
    const uid = new URL(signIn.url).pathname
    expect((await person.open(`${app.issuer}${uid}/sign-up`)).status).toBe(200)
  })
})
