// Signing in with a password, on both layouts: right, wrong, unknown, denied, twice, and what cookies do.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { codeOf, createPerson, formsOf, type Page, pageOf } from '../support/browser-less.ts'
import { ada, createRp, grace, type Rp } from '../support/rp.ts'

let two: TestApp
let single: TestApp
beforeAll(async () => {
  // Hooks exempt the demo people from the limits, which sign-in-limits.test.ts is about
  ;[two, single] = await Promise.all([
    startApp({ env: { FOYER_TEST_HOOKS: '1' } }),
    startApp({ env: { FOYER_LOGIN_LAYOUT: 'single', FOYER_TEST_HOOKS: '1' } }),
  ])
})
afterAll(() => Promise.all([two.close(), single.close()]))

const uidOf = (page: Page) => /\/interaction\/([\w-]+)/.exec(page.html)?.[1] ?? ''
const begin = async (rp: Rp, person = createPerson(), params = {}) => {
  const { url, verifier, state } = rp.authorizeUrl(params)
  return { person, page: await person.open(url), verifier, state }
}

describe('on two pages', () => {
  it('asks who, then for the password, then goes to the app', async () => {
    const { person, page, state } = await begin(createRp(two.issuer))
    expect(page.html).toMatch(/<h1>Sign in to Demo web app<\/h1>/)
    const [form] = formsOf(page)
    expect(form?.fields).toMatchObject({ email: '', password: '' })
    expect(form?.buttons[0]).toEqual({ text: 'Continue' })
    const second = pageOf(await person.submit(page, { email: ada.email }))
    expect(second.html).toContain('value="ada@example.test"')
    expect(formsOf(second)[0]?.buttons[0]).toEqual({ text: 'Sign in' })
    const went = await person.submit(second, { password: ada.password })
    expect('left' in went && went.left.searchParams.get('state')).toBe(state)
  })

  it('takes a password that a manager filled in on the first page', async () => {
    const { person, page } = await begin(createRp(two.issuer))
    expect(codeOf(await person.submit(page, ada))).toBeTruthy()
  })

  it('shows the password’s own field when what the manager filled in was wrong', async () => {
    const { person, page } = await begin(createRp(two.issuer))
    const refused = pageOf(
      await person.submit(page, { email: ada.email, password: 'from-another-site-0001' }),
    )
    expect(refused.status).toBe(401)
    expect(refused.html).toMatch(/role="alert"[\s\S]*<a href="#password">/)
    expect(refused.html).toMatch(/<input id="password" name="password" type="password"/)
    expect(refused.html).toContain('value="ada@example.test"')
    expect(refused.html).not.toContain('from-another-site-0001')
    expect(codeOf(await person.submit(refused, { password: ada.password }))).toBeTruthy()
  })

  it('lets the person go back to who they are', async () => {
    const { person, page } = await begin(createRp(two.issuer))
    const second = pageOf(await person.submit(page, { email: ada.email }))
    const first = pageOf(await person.submit(second, {}, { button: { name: 'decision', value: 'restart' } }))
    expect(formsOf(first)[0]?.fields).toHaveProperty('email')
    const again = pageOf(await person.submit(first, { email: grace.email }))
    expect(again.html).toContain(grace.email)
    expect(codeOf(await person.submit(again, { password: grace.password }))).toBeTruthy()
  })

  it('says the same of a person who is unknown', async () => {
    const answers = await Promise.all(
      [ada.email, 'who@example.test'].map(async (email) => {
        const { person, page } = await begin(createRp(two.issuer))
        const second = pageOf(await person.submit(page, { email }))
        return second.html.replaceAll(uidOf(second), 'UID').replaceAll(email, 'EMAIL')
      }),
    )
    expect(answers[0]).toBe(answers[1])
  })
})

const layouts = [
  ['on two pages', () => two],
  ['on one page', () => single],
] as const

describe.each(layouts)('%s', (_, app) => {
  const wrong = { password: 'not-the-password-0001' }

  it('a wrong password is a page that keeps the address and not the password', async () => {
    const rp = createRp(app().issuer)
    const { person, page } = await begin(rp)
    const refused = pageOf(await person.submit(page, { email: ada.email, ...wrong }))
    expect(refused.status).toBe(401)
    expect(refused.html).toMatch(/<title>Error: /)
    expect(refused.html).toContain('That email and password do not match')
    expect(refused.html).toContain('value="ada@example.test"')
    expect(refused.html).not.toContain(wrong.password)
    expect(codeOf(await person.submit(refused, { password: ada.password }))).toBeTruthy()
    expect(await app().auditTypes()).toEqual(expect.arrayContaining(['authn.failed', 'authn.succeeded']))
  })

  it('an unknown person gets the same bytes as a wrong password', async () => {
    const rp = createRp(app().issuer)
    const email = `newcomer@example.test`
    const attempt = async () => {
      const { person, page } = await begin(rp)
      const refused = pageOf(await person.submit(page, { email, ...wrong }))
      // What is left of the address's tries goes down with each, whoever is tried
      const own = ['date', 'x-request-id', 'ratelimit']
      const headers = [...refused.headers].filter(([name]) => !own.includes(name))
      return { status: refused.status, headers, html: refused.html.replaceAll(uidOf(refused), 'UID') }
    }
    const unknown = await attempt()
    const { accounts } = app().services
    const account = await accounts.create({ kind: 'system' }, { email, password: 'a-password-of-their-own' })
    const known = await attempt()
    await accounts.disable({ kind: 'operator' }, account.id)
    const disabled = await attempt()
    expect(known).toEqual(unknown)
    expect(disabled).toEqual(unknown)
  })

  it('a disabled person is refused with the right password', async () => {
    const rp = createRp(app().issuer)
    const { accounts } = app().services
    const who = { email: 'leaver@example.test', password: 'a-password-of-their-own' }
    const { id } = await accounts.create({ kind: 'system' }, who)
    const { person, page } = await begin(rp)
    await accounts.disable({ kind: 'operator' }, id)
    const refused = pageOf(await person.submit(page, who))
    expect(refused.status).toBe(401)
    await accounts.enable({ kind: 'operator' }, id)
    expect(codeOf(await person.submit(refused, { password: who.password }))).toBeTruthy()
  })

  it.each([
    ['nothing', { email: '', password: '' }],
    ['no password', { email: 'ada@example.test', password: '' }],
  ])('with %s it asks for what is missing', async (what, fields) => {
    const rp = createRp(app().issuer)
    const { person, page } = await begin(rp)
    let answer = pageOf(await person.submit(page, fields))
    // On two pages a missing password is no mistake of the first
    if (what === 'no password' && app() === two)
      answer = pageOf(await person.submit(answer, { password: '' }))
    expect(answer.status).toBe(422)
    expect(answer.html).toContain('role="alert"')
  })

  it('finds a person however the address is written', async () => {
    const rp = createRp(app().issuer)
    for (const email of ['ADA@example.test', '  ada@EXAMPLE.test ', 'ａｄａ@example.test']) {
      const { person, page } = await begin(rp)
      expect(codeOf(await person.submit(page, { email, password: ada.password }))).toBeTruthy()
    }
  })

  it('a demo person’s button signs in with one click', async () => {
    const rp = createRp(app().issuer)
    for (const [index, name] of ['Ada King Lovelace', 'Grace Hopper', 'Charles Babbage'].entries()) {
      const { person, page, verifier } = await begin(rp)
      expect(formsOf(page)[index + 1]?.buttons[0]?.text).toBe(`Continue as ${name}`)
      const code = codeOf(await person.submit(page, {}, { form: index + 1 }))
      expect((await rp.redeem(code, verifier)).status).toBe(200)
    }
  })

  it('the form sent twice signs in once, and the second answer has a way on', async () => {
    const rp = createRp(app().issuer)
    const { person, page } = await begin(rp)
    expect(codeOf(await person.submit(page, ada))).toBeTruthy()
    const second = pageOf(await person.submit(page, ada))
    expect(second.status).toBe(410)
    expect(codeOf(await person.submit(second))).toBeTruthy()
  })

  it('the form sent twice at once ends at the app', async () => {
    const rp = createRp(app().issuer)
    const { person, page } = await begin(rp)
    const answers = await Promise.all([person.submit(page, ada), person.submit(page, ada)])
    expect(answers.some((answer) => 'left' in answer)).toBe(true)
    for (const answer of answers) {
      const end = 'left' in answer ? answer : await person.submit(answer)
      expect(codeOf(end)).toBeTruthy()
    }
  })

  it('a post from another site is refused before anything is compared', async () => {
    const rp = createRp(app().issuer)
    const { person, page } = await begin(rp)
    const form = formsOf(page)[0]
    const post = (headers: Record<string, string>) =>
      person.request(form?.action ?? '', { method: 'POST', headers, body: new URLSearchParams(ada) })
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: app().issuer },
      { referer: 'https://evil.example/page' },
    ]
    for (const headers of foreign) {
      const answer = await post(headers)
      expect(answer.status).toBe(403)
      expect(await answer.text()).toContain('cross_origin_request')
    }
  })
})

describe('the session', () => {
  it('has a new cookie after each sign-in, and an old value is worth nothing', async () => {
    const rp = createRp(two.issuer)
    const { person } = await rp.signIn()
    const cookieValue = () => person.jar.find(({ name }) => name === 'foyer_session')?.value ?? ''
    const before = cookieValue()
    const stolen = createPerson()
    stolen.jar.push(...structuredClone(person.jar))
    await rp.signIn({ person, params: { prompt: 'login' } })
    expect(cookieValue()).not.toBe(before)
    const went = await stolen.go(rp.authorizeUrl({ prompt: 'none' }).url)
    expect('left' in went && went.left.searchParams.get('error')).toBe('login_required')
  })

  it('is not taken over through cookies that somebody planted', async () => {
    const rp = createRp(two.issuer)
    const attacker = await rp.signIn({ who: grace })
    const begun = await begin(rp, createPerson())
    const silent = rp.authorizeUrl({ prompt: 'none' }).url
    const sessionsOf = async (person: ReturnType<typeof createPerson>) => {
      const went = await person.go(silent)
      return 'left' in went && went.left.searchParams.get('error')
    }

    // A session of the attacker's own, a made-up one, one with another's signature
    const planted = attacker.person.jar.filter(({ name }) => name.startsWith('foyer_session'))
    const madeUp = planted.map((cookie) => ({ ...cookie, value: 'x'.repeat(43) }))
    const mixed = planted.map((cookie) =>
      cookie.name.endsWith('.sig') ? cookie : { ...cookie, value: 'y'.repeat(43) },
    )
    for (const cookies of [planted, madeUp, mixed]) {
      const victim = createPerson()
      victim.jar.push(...structuredClone(cookies))
      await rp.signIn({ person: victim, who: ada, params: { prompt: 'login' } })
      const thief = createPerson()
      thief.jar.push(...structuredClone(cookies))
      expect(await sessionsOf(thief)).toBe('login_required')
    }

    // The cookies of an interaction that the attacker began: a password typed into it by another browser is not taken
    const victim = createPerson()
    victim.jar.push(...begun.person.jar.filter(({ name }) => name !== 'foyer_browser'))
    const refused = pageOf(await victim.submit(begun.page, ada))
    expect(refused.status).toBe(410)
    expect(await sessionsOf(victim)).toBe('login_required')
    const resumed = pageOf(await begun.person.go(`${two.issuer}/oauth2/authorize/${uidOf(begun.page)}`))
    expect(resumed.html).toContain('Sign in to')
    expect(await sessionsOf(begun.person)).toBe('login_required')
  })
})

describe('cookies on http loopback', () => {
  it('are HttpOnly and Lax, and carry neither Secure nor a prefix', async () => {
    const rp = createRp(two.issuer)
    const lines: string[] = []
    const person = createPerson()
    const request = person.request
    const follow = async (url: string, init?: RequestInit): Promise<void> => {
      const answer = await request(url, init)
      lines.push(...answer.headers.getSetCookie())
      const next = answer.headers.get('location')
      const html = await answer.text()
      if (next && new URL(next, url).origin === two.issuer) return follow(new URL(next, url).href)
      if (next) return
      const action = /action="([^"]+)"/.exec(html)?.[1] ?? ''
      await follow(new URL(action, url).href, {
        method: 'POST',
        body: new URLSearchParams(ada),
        headers: { origin: two.issuer },
      })
    }
    await follow(rp.authorizeUrl().url)
    const names = new Set(lines.map((line) => line.split('=', 1)[0]?.replace(/\.sig$/, '')))
    expect([...names].sort()).toEqual([
      'foyer_browser',
      'foyer_device',
      'foyer_interaction',
      'foyer_resume',
      'foyer_session',
    ])
    for (const line of lines) {
      expect(line).toMatch(/; httponly/i)
      expect(line).toMatch(/; samesite=lax/i)
      expect(line).not.toMatch(/; secure/i)
      expect(line).not.toMatch(/domain=/i)
      expect(line.length).toBeLessThan(4096)
    }
  })
})

describe('an installation that sends no mail', () => {
  it('offers nothing that would need one', async () => {
    const silent = await startApp({
      env: {
        NODE_ENV: 'production',
        FOYER_REGISTRATION: 'closed',
        FOYER_ISSUER: 'http://localhost:PORT',
      },
    })
    try {
      await silent.addClient('silent-app', {
        redirect_uris: ['http://localhost:3001/callback'],
        grant_types: ['authorization_code'],
      })
      const person = createPerson()
      const page = await person.open(
        createRp(silent.issuer, {
          client_id: 'silent-app',
          client_secret: 'x',
          redirect_uri: 'http://localhost:3001/callback',
        }).authorizeUrl().url,
      )
      expect(page.status).toBe(200)
      expect(page.html).toContain('type="submit"')
      expect(page.html).not.toMatch(/name="method"|\/recover"|\/sign-up"/)
    } finally {
      await silent.close()
    }
  })
})
