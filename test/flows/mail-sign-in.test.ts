// Signing in and signing up with what was mailed: codes and links, in the browser that asked and elsewhere.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rates } from '../../src/config/limits.ts'
import { gapMs } from '../../src/platform/limiter.ts'
import { secretOf, type TestApp, testHooks } from '../support/app.ts'
import {
  codeOf,
  createPerson,
  formsOf,
  headingOf,
  type Page,
  type Person,
  pageOf,
} from '../support/browser-less.ts'
import { codeIn, linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { ada, createRp, type Rp } from '../support/rp.ts'

const mailRate = rates['mail.address']

let app: TestApp & { mails: Mailbox }
let rp: Rp
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

const method = (value: 'link' | 'code') => ({ button: { name: 'method', value } })
const decision = (value: string) => ({ button: { name: 'decision', value } })

let people = 0
/** An address that nobody has used yet. */
const stranger = () => `person-${++people}@example.test`

const levelAsked = JSON.stringify({ id_token: { acr: null, amr: null } })

/** So that nobody new is asked for a name on the way: see newcomer.test.ts. */
const withoutProfile = 'openid email offline_access'

/** A browser that has asked for a mail and waits for its code. */
async function asked(
  how: 'link' | 'code',
  email = stranger(),
  { client = rp, person = createPerson() } = {},
) {
  const { url, verifier, state } = client.authorizeUrl({ claims: levelAsked, scope: withoutProfile })
  const first = await person.open(url)
  await app.mails.rest(email)
  const waiting = pageOf(await person.submit(first, { email }, method(how)))
  return { person, email, waiting, verifier, state }
}

const silent = async (person: Person) => {
  const went = await person.go(rp.authorizeUrl({ prompt: 'none' }).url)
  return 'left' in went ? went.left.searchParams.get('error') : 'a page'
}

describe('a code by mail', () => {
  it('brings a new person to the app with two fields and two submits', async () => {
    const { person, email, waiting, verifier, state } = await asked('code')
    expect(waiting.status).toBe(200)
    expect(headingOf(waiting)).toBe('Enter the code from the email')
    expect(waiting.html).toContain('p•••@example.test')
    expect(waiting.html).not.toContain(email)
    expect(waiting.html).toMatch(
      /<input id="code" name="code" type="text"[\s\S]*?autocomplete="one-time-code"/,
    )
    const went = await person.submit(waiting, { code: codeIn(await app.mails.next(email)) })
    expect('left' in went && went.left.searchParams.get('state')).toBe(state)

    const { body } = await rp.redeem(codeOf(went), verifier)
    expect(decodeJwt(body.id_token ?? '')).toMatchObject({ acr: 'urn:foyer:acr:email', amr: ['otp'] })
    const me = (await (await rp.userinfo(body.access_token)).json()) as object
    expect(me).toMatchObject({ email, email_verified: true })
  })

  it('signs in somebody who is known, from the password page too', async () => {
    const person = createPerson()
    const { url, verifier } = rp.authorizeUrl()
    const password = pageOf(await person.submit(await person.open(url), { email: ada.email }))
    const waiting = pageOf(await person.submit(password, {}, method('code')))
    const went = await person.submit(waiting, { code: codeIn(await app.mails.next(ada.email, /code|link/)) })
    const { body } = await rp.redeem(codeOf(went), verifier)
    expect(await (await rp.userinfo(body.access_token)).json()).toMatchObject({ email: ada.email })
  })

  it.each(['full-width', 'Arabic-Indic', 'a pasted sentence', 'with blanks'])('%s is read', async (shape) => {
    const { person, email, waiting } = await asked('code')
    const code = codeIn(await app.mails.next(email))
    const shifted = (zero: number) =>
      [...code].map((digit) => String.fromCodePoint(zero + Number(digit))).join('')
    const shapes: Record<string, string> = {
      'full-width': shifted(0xff10),
      'Arabic-Indic': shifted(0x0660),
      'a pasted sentence': `Your code is ${code}.`,
      'with blanks': ` ${code.slice(0, 3)}\u00a0${code.slice(3)} `,
    }
    expect(codeOf(await person.submit(waiting, { code: shapes[shape] ?? '' }))).toBeTruthy()
  })

  it('is asked for again when nothing or something wrong is typed', async () => {
    const { person, email, waiting } = await asked('code')
    const nothing = pageOf(await person.submit(waiting, { code: '  ' }))
    expect([nothing.status, headingOf(nothing)]).toEqual([422, 'Enter the code from the email'])
    const right = codeIn(await app.mails.next(email))
    const wrong = pageOf(await person.submit(nothing, { code: right === '000000' ? '000001' : '000000' }))
    expect(wrong.status).toBe(401)
    expect(wrong.html).toMatch(/role="alert"[\s\S]*<a href="#code">/)
    expect(codeOf(await person.submit(wrong, { code: right }))).toBeTruthy()
  })

  it('is over after five wrong ones, says so, and another mail goes on', async () => {
    const { person, email, waiting } = await asked('code')
    const right = codeIn(await app.mails.next(email))
    const wrong = right === '000000' ? '000001' : '000000'
    for (let tries = 0; tries < 5; tries += 1) await person.submit(waiting, { code: wrong })
    const over = pageOf(await person.submit(waiting, { code: right }))
    expect(over.html).toContain('This code can no longer be used')
    expect(over.html).not.toContain('name="code"')
    const again = pageOf(await person.submit(over))
    expect(codeOf(await person.submit(again, { code: codeIn(await app.mails.next(email)) }))).toBeTruthy()
  })

  it('works once: the same code from another tab ends at the app all the same', async () => {
    const { person, email, waiting } = await asked('code')
    const code = codeIn(await app.mails.next(email))
    expect(codeOf(await person.submit(waiting, { code }))).toBeTruthy()
    const again = pageOf(await person.submit(waiting, { code }))
    expect(again.status).toBe(410)
    expect(codeOf(await person.submit(again))).toBeTruthy()
  })

  it('is mailed again when the wait is over, and the page says when that is', async () => {
    const { person, email, waiting } = await asked('code')
    await app.mails.next(email)
    expect(waiting.html).toMatch(/From <time datetime="[^"]+" data-local>/)
    const early = pageOf(await person.submit(waiting, {}, decision('resend')))
    expect(await app.mails.rest(email)).toEqual([])
    expect([early.status, Number(early.headers.get('retry-after'))]).toEqual([429, expect.closeTo(29, -1)])
    await app.advance(31)
    const later = await person.open(waiting.url)
    const sent = pageOf(await person.submit(later, {}, decision('resend')))
    expect(codeOf(await person.submit(sent, { code: codeIn(await app.mails.next(email)) }))).toBeTruthy()
  })

  it('leads back to the password and to another address', async () => {
    const { person, waiting } = await asked('code', ada.email)
    const password = pageOf(await person.submit(waiting, {}, decision('password')))
    expect(password.html).toContain(`value="${ada.email}"`)
    const other = await asked('code', ada.email)
    const first = pageOf(await other.person.submit(other.waiting, {}, decision('restart')))
    expect(formsOf(first)[0]?.fields).toMatchObject({ email: '', password: '' })
    await app.mails.rest(ada.email)
    expect(codeOf(await person.submit(password, { password: ada.password }))).toBeTruthy()
  })

  it('needs an address, not a username', async () => {
    const person = createPerson()
    const page = await person.open(rp.authorizeUrl().url)
    const refused = pageOf(await person.submit(page, { email: 'ada' }, method('code')))
    expect(refused.status).toBe(422)
    expect(refused.html).toMatch(/role="alert"[\s\S]*<a href="#email">/)
  })

  it('shows a known and an unknown address the same', async () => {
    const shown = await Promise.all(
      [ada.email, 'abc@example.test'].map(async (email) => {
        const { waiting } = await asked('code', email)
        const uid = waiting.url.split('/').at(-1) ?? ''
        return waiting.html.replaceAll(uid, 'UID').replaceAll(/datetime="[^"]+" data-local>[^<]+/g, 'TIME')
      }),
    )
    expect(shown[0]).toBe(shown[1])
  })
})

describe('a link by mail', () => {
  it('signs in with one button in the browser that asked', async () => {
    const { person, email, waiting } = await asked('link')
    expect(headingOf(waiting)).toBe('Check your email')
    const landing = await person.open(linkIn(await app.mails.next(email)))
    expect(landing.status).toBe(200)
    expect(landing.headers.get('cache-control')).toBe('no-store')
    expect(landing.headers.get('referrer-policy')).toBe('no-referrer')
    expect(landing.html).toContain('<meta name="robots" content="noindex">')
    expect(formsOf(landing)[0]?.buttons).toHaveLength(1)
    expect(codeOf(await person.submit(landing))).toBeTruthy()
  })

  it('shows a code anywhere else, signs nobody in there, and the code goes on where it was asked for', async () => {
    const { person, email, waiting } = await asked('link')
    const elsewhere = createPerson()
    const landing = await elsewhere.open(linkIn(await app.mails.next(email)))
    const code = /<strong>(\d{6})<\/strong>/.exec(landing.html)?.[1] ?? ''
    expect(code).toMatch(/^\d{6}$/)
    expect(formsOf(landing)).toHaveLength(0)
    expect(await silent(elsewhere)).toBe('login_required')
    expect(await silent(person)).toBe('login_required')
    expect(codeOf(await person.submit(waiting, { code }))).toBeTruthy()
    expect(await silent(elsewhere)).toBe('login_required')
  })

  it('is not spent by whatever opens it or posts it without the cookie', async () => {
    const { person, email } = await asked('link')
    const link = linkIn(await app.mails.next(email))
    const token = new URL(link).searchParams.get('token') ?? ''
    const scanner = createPerson()
    for (const init of [
      { method: 'HEAD' },
      {},
      { method: 'POST', body: new URLSearchParams({ token }), headers: { origin: app.issuer } },
      { method: 'POST', body: new URLSearchParams({ token }) },
    ]) {
      for (let times = 0; times < 3; times += 1)
        await (await scanner.request(init.body ? `${app.issuer}/link` : link, init)).arrayBuffer()
    }
    await (await person.request(link, { method: 'HEAD' })).arrayBuffer()
    expect(codeOf(await person.submit(await person.open(link)))).toBeTruthy()
    expect(await silent(scanner)).toBe('login_required')
  })

  it('a victim who opens an attacker’s link stays signed out, and so does the attacker', async () => {
    const attacker = await asked('link', ada.email)
    const victim = createPerson()
    await rp.signIn({ person: victim })
    await victim.open(linkIn(await app.mails.next(ada.email, /code|link/)))
    for (let polls = 0; polls < 20; polls += 1) {
      expect(pageOf(await attacker.person.open(attacker.waiting.url)).status).toBe(200)
    }
    expect(await silent(attacker.person)).toBe('login_required')
  })

  it('used already: says so, and ends at the app', async () => {
    const { person, email } = await asked('link')
    const link = linkIn(await app.mails.next(email))
    await person.submit(await person.open(link))
    const used = await person.open(link)
    expect([used.status, headingOf(used)]).toEqual([410, 'This link was used already'])
    expect(codeOf(await person.submit(used))).toBeTruthy()
  })

  it('expired: says so, and begins the sign-in again', async () => {
    const { person, email } = await asked('link')
    const link = linkIn(await app.mails.next(email))
    await app.advance(601)
    const expired = await person.open(link)
    expect([expired.status, headingOf(expired)]).toEqual([410, 'This link has expired'])
    expect(pageOf(await person.submit(expired)).html).toContain('name="email"')
  })

  it.each(['', '?token=', '?token=nonsense', `?token=${'x'.repeat(9_000)}`, '?token=a&token=b'])(
    'that is none (%#) has a way on',
    async (query) => {
      const page = await createPerson().open(`${app.issuer}/link${query}`)
      expect([page.status, headingOf(page)]).toEqual([410, 'This link has expired'])
      expect(page.html).toMatch(/<a class="primary" href="[^"]+"/)
    },
  )
})

describe('a link that a program asked for', () => {
  it('asks for a click, then shows the code that the program takes', async () => {
    const email = stranger()
    const post = (path: string, body: object) =>
      fetch(`${app.issuer}/auth/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const started = await post('passwordless/start', { email, method: 'link' })
    const { flow } = (await started.json()) as { flow: string }
    const browser = createPerson()
    const landing = await browser.open(linkIn(await app.mails.next(email)))
    expect(landing.html).not.toMatch(/\b\d{6}\b/)
    const shown = pageOf(await browser.submit(landing))
    const code = /<strong>(\d{6})<\/strong>/.exec(shown.html)?.[1] ?? ''
    expect(await silent(browser)).toBe('login_required')
    expect((await post('passwordless/verify', { flow, code })).status).toBe(201)
  })
})

describe('many at once', () => {
  it('of fifty posts of one code one signs in, and the browser ends at the app', async () => {
    const { person, email, waiting } = await asked('code')
    const code = codeIn(await app.mails.next(email))
    const went = await Promise.all(Array.from({ length: 50 }, () => person.submit(waiting, { code })))
    expect(went.filter((each) => 'left' in each).length).toBeGreaterThan(0)
    expect(await signInsOf(email)).toBe(1)
    expect(await silent(person)).toBeNull()
  })

  it('of fifty posts of one link one signs in, and the browser ends at the app', async () => {
    const { person, email } = await asked('link')
    const landing = await person.open(linkIn(await app.mails.next(email)))
    await Promise.all(Array.from({ length: 50 }, () => person.submit(landing)))
    expect(await signInsOf(email)).toBe(1)
    expect(await silent(person)).toBeNull()
  })

  it('of a code and the link it came with one signs in', async () => {
    const { person, email, waiting } = await asked('link')
    const link = linkIn(await app.mails.next(email))
    const seenElsewhere = (await createPerson().open(link)).html
    const code = /<strong>(\d{6})<\/strong>/.exec(seenElsewhere)?.[1] ?? ''
    const landing = await person.open(link)
    await Promise.all([
      ...Array.from({ length: 10 }, () => person.submit(landing)),
      ...Array.from({ length: 10 }, () => person.submit(waiting, { code })),
    ])
    expect(await signInsOf(email)).toBe(1)
  })

  async function signInsOf(email: string): Promise<number> {
    const [row] = await app.services.db.query<{ count: number }>({
      text: `SELECT count(*)::int AS count FROM audit_events e JOIN accounts a ON a.id = e.account_id
        WHERE a.email = $1 AND e.type = 'authn.succeeded'`,
      values: [email],
    })
    return row?.count ?? 0
  }
})

describe('on one page with the password', () => {
  let single: TestApp & { mails: Mailbox }
  beforeAll(async () => {
    single = await startMailingApp({ env: { ...testHooks, FOYER_LOGIN_LAYOUT: 'single' } })
  })
  afterAll(() => single.close())

  it('asks for a code even when a password is filled in, and mends an address where it was typed', async () => {
    const person = createPerson()
    const page = await person.open(createRp(single.issuer).authorizeUrl().url)
    const refused = pageOf(
      await person.submit(page, { email: 'ada', password: 'filled-in-by-itself' }, method('code')),
    )
    expect(refused.status).toBe(422)
    expect(formsOf(refused)[0]?.fields).toMatchObject({ email: 'ada', password: '' })
    const waiting = pageOf(
      await person.submit(refused, { email: ada.email, password: 'filled-in-by-itself' }, method('code')),
    )
    const code = codeIn(await single.mails.next(ada.email, /code/))
    expect(codeOf(await person.submit(waiting, { code }))).toBeTruthy()
  })
})

describe('too many mails asked for from one place', () => {
  it('makes it wait, says until when, and keeps what was typed', async () => {
    const strict = await startMailingApp()
    const person = createPerson()
    const page = await person.open(createRp(strict.issuer).authorizeUrl().url)
    const ask = (email: string) => person.submit(page, { email }, method('code'))
    expect(pageOf(await ask(stranger())).status).toBe(200)
    // The others of this address have asked for all that is left meanwhile
    await strict.services.db.query({
      text: `UPDATE rate_limits SET tat = tat + $1 * interval '1 millisecond' WHERE key LIKE 'mail.address:%'`,
      values: [gapMs(mailRate) * (mailRate.burst - 1)],
    })
    const refused = pageOf(await ask('one-too-many@example.test'))
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.html).toMatch(/You can try again at <time/)
    expect(formsOf(refused)[0]?.fields).toMatchObject({ email: 'one-too-many@example.test' })
    expect(await strict.mails.rest('one-too-many@example.test')).toEqual([])
    await strict.close()
  })

  it('over its budget an address gets the same page and no mail', async () => {
    const email = stranger()
    const pages: Page[] = []
    for (let mails = 0; mails < 6; mails += 1) pages.push((await asked('code', email)).waiting)
    const strip = ({ html, url }: Page) =>
      html
        .replaceAll(url.split('/').at(-1) ?? '', 'UID')
        .replaceAll(/datetime="[^"]+" data-local>[^<]+/g, 'TIME')
    expect(strip(pages.at(-1) as Page)).toBe(strip(pages[0] as Page))
    expect((await app.mails.rest(email)).length).toBe(0)
  })
})

describe('a client that takes no mail', () => {
  let strict: Rp
  beforeAll(async () => {
    const redirect_uri = 'https://strict.example.test/cb'
    await app.addClient('strict', { redirect_uris: [redirect_uri], first_party: true, email_methods: false })
    strict = createRp(app.issuer, { client_id: 'strict', client_secret: secretOf('strict'), redirect_uri })
  })

  it('offers none and sends none', async () => {
    const person = createPerson()
    const page = await person.open(strict.authorizeUrl().url)
    expect(page.html).not.toContain('name="method"')
    const email = stranger()
    await person.submit(page, { email }, method('code'))
    expect(await app.mails.rest(email)).toEqual([])
  })

  it('asks for the password when the session began with a mail', async () => {
    const { person, waiting } = await asked('code', ada.email)
    await person.submit(waiting, { code: codeIn(await app.mails.next(ada.email, /code|link/)) })
    expect(await silent(person)).toBeNull()
    const { url, verifier } = strict.authorizeUrl({ login_hint: ada.email, claims: levelAsked })
    const page = await person.open(url)
    expect(page.html).toContain('name="password"')
    const { body } = await strict.redeem(codeOf(await person.submit(page, ada)), verifier)
    expect(decodeJwt(body.id_token ?? '').acr).toBe('urn:foyer:acr:pwd')
  })

  it('asks once for the password also when the lowest level is demanded', async () => {
    const claims = JSON.stringify({
      id_token: { acr: { essential: true, value: 'urn:foyer:acr:email' }, amr: null },
    })
    const person = createPerson()
    const { url, verifier } = strict.authorizeUrl({ claims })
    const { body } = await strict.redeem(codeOf(await person.submit(await person.open(url), ada)), verifier)
    expect(decodeJwt(body.id_token ?? '')).toMatchObject({ acr: 'urn:foyer:acr:email', amr: ['pwd'] })
  })

  it('a request that demands the level of a password offers none either', async () => {
    const claims = JSON.stringify({ id_token: { acr: { essential: true, value: 'urn:foyer:acr:pwd' } } })
    const page = await createPerson().open(rp.authorizeUrl({ claims }).url)
    expect(page.html).not.toContain('name="method"')
  })
})
