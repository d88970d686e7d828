// The pages about one's own account, walked without a script: whose they are, and what each button leaves behind.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import {
  createPerson,
  formsOf,
  type Page,
  type Person,
  pageOf,
  throughSignIn,
} from '../support/browser-less.ts'
import { ada, createRp, demoThirdParty, grace, type Who } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
})
afterAll(() => app.close())

let count = 0
/** Somebody new, with a password of their own. */
async function newcomer(): Promise<Who & { id: string }> {
  count += 1
  const who = { email: `somebody-${count}@example.test`, password: 'a-password-of-their-own' }
  const { id } = await app.services.accounts.create({ kind: 'operator' }, { ...who, emailVerified: true })
  return { ...who, id }
}

/** Opens a page of the account, through sign-in where that is asked. */
async function openAs(
  who: Who,
  path: string,
  person: Person = createPerson(),
): Promise<Page & { person: Person }> {
  const page = await throughSignIn(person, await person.open(app.issuer + path), who)
  return { ...page, person }
}

const formIndex = (page: Page, action: string, field?: [string, string]) =>
  formsOf(page).findIndex(
    (form) => form.action === app.issuer + action && (!field || form.fields[field[0]] === field[1]),
  )

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0'
const iphone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1'

describe('whoever is not signed in', () => {
  it.each(['', '/sign-in', '/email', '/sessions', '/apps', '/data', '/delete'])(
    'comes back to /account%s after signing in',
    async (path) => {
      const page = await openAs(ada, `/account${path}`)
      expect([page.status, page.url]).toEqual([200, `${app.issuer}/account${path}`])
      expect(page.headers.get('cache-control')).toContain('no-store')
      expect(page.html).toContain(ada.email)
    },
  )

  it('is asked to sign in to Foyer and may say no', async () => {
    const person = createPerson()
    const page = await person.open(`${app.issuer}/account`)
    expect(page.html).toContain('Sign in to Foyer')
    const refused = pageOf(await person.submit(page, {}, { button: { name: 'decision', value: 'deny' } }))
    expect(refused.html).toContain('You are not signed in')
    expect(refused.html).toContain('href="/account"')
  })

  it('gets there from the bare address of the issuer', async () => {
    const page = await createPerson().open(`${app.issuer}/`)
    expect(page.html).toContain('Sign in to Foyer')
    expect((await fetch(`${app.issuer}/`, { method: 'POST' })).status).toBe(405)
  })

  it('changes nothing by posting', async () => {
    const person = createPerson()
    const before = await app.services.accounts.findByIdentifier(ada.email)
    const answer = await person.request(`${app.issuer}/account`, {
      method: 'POST',
      body: new URLSearchParams({ name: 'Mallory' }),
      headers: { origin: app.issuer },
    })
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toContain('/oauth2/authorize?')
    expect((await app.services.accounts.findByIdentifier(ada.email))?.profile).toEqual(before?.profile)
  })

  it.each([
    'https://evil.example',
    '//evil.example',
    '/oauth2/logout',
    '/account/restore',
    '/invitation?token=//evil.example',
    `/invitation?token=foyer_invitation_${'x'.repeat(43)}&next=//evil.example`,
  ])('is sent nowhere but to pages of ours: %s', async (state) => {
    const answer = await createPerson().request(
      `${app.issuer}/account/callback?code=x&state=${encodeURIComponent(state)}`,
    )
    expect(answer.status).toBe(400)
    expect(answer.headers.get('location')).toBeNull()
  })
})

describe('another site', () => {
  it('posts nothing in the name of who is signed in', async () => {
    const who = await newcomer()
    const { person } = await openAs(who, '/account')
    for (const path of [
      '',
      '/password',
      '/password/first',
      '/password/remove',
      '/email',
      '/email/confirm',
      '/sessions',
      '/apps',
      '/delete',
      '/restore',
    ]) {
      const answer = await person.request(`${app.issuer}/account${path}`, {
        method: 'POST',
        body: new URLSearchParams({ name: 'Mallory', which: 'others', confirm: who.email }),
        headers: { origin: 'https://evil.example' },
      })
      expect([path, answer.status]).toEqual([path, 403])
    }
    expect((await app.services.accounts.get(who.id)).status).toBe('active')
  })
})

describe('the profile', () => {
  it('keeps what was edited, and leaves the rest as it was', async () => {
    const page = await openAs(ada, '/account')
    expect(page.html).toContain('value="Ada King Lovelace"')
    const before = (await app.services.accounts.findByIdentifier(ada.email))?.profile
    const saved = pageOf(await page.person.submit(page, { nickname: 'Countess', website: '' }))
    expect(saved.html).toContain('Saved.')
    const after = (await app.services.accounts.findByIdentifier(ada.email))?.profile
    const { website: _, ...rest } = before ?? {}
    expect(after).toEqual({ ...rest, nickname: 'Countess' })
    expect(await app.auditTypes()).toContain('account.updated')
  })

  it('takes every standard claim', async () => {
    const who = await newcomer()
    const page = await openAs(who, '/account')
    const typed = {
      name: 'Some Body',
      username: `Some-Body-${count}`,
      locale: 'de',
      given_name: 'Some',
      family_name: 'Body',
      middle_name: 'X',
      nickname: 'S',
      profile: 'https://example.test/s',
      picture: 'https://example.test/s.png',
      website: 'https://s.example.test/',
      gender: 'other',
      birthdate: '1990-02-03',
      zoneinfo: 'Europe/Berlin',
      phone_number: '+49 30 123456',
      street_address: 'Weg 1',
      locality: 'Berlin',
      region: 'BE',
      postal_code: '10115',
      country: 'Deutschland',
    }
    expect(pageOf(await page.person.submit(page, typed)).status).toBe(200)
    const { profile, username, locale } = await app.services.accounts.get(who.id)
    const {
      street_address,
      locality,
      region,
      postal_code,
      country,
      username: _,
      locale: __,
      ...claims
    } = typed
    expect(profile).toEqual({
      ...claims,
      address: { street_address, locality, region, postal_code, country },
    })
    expect([username, locale]).toEqual([typed.username.toLowerCase(), 'de'])

    const again = await openAs({ ...who, email: typed.username }, '/account')
    expect(again.html).toContain('lang="de"')
    expect(again.html).toContain(who.email)
  })

  it.each([
    ['birthdate', '3 Feb'],
    ['phone_number', 'none'],
    ['website', 'javascript:alert(1)'],
    ['username', 'a b'],
    ['name', 'x'.repeat(201)],
  ])('says what to mend about %s and keeps what was typed', async (field, value) => {
    const who = await newcomer()
    const page = await openAs(who, '/account')
    const refused = pageOf(await page.person.submit(page, { [field]: value, gender: 'kept' }))
    expect(refused.status).toBe(422)
    expect(refused.html).toContain(`href="#${field}"`)
    expect(refused.html).toContain('value="kept"')
    expect((await app.services.accounts.get(who.id)).profile).toEqual({})
  })

  it('refuses a user name that somebody has', async () => {
    const [first, second] = [await newcomer(), await newcomer()]
    const actor = { kind: 'operator' } as const
    await app.services.accounts.update(actor, first.id, { username: 'taken-name' })
    const page = await openAs(second, '/account')
    const refused = pageOf(await page.person.submit(page, { username: 'Taken-Name' }))
    expect(refused.status).toBe(422)
    expect(refused.html).toContain('somebody has this one')
  })

  it('cannot say that a phone number was verified', async () => {
    const page = await openAs(ada, '/account')
    const form = { phone_number: '+44 20 0000 0000', phone_number_verified: 'true', email_verified: 'true' }
    expect(pageOf(await page.person.submit(page, form)).status).toBe(200)
    const account = await app.services.accounts.findByIdentifier(ada.email)
    expect(account?.profile.phone_number).toBe(form.phone_number)
    expect(account?.profile).not.toHaveProperty('phone_number_verified')
  })
})

describe('a password', () => {
  it('is changed with the one before; other devices are signed out, this one is not', async () => {
    const who = await newcomer()
    const elsewhere = await openAs(who, '/account')
    const page = await openAs(who, '/account/sign-in')
    const next = 'quite-another-password'
    const wrong = pageOf(await page.person.submit(page, { current: 'not-this-one', password: next }))
    expect(wrong.status).toBe(422)
    expect(wrong.html).toContain('href="#current"')
    const short = pageOf(await page.person.submit(page, { current: who.password, password: 'short' }))
    expect(short.status).toBe(422)
    expect(short.html).toContain('href="#password"')

    const done = pageOf(await page.person.submit(page, { current: who.password, password: next }))
    expect(done.html).toContain('Your password is changed')
    expect((await page.person.open(`${app.issuer}/account`)).html).toContain(who.email)
    expect((await elsewhere.person.open(`${app.issuer}/account`)).url).toContain('/interaction/')
    expect((await openAs({ ...who, password: next }, '/account')).html).toContain('Your profile')
  })

  it('is removed by whom mail signs in, and set again', async () => {
    const who = await newcomer()
    const page = await openAs(who, '/account/sign-in')
    const removed = pageOf(
      await page.person.submit(page, {}, { form: formIndex(page, '/account/password/remove') }),
    )
    expect(removed.html).toContain('Your password is gone')
    expect((await app.services.accounts.get(who.id)).hasPassword).toBe(false)
    const set = pageOf(await page.person.submit(removed, { password: 'once-more-a-password' }))
    expect(set.html).toContain('Your password is set')
    expect((await app.services.accounts.get(who.id)).hasPassword).toBe(true)
  })
})

describe('what is dangerous', () => {
  it.each(['/email', '/delete', '/data/export'])(
    'asks for a sign-in of the last ten minutes: %s',
    async (path) => {
      const who = await newcomer()
      const { person } = await openAs(who, '/account')
      expect((await person.request(`${app.issuer}/account${path}`)).status).toBe(200)
      await app.advance(601)
      expect((await person.request(`${app.issuer}/account`)).status).toBe(200)
      const asked = await person.open(`${app.issuer}/account${path}`)
      expect(asked.url).toContain('/interaction/')
      const answer = await person.submit(asked, { email: who.email, password: who.password })
      const then = pageOf(answer)
      const last = then.url.includes('/interaction/')
        ? pageOf(await person.submit(then, { email: who.email, password: who.password }))
        : then
      expect(last.url).toBe(`${app.issuer}/account${path}`)
      expect(last.status).toBe(200)
    },
  )

  it('is not done by a form that was filled in long ago', async () => {
    const who = await newcomer()
    const page = await openAs(who, '/account/delete')
    await app.advance(601)
    const answer = pageOf(await page.person.submit(page, { confirm: who.email }))
    expect(answer.url).toContain('/interaction/')
    expect((await app.services.accounts.get(who.id)).status).toBe('active')
  })
})

describe('devices', () => {
  it('are called by their names; one is signed out, its tokens with it', async () => {
    const who = await newcomer()
    const phone = createPerson({ headers: { 'user-agent': iphone } })
    const rp = createRp(app.issuer)
    const tokens = await rp.tokens({ who, person: phone })
    const page = await openAs(who, '/account/sessions', createPerson({ headers: { 'user-agent': firefox } }))
    expect(page.html).toContain('Safari on iOS')
    expect(page.html).toContain('Firefox on Linux')
    expect(page.html.match(/This device/g)).toHaveLength(1)
    expect((await rp.userinfo(tokens.access_token)).status).toBe(200)

    const [other] = (await app.services.sessions.listFor(who.id)).filter(
      ({ device }) => device === 'Safari on iOS',
    )
    const form = formIndex(page, '/account/sessions', ['id', other?.id ?? ''])
    const done = pageOf(await page.person.submit(page, {}, { form }))
    expect(done.html).toContain('That device is signed out')
    expect((await rp.userinfo(tokens.access_token)).status).toBe(401)
    expect((await rp.introspect(tokens.access_token)).body.active).toBe(false)
    expect((await rp.refresh(tokens.refresh_token ?? '')).status).toBe(400)
    expect((await phone.open(`${app.issuer}/account`)).url).toContain('/interaction/')
    expect((await page.person.open(`${app.issuer}/account`)).html).toContain('Your profile')
    // Once more from a second tab: it is as the person wants it
    expect(pageOf(await page.person.submit(page, {}, { form })).status).toBe(200)
  })

  it('are signed out all but this one', async () => {
    const who = await newcomer()
    const others = [await openAs(who, '/account'), await openAs(who, '/account')]
    const page = await openAs(who, '/account/sessions')
    const form = formIndex(page, '/account/sessions', ['which', 'others'])
    const done = pageOf(await page.person.submit(page, {}, { form }))
    expect(done.html).toContain('You are signed in nowhere else')
    for (const { person } of others) {
      expect((await person.open(`${app.issuer}/account`)).url).toContain('/interaction/')
    }
    expect(await app.services.sessions.listFor(who.id)).toHaveLength(1)
  })
})

describe('apps', () => {
  it('are listed with what they may do, and lose it', async () => {
    const who = await newcomer()
    const rp = createRp(app.issuer, demoThirdParty)
    const person = createPerson()
    const params = { scope: 'openid email offline_access', prompt: 'consent' }
    const tokens = await rp.tokens({ who, person, params })
    const page = await openAs(who, '/account/apps', person)
    for (const sentence of [
      'Know that it is you each time you sign in',
      'Your email',
      'Keep working when you are not signed in, until you remove it',
    ]) {
      expect(page.html).toContain(`<li>${sentence}</li>`)
    }
    expect(page.html).toMatch(/Since \w+ \d+, \d{4}<br>Last seen signed in to it \w+/)
    expect(page.html).not.toContain('offline_access')
    const form = formIndex(page, '/account/apps', ['client_id', 'demo-third-party'])
    const done = pageOf(await person.submit(page, {}, { form }))
    expect(done.html).toContain('No app has access')
    expect((await rp.refresh(tokens.refresh_token ?? '')).status).toBe(400)
    expect((await rp.userinfo(tokens.access_token)).status).toBe(401)
    expect(await app.auditTypes()).toContain('grant.revoked')
  })

  it.each([
    ['starting', { initiate_login_uri: 'https://start.example/login?tenant=1' }, 'initiates'],
    ['with-page', { client_uri: 'https://start.example/home' }, 'https://start.example/home'],
    ['without', {}, undefined],
  ])('lead to where one begins: %s', async (id, metadata, leadsTo) => {
    const redirect_uri = 'https://start.example/callback'
    await app.addClient(id, { redirect_uris: [redirect_uri], client_name: `App ${id}`, ...metadata })
    const who = await newcomer()
    const person = createPerson()
    await createRp(app.issuer, { client_id: id, client_secret: secretOf(id), redirect_uri }).signIn({
      who,
      person,
    })
    const { html } = await openAs(who, '/account/apps', person)
    const link = new RegExp(`<a href="([^"]+)"><bdi>App ${id}</bdi></a>`)
      .exec(html)?.[1]
      ?.replaceAll('&amp;', '&')
    // OIDC Core §4: with the issuer, and what the address had in its query already
    const initiates = `https://start.example/login?tenant=1&iss=${encodeURIComponent(app.issuer)}`
    expect(link).toBe(leadsTo === 'initiates' ? initiates : leadsTo)
  })
})

describe('one’s data', () => {
  it('is taken along as one file, without a secret', async () => {
    const { person } = await openAs(grace, '/account/data')
    const answer = await person.request(`${app.issuer}/account/data/export`)
    expect(answer.headers.get('content-disposition')).toContain('attachment')
    const text = await answer.text()
    const data = JSON.parse(text)
    expect(data.account.email).toBe(grace.email)
    expect(data.teams).toMatchObject([{ slug: 'acme', role: 'member' }])
    expect(data.sessions).toHaveLength(1)
    expect(data.activity.map(({ type }: { type: string }) => type)).toContain('authn.succeeded')
    expect(text).not.toMatch(/\$argon2|password_hash|id_hash/)
  })
})
