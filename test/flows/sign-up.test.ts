// Signing up on the pages: one field, the code, and back at the app; taken addresses and closed doors.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApp, testHooks } from '../support/app.ts'
import { codeOf, createPerson, formsOf, headingOf, type Page, pageOf } from '../support/browser-less.ts'
import { codeIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { ada, createRp, demoThirdParty, type Rp } from '../support/rp.ts'

type App = TestApp & { mails: Mailbox }

/** Follows the link of the first page. */
async function toSignUp(app: App, rp: Rp, person = createPerson()) {
  // Without `profile`, so that nobody is asked for a name: see newcomer.test.ts
  const { url, verifier } = rp.authorizeUrl({ scope: 'openid email' })
  const first = await person.open(url)
  const href = /href="([^"]+\/sign-up)"/.exec(first.html)?.[1] ?? ''
  return {
    person,
    verifier,
    first,
    page: href ? await person.open(new URL(href, app.issuer).href) : undefined,
  }
}

describe.each(['open', 'verified'] as const)('with %s registration', (mode) => {
  let app: App
  let rp: Rp
  beforeAll(async () => {
    app = await startMailingApp({ env: { ...testHooks, FOYER_REGISTRATION: mode } })
    rp = createRp(app.issuer)
  })
  afterAll(() => app.close())

  it('a new person is at the app after two fields and two submits', async () => {
    const { person, verifier, page } = await toSignUp(app, rp)
    if (!page) throw new Error('no way to sign up')
    expect(headingOf(page)).toBe('Create your account for Demo web app')
    expect(Object.keys(formsOf(page)[0]?.fields ?? {})).toEqual(['email'])
    const waiting = pageOf(await person.submit(page, { email: 'Newcomer@Example.test' }))
    const went = await person.submit(waiting, { code: codeIn(await app.mails.next('Newcomer@example.test')) })
    const code = codeOf(went)
    const { body } = await rp.redeem(code, verifier)
    const me = (await (await rp.userinfo(body.access_token)).json()) as object
    expect(me).toMatchObject({ email: 'Newcomer@example.test', email_verified: true })
    expect(await app.auditTypes()).toEqual(expect.arrayContaining(['account.created']))
  })

  it('a new person is at an app that asks for consent after two fields and three submits', async () => {
    const third = createRp(app.issuer, demoThirdParty)
    const email = `consents-${mode}@example.test`
    const { url } = third.authorizeUrl({ scope: 'openid profile email' })
    const person = createPerson()
    const first = await person.open(url)
    const waiting = pageOf(
      await person.submit(first, { email }, { button: { name: 'method', value: 'code' } }),
    )
    const consent = pageOf(await person.submit(waiting, { code: codeIn(await app.mails.next(email)) }))
    expect(headingOf(consent)).toBe('Allow access for Demo third-party app?')
    const went = await person.submit(consent, {}, { button: { name: 'decision', value: 'allow' } })
    expect('left' in went && went.left.searchParams.get('code')).toBeTruthy()
  })

  it('an address that is taken gets the same page, and its mail signs its owner in', async () => {
    const strip = ({ html, url }: Page) =>
      html
        .replaceAll(url.split('/').at(-1) ?? '', 'UID')
        .replaceAll(/datetime="[^"]+" data-local>[^<]+/g, 'TIME')
    const [taken, free] = await Promise.all(
      [ada.email, 'another@example.test'].map(async (email) => {
        const { person, page } = await toSignUp(app, rp)
        return strip(pageOf(await person.submit(page ?? pageOf({ left: new URL(app.issuer) }), { email })))
      }),
    )
    expect(taken).toBe(free)
    expect(codeIn(await app.mails.next(ada.email))).toMatch(/^\d{6}$/)
    expect(await app.services.accounts.findByIdentifier('another@example.test')).toBeNull()
  })

  it.each(['', 'nobody', 'a@b', 'a@example.test,b@example.test', '"a"@example.test', 'a@example.test\n'])(
    '%j is no address',
    async (email) => {
      const { person, page } = await toSignUp(app, rp)
      if (!page) throw new Error('no way to sign up')
      const answer = await person.submit(page, { email: email.replace('\n', '\u0000') })
      expect([400, 422]).toContain(pageOf(answer).status)
    },
  )

  it('leads back to the sign-in', async () => {
    const { person, page, first } = await toSignUp(app, rp)
    const back = /href="([^"]+)">Back to sign-in<\/a>/.exec(page?.html ?? '')?.[1] ?? ''
    expect(headingOf(await person.open(new URL(back, app.issuer).href))).toBe(headingOf(first))
  })
})

describe('with closed registration', () => {
  let app: App
  let rp: Rp
  beforeAll(async () => {
    app = await startMailingApp({ env: { ...testHooks, FOYER_REGISTRATION: 'closed' } })
    rp = createRp(app.issuer)
  })
  afterAll(() => app.close())

  it('no page offers it, and its address says whom to ask', async () => {
    const { person, first, page } = await toSignUp(app, rp)
    expect(page).toBeUndefined()
    const closed = await person.open(`${first.url}/sign-up`)
    expect(closed.status).toBe(403)
    expect(closed.html).toContain('cannot sign up here')
    expect(closed.html).toContain('Back to sign-in')
    const answer = await person.go(`${first.url}/sign-up`, {
      method: 'POST',
      body: new URLSearchParams({ email: 'uninvited@example.test' }),
      headers: { origin: app.issuer },
    })
    expect(pageOf(answer).status).toBe(403)
    expect(await app.mails.rest('uninvited@example.test')).toEqual([])
  })

  it('a stranger who asks for a code gets the page that everybody gets, and nobody is made', async () => {
    const person = createPerson()
    const first = await person.open(rp.authorizeUrl().url)
    const email = 'stranger@example.test'
    const waiting = pageOf(
      await person.submit(first, { email }, { button: { name: 'method', value: 'code' } }),
    )
    expect(headingOf(waiting)).toBe('Enter the code from the email')
    for (const mail of await app.mails.rest(email)) expect(codeIn(mail)).toBe('')
    expect(pageOf(await person.submit(waiting, { code: '000000' })).status).toBe(401)
    expect(await app.services.accounts.findByIdentifier(email)).toBeNull()
  })
})
