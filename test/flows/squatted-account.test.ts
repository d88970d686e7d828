// Whoever proves an address first gets its account without anything that a stranger may have left in it; what an
// operator vouches for stays (docs/adr/0023).
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApp, testHooks } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { newOrigin } from '../support/challenges.ts'
import { createDoor } from '../support/door.ts'
import { codeIn, linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createRp, type Rp } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
let door: ReturnType<typeof createDoor>
let rp: Rp
beforeAll(async () => {
  app = await startMailingApp({
    env: { ...testHooks, FOYER_REGISTRATION: 'open', FOYER_TRUSTED_PROXY_HOPS: '1' },
  })
  door = createDoor(app.issuer)
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
const password = 'known-to-the-stranger-only'
const fresh = 'a-brand-new-password-41'
const tokenIn = (link: string) => new URL(link).searchParams.get('token') ?? ''
let count = 0

/** Everything that somebody can put into an account in order to get in later. */
async function squatted() {
  count += 1
  const email = `owner-${count}@example.test`
  const username = `squatter-${count}`
  const { body } = await door.post('/auth/register', { email, password, username, name: 'Squatter' })
  const { access_token, refresh_token } = body
  const words = { nickname: 'Mine', website: 'https://squatter.example/', phone_number: '+44 20 7946 0958' }
  expect((await door.ask('PATCH', '/auth/me', { as: access_token, json: words })).status).toBe(200)
  const browser = await rp.tokens({ who: { email, password } })

  const { accounts, emailChange, tickets, teams, members } = app.services
  const id = (await accounts.findByIdentifier(email))?.id ?? ''
  await accounts.update(operator, id, { locale: 'fr' })
  const team = await teams.create(operator, { slug: `team-${count}`, name: 'Team' })
  await members.add(operator, { teamId: team.id, accountId: id, role: 'member' })
  const { token: ticket } = await tickets.issueTicket({ purpose: 'set_password', accountId: id })
  const elsewhere = `squatter-${count}@elsewhere.example`
  const origin = newOrigin()
  const move = await emailChange.start({ accountId: id, email: elsewhere, origin, language: 'en' })
  const moveCode = codeIn(await app.mails.next(elsewhere))
  // A notice of the sign-in above
  await app.mails.rest(email)
  return { id, email, username, access_token, refresh_token, browser, ticket, move, moveCode, team }
}

const proofs: Record<string, (email: string) => Promise<unknown>> = {
  'a code': async (email) => {
    const { body } = await door.post('/auth/passwordless/start', { email, method: 'code' })
    const code = codeIn(await app.mails.next(email))
    expect((await door.post('/auth/passwordless/verify', { flow: body.flow, code })).status).toBe(200)
  },
  'a link': async (email) => {
    await door.post('/auth/passwordless/start', { email, method: 'link' })
    const token = tokenIn(linkIn(await app.mails.next(email)))
    expect((await door.post('/auth/passwordless/verify', { token, email })).status).toBe(200)
  },
  'a code on the pages': async (email) => {
    const person = createPerson()
    const first = await person.open(rp.authorizeUrl({ scope: 'openid profile' }).url)
    const waiting = await person.submit(first, { email }, { button: { name: 'method', value: 'code' } })
    if ('left' in waiting) throw new Error('left')
    const went = await person.submit(waiting, { code: codeIn(await app.mails.next(email)) })
    expect(went).toHaveProperty('left')
  },
  'a recovery by code': async (email) => {
    const { body } = await door.post('/auth/password/forgot', { email })
    const code = codeIn(await app.mails.next(email, /\d{6}/))
    const reset = { flow: body.flow, code, new_password: fresh }
    expect((await door.post('/auth/password/reset', reset)).status).toBe(200)
  },
  'a recovery by link': async (email) => {
    await door.post('/auth/password/forgot', { email })
    const token = tokenIn(linkIn(await app.mails.next(email, /\d{6}/)))
    expect((await door.post('/auth/password/reset', { token, new_password: fresh })).status).toBe(200)
  },
}

describe.each(Object.entries(proofs))('after %s', (_, prove) => {
  it('nothing of the stranger is left, and what others gave is there', async () => {
    const { id, email, username, ticket, move, moveCode, team, browser, ...tokens } = await squatted()
    await prove(email)

    expect((await door.login({ email, password })).status).toBe(401)
    expect((await door.login({ username, password })).status).toBe(401)
    expect((await door.me(tokens.access_token)).status).toBe(401)
    expect((await door.refresh(tokens.refresh_token)).status).toBe(401)
    expect((await rp.refresh(browser.refresh_token ?? '')).status).toBe(400)
    expect((await browser.person.go(rp.authorizeUrl({ prompt: 'none' }).url)) as object).toMatchObject({
      left: expect.objectContaining({ search: expect.stringContaining('login_required') }),
    })

    const { accounts, emailChange, tickets, teams } = app.services
    const account = await accounts.get(id)
    expect(account).toMatchObject({ email, username: null, status: 'active' })
    expect(account.profile).toEqual({})
    expect(account.locale).not.toBe('fr')
    expect(account.emailVerifiedAt).not.toBeNull()
    expect(account.locale).not.toBe('fr')
    await expect(tickets.setPasswordByTicket(ticket, fresh)).rejects.toMatchObject({ code: 'link_spent' })
    const moved = await emailChange.confirm({ flow: move.flow }, moveCode, {
      accountId: id,
      origin: newOrigin(),
    })
    expect(moved).toEqual({ outcome: 'gone' })
    expect(await teams.membershipsOf(id)).toMatchObject([{ id: team.id }])
    const renamed = await accounts.create(operator, { email: `again-${count}@example.test`, username })
    expect(renamed.username).toBe(username)
  })
})

describe('a device that the stranger has signed in on', () => {
  /** From an address of its own each time. */
  const tryPassword = (who: { email: string; password: string }, cookie?: string) => {
    guesses += 1
    const at = { 'x-forwarded-for': `10.9.${guesses >> 8}.${guesses & 255}` }
    return door.post('/auth/login', who, { headers: { ...at, ...(cookie !== undefined && { cookie }) } })
  }
  const cookieOf = ({ headers }: { headers: Headers }) =>
    headers
      .getSetCookie()
      .map((cookie) => cookie.split(';', 1)[0])
      .join('; ')
  const wrong = 'a-wrong-guess-0001'
  let guesses = 0

  async function squatter() {
    count += 1
    const who = { email: `owner-${count}@example.test`, password }
    expect((await door.post('/auth/register', who)).status).toBe(201)
    const signedIn = await tryPassword(who)
    expect(signedIn.status).toBe(200)
    const cookie = cookieOf(signedIn)
    for (let guess = 0; guess < 10; guess += 1) await tryPassword({ ...who, password: wrong })
    expect((await tryPassword({ ...who, password: wrong })).status).toBe(429)
    expect((await tryPassword({ ...who, password: wrong }, cookie)).status).toBe(401)
    // A notice of the sign-in above
    await app.mails.rest(who.email)
    return { ...who, cookie }
  }
  async function exhaust(email: string): Promise<void> {
    let status = 0
    for (let guess = 0; guess < 11; guess += 1)
      status = (await tryPassword({ email, password: wrong })).status
    expect(status).toBe(429)
  }

  it.each(Object.entries(proofs))('has no guesses of its own after %s', async (_, prove) => {
    const { email, cookie } = await squatter()
    await prove(email)
    await exhaust(email)
    expect((await tryPassword({ email, password: wrong }, cookie)).status).toBe(429)
  })

  it('is not taken for the one of the owner, who has a lane of their own since the recovery', async () => {
    const { email, cookie } = await squatter()
    await proofs['a recovery by code']?.(email)
    const owner = { email, password: fresh }
    const home = cookieOf(await tryPassword(owner))
    await exhaust(email)
    expect((await tryPassword({ email, password: wrong }, cookie)).status).toBe(429)
    expect((await tryPassword({ email, password: wrong }, home)).status).toBe(401)
    expect((await tryPassword(owner, home)).status).toBe(200)
  })
})

it('the stranger keeps nobody out by changing the password while the code is on its way', async () => {
  const { email, access_token } = await squatted()
  const { body } = await door.post('/auth/passwordless/start', { email, method: 'code' })
  const code = codeIn(await app.mails.next(email, /\d{6}/))
  const change = { current_password: password, new_password: fresh }
  expect((await door.post('/auth/me/password', change, { as: access_token })).status).toBe(200)
  expect((await door.post('/auth/passwordless/verify', { flow: body.flow, code })).status).toBe(200)
  expect((await door.login({ email, password: fresh })).status).toBe(401)
  expect((await door.me(access_token)).status).toBe(401)
})

it('what the stranger was recognised for is not done once the owner has come', async () => {
  const { id, email } = await squatted()
  const { accounts, emailChange, passwordChange } = app.services
  const seen = await accounts.get(id)
  await proofs['a code']?.(email)

  const { securityEpoch } = seen
  const origin = newOrigin()
  const overtaken = { code: 'account_changed_meanwhile' }
  const rename = { username: `squatter-again-${count}`, profile: { name: 'Squatter' } }
  await expect(accounts.update(operator, id, rename, seen)).rejects.toMatchObject(overtaken)
  const first = passwordChange.setFirstPassword(id, fresh, { origin, securityEpoch })
  await expect(first).rejects.toMatchObject(overtaken)
  const elsewhere = `squatter-again-${count}@elsewhere.example`
  const asked = { accountId: id, securityEpoch, email: elsewhere, origin, language: 'en' }
  const { flow } = await emailChange.start(asked)
  const code = codeIn(await app.mails.next(elsewhere))
  expect(await emailChange.confirm({ flow }, code, { accountId: id, origin })).toEqual({ outcome: 'gone' })
  expect(await accounts.get(id)).toMatchObject({ email, username: null, hasPassword: false })
})

it('a second proof takes nothing from what the owner has put there since', async () => {
  const { id, email } = await squatted()
  await proofs['a code']?.(email)
  await app.services.accounts.update(operator, id, { username: `owner-${count}`, profile: { name: 'Owner' } })
  await proofs['a code']?.(email)
  expect(await app.services.accounts.get(id)).toMatchObject({
    username: `owner-${count}`,
    profile: { name: 'Owner' },
  })
})

describe('the mailbox of somebody whose address a stranger has registered', () => {
  const most = 5

  it('hears of five changed passwords, and of one more an hour', async () => {
    count += 1
    const email = `owner-${count}@example.test`
    const { body } = await door.post('/auth/register', { email, password })
    const change = (current_password: string, new_password: string) =>
      door.post('/auth/me/password', { current_password, new_password }, { as: body.access_token })
    const nth = (turn: number) => (turn === 0 ? password : `known-to-the-stranger-${turn}`)
    for (let turn = 0; turn < most; turn += 1) {
      // Refused ones spend nothing
      expect((await change(nth(turn), 'short')).status).toBe(400)
      expect((await change(nth(turn), nth(turn + 1))).status).toBe(200)
    }
    const refused = await change(nth(most), nth(most + 1))
    expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    const wait = Number(refused.headers.get('retry-after'))
    expect(wait).toBeGreaterThan(3500)
    expect(wait).toBeLessThanOrEqual(3600)
    expect(await app.mails.rest(email)).toHaveLength(most)

    await app.advance(wait)
    const { access_token } = await door.signIn({ email, password: nth(most) })
    const later = { current_password: nth(most), new_password: nth(most + 1) }
    expect((await door.post('/auth/me/password', later, { as: access_token })).status).toBe(200)
  })

  it('hears of five accounts that are moved away, however often it is registered anew', async () => {
    count += 1
    const email = `owner-${count}@example.test`
    const { accounts, emailChange } = app.services
    const begin = async (turn: number) => {
      expect((await door.post('/auth/register', { email, password })).status).toBe(201)
      const id = (await accounts.findByIdentifier(email))?.id ?? ''
      const to = `squatter-${count}-${turn}@elsewhere.example`
      const asked = { accountId: id, email: to, origin: newOrigin(), language: 'en' }
      return { id, to, flow: emailChange.start(asked).then((started) => started.flow) }
    }
    for (let turn = 0; turn < most; turn += 1) {
      const { id, to, flow } = await begin(turn)
      const handle = { flow: await flow }
      const code = codeIn(await app.mails.next(to))
      const moved = await emailChange.confirm(handle, code, { accountId: id, origin: newOrigin() })
      expect(moved).toMatchObject({ outcome: 'changed' })
    }
    await expect((await begin(most)).flow).rejects.toMatchObject({ kind: 'rate_limited' })
    expect(await app.mails.rest(email)).toHaveLength(most)
  })
})

describe('an account that the operator vouches for', () => {
  const who = () => ({ email: `vouched-${++count}@example.test`, password: 'the-password-of-the-owner' })

  async function claimed() {
    const { db, tickets } = app.services
    await db.prisma.account.deleteMany({ where: { roles: { has: 'admin' } } })
    const [person, administrator] = [createPerson(), who()]
    const { token } = await tickets.issueTicket({ purpose: 'claim' })
    const form = await person.open(`${app.issuer}/setup?token=${token}`)
    await person.submit(form, { ...administrator, name: 'Founder' })
    return administrator
  }
  async function invited() {
    const { email, password } = who()
    const { accounts, tickets } = app.services
    const { id } = await accounts.create(operator, { email, name: 'Invited' })
    const { token } = await tickets.issueTicket({ purpose: 'set_password', accountId: id })
    await tickets.setPasswordByTicket(token, password)
    return { email, password }
  }
  async function setByOperator() {
    const { email, password } = who()
    const { id } = await app.services.accounts.create(operator, { email, name: 'Set' })
    await app.services.accounts.setPassword(operator, id, password)
    return { email, password }
  }

  it.each([
    ['the first administrator', claimed],
    ['somebody with a link', invited],
    ['somebody whose password was set', setByOperator],
  ])('keeps its password, its sessions and its name: %s', async (_, make) => {
    const owner = await make()
    const { access_token } = await door.signIn(owner)
    await proofs['a code']?.(owner.email)
    const account = await app.services.accounts.findByIdentifier(owner.email)
    expect(account?.emailVerifiedAt).not.toBeNull()
    expect(account?.profile.name).toBeTruthy()
    expect((await door.me(access_token)).status).toBe(200)
    expect((await door.login(owner)).status).toBe(200)
  })

  it('keeps its name through a recovery too, and administers on', async () => {
    const owner = await claimed()
    await proofs['a recovery by code']?.(owner.email)
    const account = await app.services.accounts.findByIdentifier(owner.email)
    expect(account).toMatchObject({ roles: ['admin'], profile: { name: 'Founder' } })
    expect((await door.login({ ...owner, password: fresh })).status).toBe(200)
  })
})
