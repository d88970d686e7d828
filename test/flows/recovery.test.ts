// A forgotten password: by the code in the tab that asked, and by the link, here and on another device.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApp, testHooks } from '../support/app.ts'
import { codeOf, createPerson, headingOf, type Page, type Person, pageOf } from '../support/browser-less.ts'
import { codeIn, linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createRp, type Rp } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
let rp: Rp
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

let people = 0
async function member() {
  const who = { email: `forgetful-${++people}@example.test`, password: 'the-old-password-of-mine' }
  await app.services.accounts.create({ kind: 'system' }, { ...who, emailVerified: true })
  return who
}
const fresh = 'a-brand-new-password-41'

/** A browser that typed its address, forgot its password and asked for the mail. */
async function forgot(email: string, person: Person = createPerson()) {
  const claims = JSON.stringify({ id_token: { acr: null, amr: null } })
  const { url, verifier } = rp.authorizeUrl({ claims })
  const password = pageOf(await person.submit(await person.open(url), { email }))
  const href = /href="([^"]+\/recover)"/.exec(password.html)?.[1] ?? ''
  const question = await person.open(new URL(href, app.issuer).href)
  expect(headingOf(question)).toBe('Forgot your password?')
  expect(question.html).toContain(`value="${email}"`)
  return { person, verifier, waiting: pageOf(await person.submit(question)) }
}

const silent = async (person: Person) => {
  const went = await person.go(rp.authorizeUrl({ prompt: 'none' }).url)
  return 'left' in went ? went.left.searchParams.get('error') : 'a page'
}

describe('by code, in the tab that asked', () => {
  it('a new password leads straight to the app, ends every other session, and tells the owner', async () => {
    const who = await member()
    const elsewhere = await rp.tokens({ who })
    const { person, verifier, waiting } = await forgot(who.email)
    const choose = pageOf(
      await person.submit(waiting, { code: codeIn(await app.mails.next(who.email, /new password/)) }),
    )
    expect(headingOf(choose)).toBe('Choose a new password')
    expect(choose.html).toMatch(/name="password" type="password"[\s\S]*?autocomplete="new-password"/)

    const { body } = await rp.redeem(codeOf(await person.submit(choose, { password: fresh })), verifier)
    expect(decodeJwt(body.id_token ?? '')).toMatchObject({ acr: 'urn:foyer:acr:email', amr: ['otp'] })
    expect(await silent(elsewhere.person)).toBe('login_required')
    expect((await rp.refresh(elsewhere.refresh_token ?? '')).status).toBe(400)
    await app.mails.next(who.email, /was recovered/)
    await rp.tokens({ who: { ...who, password: fresh } })
    await expect(rp.tokens({ who })).rejects.toThrow('401')
  })

  it('goes on to the app too when a session that is ended by it was there before', async () => {
    const who = await member()
    const { person } = await rp.tokens({ who })
    const { url } = rp.authorizeUrl({ prompt: 'login' })
    const password = pageOf(await person.submit(await person.open(url), { email: who.email }))
    const question = await person.open(`${password.url}/recover`)
    const waiting = pageOf(await person.submit(question))
    const code = codeIn(await app.mails.next(who.email, /new password/))
    const choose = pageOf(await person.submit(waiting, { code }))
    expect(codeOf(await person.submit(choose, { password: fresh }))).toBeTruthy()
    expect(await silent(person)).toBeNull()
  })

  it('chooses a password for the one who asked, whatever link was opened here meanwhile', async () => {
    const [who, stranger] = [await member(), await member()]
    await forgot(stranger.email)
    const link = linkIn(await app.mails.next(stranger.email, /new password/))
    const { person, waiting } = await forgot(who.email)
    const code = codeIn(await app.mails.next(who.email, /new password/))
    const choose = pageOf(await person.submit(waiting, { code }))
    // An image, a frame or a pop-up of another site is enough to open it
    await person.open(link)
    expect(pageOf(await person.submit(choose, { password: fresh })).url).toMatch(/\/recover$/)
    await rp.tokens({ who: stranger })
  })

  it('a password that is refused spends nothing', async () => {
    const who = await member()
    const { person, waiting } = await forgot(who.email)
    const choose = pageOf(
      await person.submit(waiting, { code: codeIn(await app.mails.next(who.email, /new password/)) }),
    )
    for (const password of ['', 'short']) {
      const refused = pageOf(await person.submit(choose, { password }))
      expect(refused.status).toBe(422)
      expect(refused.html).toMatch(/role="alert"[\s\S]*<a href="#password">/)
      expect(refused.html).not.toContain('value="short"')
    }
    expect(codeOf(await person.submit(choose, { password: fresh }))).toBeTruthy()
  })

  it('a right code in one browser lets no other browser choose', async () => {
    const who = await member()
    const { person, waiting } = await forgot(who.email)
    const choose = pageOf(
      await person.submit(waiting, { code: codeIn(await app.mails.next(who.email, /new password/)) }),
    )
    const thief = createPerson()
    expect(pageOf(await thief.submit(choose, { password: fresh })).status).toBe(410)
    person.jar.splice(
      person.jar.findIndex(({ name }) => name === 'foyer_recovery'),
      1,
    )
    const again = pageOf(await person.submit(choose, { password: fresh }))
    expect(headingOf(again)).toBe('Forgot your password?')
    await rp.tokens({ who })
  })

  it('that waited too long begins again', async () => {
    const who = await member()
    const { person, waiting } = await forgot(who.email)
    const choose = pageOf(
      await person.submit(waiting, { code: codeIn(await app.mails.next(who.email, /new password/)) }),
    )
    await app.advance(301)
    expect(headingOf(pageOf(await person.submit(choose, { password: fresh })))).toBe('Forgot your password?')
  })

  it('shows somebody who is unknown the same page and mails no code', async () => {
    const { email } = await member()
    const strip = ({ html, url }: Page) =>
      html
        .replaceAll(url.split('/').at(-1) ?? '', 'UID')
        .replaceAll(/datetime="[^"]+" data-local>[^<]+/g, 'TIME')
    const known = await forgot(email)
    const unknown = await forgot('foreigner@example.test')
    expect(strip(unknown.waiting)).toBe(strip(known.waiting))
    for (const mail of await app.mails.rest('foreigner@example.test')) expect(codeIn(mail)).toBe('')
  })
})

describe('by link', () => {
  it('leaves the token out of the address, and in the browser that asked ends at the app', async () => {
    const who = await member()
    const { person } = await forgot(who.email)
    const landing = await person.open(linkIn(await app.mails.next(who.email, /new password/)))
    expect(landing.url).toBe(`${app.issuer}/recover`)
    expect(headingOf(landing)).toBe('Choose a new password')
    expect(landing.html).not.toContain('foyer_recovery')
    expect(codeOf(await person.submit(landing, { password: fresh }))).toBeTruthy()
  })

  it('on another device sets the password, signs nobody in, and leads to the account', async () => {
    const who = await member()
    const { person, waiting } = await forgot(who.email)
    const phone = createPerson()
    const landing = await phone.open(linkIn(await app.mails.next(who.email, /new password/)))
    const done = pageOf(await phone.submit(landing, { password: fresh }))
    expect([done.status, headingOf(done)]).toEqual([200, 'Your new password is set'])
    expect(done.html).toContain('href="/account"')
    expect(await silent(phone)).toBe('login_required')
    const over = pageOf(await person.submit(waiting, { code: '123456' }))
    expect(over.status).toBeLessThan(500)
    const password = pageOf(
      await person.submit(over, {}, { button: { name: 'decision', value: 'password' } }),
    )
    expect(codeOf(await person.submit(password, { password: fresh }))).toBeTruthy()
  })

  it('survives scanners, a refused password and a second look', async () => {
    const who = await member()
    const { person } = await forgot(who.email)
    const link = linkIn(await app.mails.next(who.email, /new password/))
    const scanner = createPerson()
    for (let times = 0; times < 5; times += 1) {
      await (await scanner.request(link, { method: 'HEAD' })).arrayBuffer()
      await scanner.open(link)
    }
    const landing = await person.open(link)
    const refused = pageOf(await person.submit(landing, { password: 'short' }))
    expect(refused.status).toBe(422)
    expect(codeOf(await person.submit(refused, { password: fresh }))).toBeTruthy()
  })

  it('used already: says so and leads on', async () => {
    const who = await member()
    const { person } = await forgot(who.email)
    const link = linkIn(await app.mails.next(who.email, /new password/))
    await person.submit(await person.open(link), { password: fresh })
    const used = await person.open(link)
    expect([used.status, headingOf(used)]).toEqual([410, 'This link was used already'])
    expect(codeOf(await person.submit(used))).toBeTruthy()
    const elsewhere = await createPerson().open(link)
    expect(elsewhere.html).toMatch(/<a class="primary" href="[^"]+"/)
  })

  it('dies after fifteen minutes, and with the password', async () => {
    const who = await member()
    const { person } = await forgot(who.email)
    const link = linkIn(await app.mails.next(who.email, /new password/))
    await app.advance(901)
    expect(headingOf(await person.open(link))).toBe('This link has expired')

    const other = await member()
    const asked = await forgot(other.email)
    const dead = linkIn(await app.mails.next(other.email, /new password/))
    const { id = '' } = (await app.services.accounts.findByIdentifier(other.email)) ?? {}
    await app.services.accounts.setPassword({ kind: 'operator' }, id, 'set-by-an-operator-22')
    expect(headingOf(await asked.person.open(dead))).toBe('This link has expired')
  })

  it.each(['', '?token=', '?token=nonsense', '?token=%00', `?token=${'x'.repeat(9_000)}`])(
    'that is none (%#) has a way on',
    async (query) => {
      const page = await createPerson().open(`${app.issuer}/recover${query}`)
      expect(page.status).toBeGreaterThanOrEqual(400)
      expect(page.status).toBeLessThan(500)
      expect(page.html).toMatch(/<a class="primary" href="[^"]+"|<h1>/)
    },
  )
})
