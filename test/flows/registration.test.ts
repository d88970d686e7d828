// Getting an account through the JSON door: at once, after a code, or not at all.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rates } from '../../src/config/limits.ts'
import { type TestApp, testHooks } from '../support/app.ts'
import { challengesOf, from, newOrigin, otherThan } from '../support/challenges.ts'
import { createDoor } from '../support/door.ts'
import { codeIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'

type Started = { app: TestApp & { mails: Mailbox }; door: ReturnType<typeof createDoor> }
async function start(mode: string): Promise<Started> {
  const env = { ...testHooks, FOYER_REGISTRATION: mode, FOYER_TRUSTED_PROXY_HOPS: '1' }
  const app = await startMailingApp({ env })
  return { app, door: createDoor(app.issuer) }
}
const password = 'a-password-of-my-own-choosing'
let people = 0
const newAddress = () => `newcomer-${++people}@example.test`

describe('with proof of the address', () => {
  let app: Started['app']
  let door: Started['door']
  beforeAll(async () => {
    ;({ app, door } = await start('verified'))
  })
  afterAll(() => app.close())

  const register = (body: object) => door.post('/auth/register', { password, ...body }, from())
  const confirm = (flow: string, code: string) => door.post('/auth/register/confirm', { flow, code }, from())

  it('makes the account when the code comes back, with all that was typed', async () => {
    const email = newAddress()
    const { status, body } = await register({ email, name: 'New Comer', username: 'newcomer' })
    expect(status).toBe(202)
    expect(await app.services.accounts.findByIdentifier(email)).toBeNull()

    const confirmed = await confirm(body.flow, codeIn(await app.mails.next(email)))
    expect(confirmed.status).toBe(201)
    const me = await door.me(confirmed.body.access_token)
    expect(me.body).toMatchObject({ email, email_verified: true, name: 'New Comer' })
    expect((await door.login({ username: 'newcomer', password })).status).toBe(200)
    expect(await app.auditTypes()).toEqual(
      expect.arrayContaining(['mail.requested', 'account.created', 'account.registered']),
    )
  })

  it.each(['', ' ', 'two\nlines', 'turned\u202earound'])('takes no name like %j', async (name) => {
    const { status, body } = await register({ email: newAddress(), name })
    expect([status, body.errors?.[0]?.pointer]).toEqual([400, '/name'])
  })

  it('answers a taken address with the same bytes and work; its mailbox alone hears of it', async () => {
    const taken = newAddress()
    await app.services.accounts.create({ kind: 'system' }, { email: taken, emailVerified: true })
    const answerTo = async (email: string) => {
      app.statements()
      const { status, headers, body } = await register({ email })
      const kept = [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name))
      const length = body.flow.length
      return { status, headers: kept, members: Object.keys(body), length, statements: app.statements() }
    }
    await answerTo(newAddress())
    expect(await answerTo(taken)).toEqual(await answerTo(newAddress()))
    const [mail] = await app.mails.rest(taken)
    expect(mail?.text).toContain(`${app.issuer}/account`)
    expect(mail && codeIn(mail)).toBe('')
  })

  it('slows guesses down as the contract says, and tells nothing by it', async () => {
    const email = newAddress()
    const { flow } = (await register({ email })).body
    const code = codeIn(await app.mails.next(email))
    for (const expected of [401, 401]) expect((await confirm(flow, otherThan(code))).status).toBe(expected)
    const blocked = await confirm(flow, code)
    expect(blocked.status).toBe(429)
    expect(Number(blocked.headers.get('retry-after'))).toBeGreaterThan(55)
    expect(Number(blocked.headers.get('retry-after'))).toBeLessThanOrEqual(60)

    await app.advance(61)
    expect((await confirm(flow, otherThan(code))).status).toBe(401)
    const longer = await confirm(flow, code)
    expect(Number(longer.headers.get('retry-after'))).toBeGreaterThan(115)
    await app.advance(121)
    expect((await confirm(flow, code)).status).toBe(201)
  })

  it('takes a code once', async () => {
    const email = newAddress()
    const { flow } = (await register({ email })).body
    const code = codeIn(await app.mails.next(email))
    const answers = await Promise.all(Array.from({ length: 20 }, () => confirm(flow, code)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.every(({ status }) => [201, 401, 410, 429].includes(status))).toBe(true)
  })

  it('repeats the code in another mail, once the wait is over', async () => {
    const email = newAddress()
    const { registration } = app.services
    const { flow } = (await register({ email })).body
    const code = codeIn(await app.mails.next(email))
    const stored = () => app.services.db.prisma.emailChallenge.findFirstOrThrow({ where: { email } })
    const { id } = await stored()
    expect(await registration.resend({ id }, newOrigin())).toMatchObject({ outcome: 'too_early' })
    await app.advance(31)
    expect(await registration.resend({ id }, newOrigin())).toMatchObject({ outcome: 'sent', id })
    expect(codeIn(await app.mails.next(email))).toBe(code)
    expect((await confirm(flow, code)).status).toBe(201)
  })

  it('goes on answering when an address had enough mails, and sends none', async () => {
    const email = newAddress()
    for (let round = 0; round < 7; round += 1) expect((await register({ email })).status).toBe(202)
    expect(await app.mails.rest(email)).toHaveLength(5)
    expect(await app.auditTypes()).toContain('mail.withheld')
  })

  it('leaves a user name to whoever was faster, and makes the account all the same', async () => {
    const [slow, fast] = [newAddress(), newAddress()]
    const flows = []
    for (const email of [slow, fast])
      flows.push((await register({ email, username: 'sought-after' })).body.flow)
    const codes = [codeIn(await app.mails.next(slow)), codeIn(await app.mails.next(fast))]
    expect((await confirm(flows[1] ?? '', codes[1] ?? '')).status).toBe(201)
    expect((await confirm(flows[0] ?? '', codes[0] ?? '')).status).toBe(201)
    expect(await app.services.accounts.findByIdentifier(slow)).toMatchObject({ username: null })
    expect((await register({ email: newAddress(), username: 'sought-after' })).status).toBe(409)
  })

  it('makes no second account where the address got one meanwhile', async () => {
    const email = newAddress()
    const { flow } = (await register({ email })).body
    const code = codeIn(await app.mails.next(email))
    const { id } = await app.services.accounts.create({ kind: 'system' }, { email, emailVerified: true })
    expect((await confirm(flow, code)).status).not.toBe(201)
    expect(await app.services.accounts.findByIdentifier(email)).toMatchObject({ id, hasPassword: false })
  })

  it.each([
    ['a short password', { password: 'short' }, 'password_too_short'],
    ['no plain address', { email: 'Ada <ada@example.test>' }, 'email_invalid'],
    ['a user name with an @', { username: 'a@b' }, 'username_invalid'],
  ])('refuses %s without a mail', async (_, wrong, code) => {
    const email = newAddress()
    const { status, body } = await register({ email, ...wrong })
    expect(status).toBe(400)
    expect(body.errors).toMatchObject([{ code }])
    expect(await app.mails.rest(email)).toEqual([])
  })

  it('limits how many one network address may register', async () => {
    const origin = from()
    const statuses = []
    const { burst } = rates['register.address']
    for (let turn = 0; turn <= burst; turn += 1) {
      statuses.push((await door.post('/auth/register', { email: 'nonsense', password }, origin)).status)
    }
    expect(statuses.slice(0, burst)).toEqual(Array.from({ length: burst }, () => 400))
    expect(statuses.at(-1)).toBe(429)
  })
})

describe('a client that never got its tokens', () => {
  it('is told to sign in when the account was there before a crash, and is written to once', async () => {
    const { app, door } = await start('verified')
    try {
      const email = newAddress()
      const { body } = await door.post('/auth/register', { email, password }, from())
      const code = codeIn(await app.mails.next(email))
      // The account is committed, and the process dies before its tokens are made
      const done = await app.services.registration.confirm({ flow: body.flow }, code, newOrigin())
      expect(done).toMatchObject({ outcome: 'created' })

      const retry = await door.post('/auth/register/confirm', { flow: body.flow, code }, from())
      expect([retry.status, retry.body.code]).toEqual([410, 'code_spent'])
      expect(retry.body.detail).toContain('If it made your account already, sign in')
      expect((await door.login({ email, password })).status).toBe(200)
      expect(await app.mails.rest(email)).toEqual([])
      expect(await app.services.db.prisma.account.count({ where: { email } })).toBe(1)
    } finally {
      await app.close()
    }
  })
})

describe('open', () => {
  let app: Started['app']
  let door: Started['door']
  beforeAll(async () => {
    ;({ app, door } = await start('open'))
  })
  afterAll(() => app.close())

  const register = (body: object) => door.post('/auth/register', { password, ...body }, from())

  it('makes the account at once, its address unproved, and refuses a taken one', async () => {
    const email = newAddress()
    const { status, body } = await register({ email, username: 'open-house' })
    expect(status).toBe(201)
    expect((await door.me(body.access_token)).body).toMatchObject({ email, email_verified: false })
    const again = await register({ email: email.toUpperCase() })
    expect([again.status, again.body.code]).toEqual([409, 'email_taken'])
    const named = await register({ email: newAddress(), username: 'open-house' })
    expect([named.status, named.body.code]).toEqual([409, 'username_taken'])
  })

  it('makes one account when fifty ask for one address at once', async () => {
    const email = newAddress()
    const begin = () => app.services.registration.begin({ email, password, language: 'en' }, newOrigin())
    const answers = await Promise.allSettled(Array.from({ length: 50 }, begin))
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await app.services.db.prisma.account.count({ where: { email } })).toBe(1)
  })

  it('asks for proof all the same where there is no password to come back with', async () => {
    const email = newAddress()
    const begun = await app.services.registration.begin({ email, language: 'de' }, newOrigin())
    expect(begun).toMatchObject({ outcome: 'sent', email })
    if (begun.outcome !== 'sent') return
    const code = codeIn(await app.mails.next(email))
    const confirmed = await app.services.registration.confirm({ id: begun.id }, code, newOrigin())
    expect(confirmed).toMatchObject({
      outcome: 'created',
      account: { email, hasPassword: false, locale: 'de' },
    })
  })
})

it('closed answers 403 to everybody, and unfinished registrations stay unfinished', async () => {
  const { app, door } = await start('closed')
  try {
    const { flow, code } = await challengesOf(app).start('register', newAddress())
    const answers = [
      await door.post('/auth/register', { email: newAddress(), password }),
      await door.post('/auth/register', { email: 'ada@example.test', password }),
      await door.post('/auth/register/confirm', { flow, code }),
    ]
    for (const { status, body } of answers) {
      expect([status, body.code]).toEqual([403, 'registration_closed'])
    }
  } finally {
    await app.close()
  }
})
