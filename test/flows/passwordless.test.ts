// Signing in by mail: through the JSON door, and under the pages that hold the browser's cookie.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rates } from '../../src/config/limits.ts'
import { type TestApp, testHooks } from '../support/app.ts'
import { challengesOf, from, newOrigin, otherThan } from '../support/challenges.ts'
import { createDoor } from '../support/door.ts'
import { codeIn, linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'

type Product = TestApp & { mails: Mailbox }
const open = (mode: string): Promise<Product> =>
  startMailingApp({ env: { ...testHooks, FOYER_REGISTRATION: mode, FOYER_TRUSTED_PROXY_HOPS: '1' } })

let app: Product
let door: ReturnType<typeof createDoor>
beforeAll(async () => {
  app = await open('verified')
  door = createDoor(app.issuer)
})
afterAll(() => app.close())

let people = 0
const newAddress = () => `reader-${++people}@example.test`
const tokenIn = (mail: Parameters<typeof linkIn>[0]) => new URL(linkIn(mail)).searchParams.get('token') ?? ''
const start = (email: string, method: 'link' | 'code') =>
  door.post('/auth/passwordless/start', { email, method }, from())
const verify = (body: object) => door.post('/auth/passwordless/verify', body, from())

/** What a page asks for: a mail whose link belongs to a browser. */
const browserHash = Buffer.alloc(32, 9)
async function startInBrowser(email: string, method: 'link' | 'code' = 'link') {
  const started = await app.services.passwordless.start({
    email,
    method,
    origin: newOrigin(),
    language: 'en',
    browserHash,
    interactionUid: 'an-interaction',
    appName: 'Acme',
    linkUrl: `${app.issuer}/link`,
    intent: 'sign_in',
  })
  return { ...started, mail: await app.mails.next(email) }
}

describe('a mailed code', () => {
  it('makes the account at the first proof, signs in at the next, and works once', async () => {
    const email = newAddress()
    const { status, body } = await start(email, 'code')
    expect(status).toBe(202)
    expect(await app.services.accounts.findByIdentifier(email)).toBeNull()
    const code = codeIn(await app.mails.next(email))
    const first = await verify({ flow: body.flow, code })
    expect(first.status).toBe(201)
    const me = await door.me(first.body.access_token)
    expect(me.body).toMatchObject({ email, email_verified: true })
    expect((await verify({ flow: body.flow, code })).status).toBeGreaterThanOrEqual(400)

    const { flow } = (await start(email.toUpperCase(), 'code')).body
    const second = await verify({ flow, code: codeIn(await app.mails.next(email)) })
    expect(second.status).toBe(200)
    expect((await door.me(second.body.access_token)).body.id).toBe(me.body.id)
  })

  it.each([
    ['with spaces', (code: string) => ` ${code.slice(0, 3)} ${code.slice(3)} `],
    [
      'in Arabic-Indic digits',
      (code: string) => code.replace(/\d/g, (digit) => '٠١٢٣٤٥٦٧٨٩'[Number(digit)] ?? ''),
    ],
    ['in the whole subject', (code: string) => `${code} is your Foyer code`],
  ])('is taken %s', async (_, typed) => {
    const email = newAddress()
    const { flow } = (await start(email, 'code')).body
    expect((await verify({ flow, code: typed(codeIn(await app.mails.next(email))) })).status).toBe(201)
  })

  it('makes one account for two challenges of one new address, eight times at once', async () => {
    const email = newAddress()
    const flows = [(await start(email, 'code')).body.flow, (await start(email, 'code')).body.flow]
    const mails = [await app.mails.next(email), await app.mails.next(email)]
    const answers = await Promise.all(
      flows.flatMap((flow) =>
        mails.flatMap((mail) =>
          Array.from({ length: 2 }, () =>
            app.services.passwordless.verifyCode({ flow }, codeIn(mail), newOrigin()),
          ),
        ),
      ),
    )
    const proved = answers.filter((answer) => answer.outcome === 'proved')
    expect(proved.filter(({ created }) => created)).toHaveLength(1)
    expect(new Set(proved.map(({ accountId }) => accountId)).size).toBe(1)
    expect(proved.length).toBeLessThanOrEqual(2)
    expect(await app.services.db.prisma.account.count({ where: { email } })).toBe(1)
  })

  it('is refused five times, and the right one afterwards', async () => {
    const email = newAddress()
    const { flow } = (await start(email, 'code')).body
    const code = codeIn(await app.mails.next(email))
    for (let guess = 0; guess < 5; guess += 1) {
      const { status, headers } = await verify({ flow, code: otherThan(code) })
      expect(status).toBe(401)
      expect(headers.get('ratelimit')).toMatch(/"code.address";r=29;t=30/)
    }
    expect((await verify({ flow, code })).status).toBeGreaterThanOrEqual(400)
    expect(await app.services.accounts.findByIdentifier(email)).toBeNull()
  })
})

describe('what a stranger left in an account', () => {
  it('is gone after the first proof: password, sessions and tokens', async () => {
    const stranger = await open('open')
    try {
      const [strangers, email] = [createDoor(stranger.issuer), newAddress()]
      const password = 'known-to-the-stranger-only'
      const squatting = await strangers.post('/auth/register', { email, password })
      expect(squatting.status).toBe(201)
      const { flow } = (await strangers.post('/auth/passwordless/start', { email, method: 'code' })).body
      const code = codeIn(await stranger.mails.next(email))
      const owner = await strangers.post('/auth/passwordless/verify', { flow, code })
      expect(owner.status).toBe(200)

      expect((await strangers.login({ email, password })).status).toBe(401)
      expect((await strangers.me(squatting.body.access_token)).status).toBe(401)
      expect((await strangers.refresh(squatting.body.refresh_token)).status).toBe(401)
      expect((await strangers.me(owner.body.access_token)).body.email_verified).toBe(true)
      expect(await stranger.auditTypes()).toContain('account.email_verified')
    } finally {
      await stranger.close()
    }
  })

  it('stays what it is where the address was proved before', async () => {
    const [email, password] = [newAddress(), 'the-password-of-the-owner']
    await app.services.accounts.create({ kind: 'system' }, { email, password, emailVerified: true })
    const { flow } = (await start(email, 'code')).body
    expect((await verify({ flow, code: codeIn(await app.mails.next(email)) })).status).toBe(200)
    expect((await door.login({ email, password })).status).toBe(200)
  })
})

describe('a mailed link', () => {
  it('of the JSON door is good once, with its address, and in no browser', async () => {
    const email = newAddress()
    await start(email, 'link')
    const token = tokenIn(await app.mails.next(email))
    const { passwordless } = app.services
    expect(await passwordless.peekLink(token, browserHash)).toMatchObject({ state: 'other_browser' })
    expect(await passwordless.verifyLink(token, { browserHash, origin: newOrigin() })).toEqual({
      outcome: 'wrong',
    })
    expect((await verify({ token, email: 'ada@example.test' })).status).toBe(401)
    const answers = await Promise.all(Array.from({ length: 20 }, () => verify({ token, email })))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(await passwordless.peekLink(token)).toMatchObject({ state: 'used' })
  })

  it('signs in the browser that asked, and tells it what to go on with', async () => {
    const email = newAddress()
    const { mail } = await startInBrowser(email)
    const token = tokenIn(mail)
    expect(mail.text).toContain('Acme')
    expect(await app.services.passwordless.peekLink(token, browserHash)).toMatchObject({
      state: 'same_browser',
      emailMasked: `r•••@example.test`,
      appName: 'Acme',
      interactionUid: 'an-interaction',
    })
    expect((await verify({ token, email })).status).toBe(401)
    const proved = await app.services.passwordless.verifyLink(token, { browserHash, origin: newOrigin() })
    expect(proved).toMatchObject({ outcome: 'proved', created: true, interactionUid: 'an-interaction' })
    const again = await app.services.passwordless.verifyLink(token, { browserHash, origin: newOrigin() })
    expect(again).toEqual({ outcome: 'gone' })
  })

  it('signs in no other browser, however often it asks; there it shows the code for the first one', async () => {
    const { passwordless } = app.services
    const { id, mail } = await startInBrowser(newAddress())
    const token = tokenIn(mail)
    const elsewhere = Buffer.alloc(32, 8)
    for (let turn = 0; turn < 50; turn += 1) {
      expect(await passwordless.verifyLink(token, { browserHash: elsewhere, origin: newOrigin() })).toEqual({
        outcome: 'wrong',
      })
    }
    const shown = await passwordless.peekLink(token, elsewhere)
    if (shown.state !== 'other_browser') throw new Error(shown.state)
    expect(shown).not.toHaveProperty('interactionUid')
    expect(
      await passwordless.verifyCode({ id }, shown.code, { ...newOrigin(), browserHash: elsewhere }),
    ).toEqual({ outcome: 'wrong' })
    expect(await passwordless.verifyCode({ id }, shown.code, { ...newOrigin(), browserHash })).toMatchObject({
      outcome: 'proved',
    })
  })

  it('stays good through every scanner: HEAD, GET and a POST without the cookie', async () => {
    const { mail } = await startInBrowser(newAddress())
    const url = linkIn(mail)
    for (let turn = 0; turn < 10; turn += 1) {
      await fetch(url, { method: 'HEAD' })
      await (await fetch(url)).text()
      const body = new URLSearchParams({ token: tokenIn(mail) })
      await (await fetch(`${app.issuer}/link`, { method: 'POST', body })).text()
    }
    expect(await app.services.passwordless.peekLink(tokenIn(mail), browserHash)).toMatchObject({
      state: 'same_browser',
    })
  })

  it('is another page once it is too old', async () => {
    const { mail } = await startInBrowser(newAddress())
    const token = tokenIn(mail)
    await app.advance(601)
    expect(await app.services.passwordless.peekLink(token, browserHash)).toEqual({ state: 'expired' })
    const late = await app.services.passwordless.verifyLink(token, { browserHash, origin: newOrigin() })
    expect(late).toEqual({ outcome: 'gone' })
  })
})

describe('asking for a mail', () => {
  it('has one answer and one amount of work for everybody', async () => {
    const actor = { kind: 'system' } as const
    const known = await app.services.accounts.create(actor, { email: newAddress(), emailVerified: true })
    const disabled = await app.services.accounts.create(actor, { email: newAddress(), emailVerified: true })
    await app.services.accounts.disable(actor, disabled.id)
    const exhausted = newAddress()
    for (let mail = 0; mail < 5; mail += 1) await start(exhausted, 'code')

    for (const method of ['code', 'link'] as const) {
      const answers = []
      for (const email of [newAddress(), known.email, disabled.email]) {
        app.statements()
        const { status, headers, body } = await start(email, method)
        const kept = [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name))
        answers.push({ status, kept, length: body.flow.length, statements: app.statements() })
      }
      expect(answers[1]).toEqual(answers[0])
      expect(answers[2]).toEqual(answers[0])
    }
    expect((await start(exhausted, 'code')).status).toBe(202)
    expect(await app.mails.rest(exhausted)).toHaveLength(5)
    expect(await app.mails.rest(disabled.email)).toEqual([])
    expect(await app.mails.rest(known.email)).toHaveLength(2)
  })

  it('does not let a disabled person in who had asked before', async () => {
    const email = newAddress()
    const { id } = await app.services.accounts.create({ kind: 'system' }, { email, emailVerified: true })
    const { flow } = (await start(email, 'code')).body
    const code = codeIn(await app.mails.next(email))
    await app.services.accounts.disable({ kind: 'system' }, id)
    expect((await verify({ flow, code })).status).toBeGreaterThanOrEqual(400)
  })

  it('can be repeated; the next mail shows the same link', async () => {
    const email = newAddress()
    const { id, mail } = await startInBrowser(email)
    const { passwordless } = app.services
    const early = await passwordless.resend({ id }, newOrigin())
    expect(early).toMatchObject({ outcome: 'too_early' })
    expect('retryAfterSeconds' in early && early.retryAfterSeconds).toBeGreaterThan(25)
    await app.advance(31)
    expect(await passwordless.resend({ id }, newOrigin())).toMatchObject({ outcome: 'sent', id })
    expect(linkIn(await app.mails.next(email))).toBe(linkIn(mail))
  })

  it.each([
    ['no plain address', { email: 'a@b@c', method: 'code' }],
    ['an unknown method', { email: 'ada@example.test', method: 'pigeon' }],
  ])('is refused for %s', async (_, body) => {
    expect((await door.post('/auth/passwordless/start', body, from())).status).toBe(400)
  })

  it('limits how many mails one network address asks for', async () => {
    const origin = from()
    const statuses = []
    const { burst } = rates['mail.address']
    for (let turn = 0; turn <= burst; turn += 1) {
      const email = newAddress()
      statuses.push((await door.post('/auth/passwordless/start', { email, method: 'code' }, origin)).status)
    }
    expect(statuses.filter((status) => status === 202)).toHaveLength(burst)
    expect(statuses.at(-1)).toBe(429)
  })
})

it('while registration is closed, strangers get the same answer, no mail and no account', async () => {
  const closed = await open('closed')
  try {
    const closedDoor = createDoor(closed.issuer)
    const ask = async (email: string) => {
      closed.statements()
      const { status, body } = await closedDoor.post('/auth/passwordless/start', { email, method: 'code' })
      return { status, length: body.flow.length, statements: closed.statements() }
    }
    await ask(newAddress())
    const stranger = newAddress()
    expect(await ask(stranger)).toEqual(await ask('ada@example.test'))
    expect(await closed.mails.rest(stranger)).toEqual([])
    expect(await closed.mails.rest('ada@example.test')).toHaveLength(1)

    const { guess, start: begin } = challengesOf(closed, closed.services.clock as never)
    const { flow, code } = await begin('sign_in', stranger, {
      waiting: { language: 'en', linkUrl: 'https://x' },
    })
    expect(await guess('sign_in', flow, otherThan(code))).toEqual({ outcome: 'wrong' })
    const verified = await closed.services.passwordless.verifyCode({ flow }, code ?? '', newOrigin())
    expect(verified).toEqual({ outcome: 'wrong' })
    await expect(
      closed.services.passwordless.start({
        email: stranger,
        method: 'code',
        origin: newOrigin(),
        language: 'en',
        linkUrl: `${closed.issuer}/link`,
        intent: 'sign_up',
      }),
    ).rejects.toMatchObject({ code: 'registration_closed' })
  } finally {
    await closed.close()
  }
})
