import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { claimsIn, createDoor } from '../support/door.ts'
import { codeIn, linkIn, mailsTo, mailTo } from '../support/mails.ts'
import { ada, createRp, demoMachine } from '../support/rp.ts'

type Door = ReturnType<typeof createDoor>

let app: TestApp
let door: Door
let verified: TestApp
let strict: Door
beforeAll(async () => {
  app = await startApp({ env: testHooks, jobs: true })
  door = createDoor(app.issuer)
  verified = await startApp({ env: { ...testHooks, FOYER_REGISTRATION: 'verified' }, jobs: true })
  strict = createDoor(verified.issuer)
})
afterAll(async () => {
  await app.close()
  await verified.close()
})

let people = 0
const newEmail = () => `person-${++people}@example.test`
const password = 'a-rather-long-password'

const tooShort = (pointer: string) => {
  const code = 'password_too_short'
  return { status: 400, body: { code, errors: [{ pointer, code }] } }
}

/** Somebody new, signed in. */
async function newcomer(more: Record<string, string> = {}) {
  const email = newEmail()
  const { status, body, text } = await door.post('/auth/register', { email, password, ...more })
  if (status !== 201) throw new Error(text)
  return { email, ...body }
}

const tokenIn = (link: string): string => new URL(link).searchParams.get('token') ?? ''
/** A code of six digits that is not this one. */
const otherThan = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0')

describe('registering through the JSON door when it is open', () => {
  it('answers 201 and a token pair at once', async () => {
    const email = newEmail()
    const answer = await door.post('/auth/register', { email, password, username: 'amina', name: 'Amina' })
    expect(answer).toMatchObject({ status: 201, body: { token_type: 'bearer', expires_in: 900 } })
    const me = await door.me(answer.body.access_token)
    expect(me.body).toMatchObject({ email, email_verified: false, name: 'Amina', username: 'amina' })
    expect((await door.refresh(answer.body.refresh_token)).status).toBe(200)
    expect((await door.login({ username: 'amina', password })).status).toBe(200)
    expect(await app.auditTypes()).toContain('account.registered')
  })

  it('gives tokens for the API that is asked for', async () => {
    const { access_token } = await newcomer({ resource: 'urn:demo:quests' })
    expect(claimsIn(access_token).aud).toBe('urn:demo:quests')
  })

  it('answers 409 for a taken address, however it is spelled', async () => {
    for (const email of [ada.email, ada.email.toUpperCase()]) {
      const answer = await door.post('/auth/register', { email, password })
      expect(answer).toMatchObject({ status: 409, body: { code: 'email_taken' } })
    }
  })

  it('answers 400 for what is no plain address, and for a short password', async () => {
    const address = await door.post('/auth/register', { email: 'Ada <ada@b.example>', password })
    expect(address).toMatchObject({ status: 400, body: { errors: [{ pointer: '/email' }] } })
    const short = await door.post('/auth/register', { email: newEmail(), password: 'short' })
    expect(short).toMatchObject(tooShort('/password'))
    expect(short.body.type).toBe('/problems/password_too_short')
    const { body } = await door.ask('GET', '/problems/password_too_short')
    expect(body).toMatchObject({ code: 'password_too_short' })
  })

  it('makes nobody when the API is not open to the door', async () => {
    const email = newEmail()
    const refused = await door.post('/auth/register', { email, password, resource: 'urn:nobody:knows' })
    expect(refused.status).toBe(400)
    expect((await door.post('/auth/register', { email, password })).status).toBe(201)
  })
})

describe('registering through the JSON door when addresses are proved first', () => {
  it('answers 202 and a flow, and the code gives the tokens', async () => {
    const email = newEmail()
    const begun = await strict.post('/auth/register', { email, password, resource: 'urn:demo:quests' })
    expect(begun.status).toBe(202)
    expect(Object.keys(begun.body)).toEqual(['flow'])
    const { flow } = begun.body
    const code = codeIn(await mailTo(verified, email))
    expect((await strict.login({ email, password })).status).toBe(401)

    const wrong = await strict.post('/auth/register/confirm', { flow, code: otherThan(code) })
    expect(wrong).toMatchObject({ status: 401, body: { code: 'invalid_code' } })
    const right = await strict.post('/auth/register/confirm', { flow, code })
    expect(right.status).toBe(201)
    expect(claimsIn(right.body.access_token).aud).toBe('urn:demo:quests')
    expect((await strict.me(right.body.access_token)).body).toMatchObject({ email, email_verified: true })
    expect((await strict.login({ email, password })).status).toBe(200)
    const again = await strict.post('/auth/register/confirm', { flow, code })
    expect(again.status).toBeGreaterThanOrEqual(400)
  })

  it('reads the code however it was pasted', async () => {
    const email = newEmail()
    const { flow } = (await strict.post('/auth/register', { email, password })).body
    const code = codeIn(await mailTo(verified, email))
    const pasted = `Your code is ${code.slice(0, 3)} ${code.slice(3)}`
    expect((await strict.post('/auth/register/confirm', { flow, code: pasted })).status).toBe(201)
  })

  it('answers a taken address like a free one, and tells its owner by mail', async () => {
    const free = await strict.post('/auth/register', { email: newEmail(), password })
    const taken = await strict.post('/auth/register', { email: ada.email, password })
    expect(taken.status).toBe(202)
    expect(taken.text.length).toBe(free.text.length)
    expect([...taken.headers.keys()].sort()).toEqual([...free.headers.keys()].sort())
    await mailTo(verified, ada.email)
    const { flow } = taken.body
    expect((await strict.post('/auth/register/confirm', { flow, code: '123456' })).status).toBe(401)
  })

  it('reads no code inside a block, the right one included, and says how long', async () => {
    const email = newEmail()
    const { flow } = (await strict.post('/auth/register', { email, password })).body
    const code = codeIn(await mailTo(verified, email))
    const confirm = (text: string) => strict.post('/auth/register/confirm', { flow, code: text })
    expect((await confirm(otherThan(code))).status).toBe(401)
    expect((await confirm(otherThan(code))).status).toBe(401)
    for (const text of [code, otherThan(code), 'nonsense']) {
      const blocked = await confirm(text)
      expect(blocked).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
      const wait = Number(blocked.headers.get('retry-after'))
      expect(wait).toBeGreaterThan(50)
      expect(wait).toBeLessThanOrEqual(60)
    }
    await verified.advance(61)
    expect((await confirm(code)).status).toBe(201)
  })

  it('answers an unknown flow like a wrong code', async () => {
    const answer = await strict.post('/auth/register/confirm', { flow: 'nobody-has-this', code: '123456' })
    expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_code' } })
  })
})

describe('registering through the JSON door when it is closed', () => {
  it('answers 403', async () => {
    const closed = await startApp({ env: { FOYER_REGISTRATION: 'closed' } })
    try {
      const answer = await createDoor(closed.issuer).post('/auth/register', { email: newEmail(), password })
      expect(answer).toMatchObject({ status: 403, body: { code: 'registration_closed' } })
    } finally {
      await closed.close()
    }
  })
})

describe('a forgotten password at the JSON door', () => {
  it('is replaced by the code of the mail, and ends every session and token', async () => {
    const person = await newcomer()
    const { flow } = (await door.post('/auth/password/forgot', { email: person.email })).body
    const code = codeIn(await mailTo(app, person.email))
    const next = 'another-rather-long-one'
    const body = { flow, code, new_password: next }
    const wrong = await door.post('/auth/password/reset', { ...body, code: otherThan(code) })
    expect(wrong).toMatchObject({ status: 401, body: { code: 'invalid_code' } })
    const reset = await door.post('/auth/password/reset', body)
    expect(reset).toMatchObject({ status: 200, body: { status: 'password_reset' } })
    expect((await door.me(person.access_token)).status).toBe(401)
    expect((await door.refresh(person.refresh_token)).status).toBe(401)
    expect((await door.login({ email: person.email, password })).status).toBe(401)
    expect((await door.login({ email: person.email, password: next })).status).toBe(200)
    expect((await door.post('/auth/password/reset', body)).status).toBeGreaterThanOrEqual(400)
  })

  it('is replaced by the link of the same mail, once', async () => {
    const { email } = await newcomer()
    await door.post('/auth/password/forgot', { email })
    const token = tokenIn(linkIn(await mailTo(app, email)))
    const short = await door.post('/auth/password/reset', { token, new_password: 'short' })
    expect(short).toMatchObject(tooShort('/new_password'))
    const body = { token, new_password: 'another-rather-long-one' }
    expect((await door.post('/auth/password/reset', body)).status).toBe(200)
    expect((await door.post('/auth/password/reset', body)).status).toBe(410)
  })

  it('answers everybody alike', async () => {
    const { email } = await newcomer()
    const known = await door.post('/auth/password/forgot', { email })
    const unknown = await door.post('/auth/password/forgot', { email: newEmail() })
    const masked = ({ status, text, body, headers }: typeof known) => [
      status,
      text.replace(body.flow, 'x'.repeat(body.flow.length)),
      [...headers.keys()].sort(),
    ]
    expect(masked(unknown)).toEqual(masked(known))
    expect(known.status).toBe(202)
  })

  it.each([
    [{}],
    [{ flow: 'x', new_password: 'x' }],
    [{ token: 'x', code: '1', new_password: 'x' }],
    [{ token: 1, new_password: 'x' }],
  ])('answers %j with 400', async (json) => {
    expect((await door.post('/auth/password/reset', json)).status).toBe(400)
  })

  it('knows no token that was never mailed', async () => {
    const body = { token: 'never-mailed', new_password: password }
    expect((await door.post('/auth/password/reset', body)).status).toBe(410)
  })
})

describe('signing in by mail at the JSON door', () => {
  it('makes the account at the first code, and knows it at the second', async () => {
    const email = newEmail()
    for (const expected of [201, 200]) {
      const started = await door.post('/auth/passwordless/start', { email, method: 'code' })
      expect(started.status).toBe(202)
      const { flow } = started.body
      const code = codeIn(await mailTo(app, email, expected === 201 ? 1 : 2))
      const wrong = await door.post('/auth/passwordless/verify', { flow, code: otherThan(code) })
      expect(wrong).toMatchObject({ status: 401, body: { code: 'invalid_code' } })
      const right = await door.post('/auth/passwordless/verify', { flow, code })
      expect(right.status).toBe(expected)
      expect((await door.me(right.body.access_token)).body).toMatchObject({ email, email_verified: true })
      const again = await door.post('/auth/passwordless/verify', { flow, code })
      expect(again.status).toBe(410)
    }
  })

  it('takes the token of a link together with the address', async () => {
    const email = newEmail()
    await door.post('/auth/passwordless/start', { email, method: 'link' })
    const link = linkIn(await mailTo(app, email))
    expect(link.startsWith(`${app.issuer}/link?token=`)).toBe(true)
    const token = tokenIn(link)
    const other = await door.post('/auth/passwordless/verify', { token, email: ada.email })
    expect(other.status).toBe(401)
    const right = await door.post('/auth/passwordless/verify', { token, email })
    expect(right.status).toBe(201)
    expect((await door.me(right.body.access_token)).status).toBe(200)
    expect((await door.post('/auth/passwordless/verify', { token, email })).status).toBe(410)
  })

  it('leads to the address that the owner set', async () => {
    const own = await startApp({
      env: { FOYER_FIRST_PARTY_LINK_URL: 'https://app.example/in?from=mail' },
      jobs: true,
    })
    try {
      const there = createDoor(own.issuer)
      await there.post('/auth/passwordless/start', { email: ada.email, method: 'link' })
      const link = linkIn(await mailTo(own, ada.email))
      expect(link).toMatch(/^https:\/\/app\.example\/in\?from=mail&token=[\w-]+$/)
    } finally {
      await own.close()
    }
  })

  it('answers strangers and members alike', async () => {
    const { email } = await newcomer()
    const answers = []
    for (const to of [email, newEmail()]) {
      const { status, text, body, headers } = await door.post('/auth/passwordless/start', {
        email: to,
        method: 'code',
      })
      answers.push([
        status,
        text.replace(body.flow, 'x'.repeat(body.flow.length)),
        [...headers.keys()].sort(),
      ])
    }
    expect(answers[1]).toEqual(answers[0])
  })

  it('says what it counted', async () => {
    const { headers } = await door.post('/auth/passwordless/start', { email: newEmail(), method: 'code' })
    expect(headers.get('ratelimit-policy')).toBe('"mail.address";q=100;w=900')
    expect(headers.get('ratelimit')).toMatch(/^"mail\.address";r=\d+;t=\d+$/)
    const verify = await door.post('/auth/passwordless/verify', { flow: 'unknown', code: '123456' })
    expect(verify.headers.get('ratelimit-policy')).toBe('"code.address";q=30;w=900')
    const registered = await door.post('/auth/register', { email: newEmail(), password })
    expect(registered.headers.get('ratelimit-policy')).toBe('"register.address";q=200;w=900')
  })
})

describe('one’s own account at the JSON door', () => {
  it('changes the profile, and takes off what is null', async () => {
    const { access_token } = await newcomer({ name: 'Before' })
    const change = (json: unknown) => door.ask('PATCH', '/auth/me', { as: access_token, json })
    const changed = await change({ name: 'After', nickname: 'Aff', locale: 'de', username: 'after-all' })
    expect(changed).toMatchObject({
      status: 200,
      body: { name: 'After', nickname: 'Aff', locale: 'de', username: 'after-all' },
    })
    const taken = await change({ nickname: null, name: null })
    expect(taken.body.name).toBeNull()
    expect(taken.body).not.toHaveProperty('nickname')
    expect((await door.me(access_token)).body).toEqual(taken.body)
  })

  it('takes the user name under its standard name too: it is one, and signs in', async () => {
    const { access_token } = await newcomer()
    const change = (json: unknown) => door.ask('PATCH', '/auth/me', { as: access_token, json })
    const named = await change({ preferred_username: 'One-And-The-Same' })
    expect(named.body).toMatchObject({
      username: 'one-and-the-same',
      preferred_username: 'one-and-the-same',
    })
    expect((await door.login({ username: 'one-and-the-same', password })).status).toBe(200)
    expect((await change({ preferred_username: 'a', username: 'b' })).status).toBe(400)
  })

  it.each([
    [{ email: 'other@example.test' }],
    [{ email_verified: true }],
    [{ roles: ['admin'] }],
    [{ phone_number_verified: true }],
    [{ id: '1' }],
    [{ name: { first: 'A' } }],
    [{ name: 'a'.repeat(300) }],
  ])('does not take %j', async (json) => {
    const { access_token } = await newcomer()
    const { status } = await door.ask('PATCH', '/auth/me', { as: access_token, json })
    expect(status).toBe(400)
  })

  it('changes the password for who knows it, and ends the other sessions', async () => {
    const person = await newcomer()
    const other = await door.signIn({ email: person.email, password })
    const next = 'another-rather-long-one'
    const change = (current_password: string, new_password: string) =>
      door.post('/auth/me/password', { current_password, new_password }, { as: person.access_token })
    expect(await change('wrong', next)).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
    expect(await change(password, 'short')).toMatchObject(tooShort('/new_password'))
    expect((await change(password, next)).status).toBe(200)
    expect((await door.me(person.access_token)).status).toBe(200)
    expect((await door.refresh(person.refresh_token)).status).toBe(200)
    expect((await door.me(other.access_token)).status).toBe(401)
    expect((await door.login({ email: person.email, password: next })).status).toBe(200)
  })

  it('lists where it is signed in, ends one, and all others', async () => {
    const person = await newcomer()
    const sign = () => door.signIn({ email: person.email, password })
    const [second, third] = [await sign(), await sign()]
    const list = async () => {
      const { body } = await door.ask('GET', '/auth/sessions', { as: person.access_token })
      return body.data as { id: string; current: boolean; device: string }[]
    }
    const all = await list()
    expect(all).toHaveLength(3)
    expect(all.filter(({ current }) => current)).toHaveLength(1)
    expect(Object.keys(all[0] ?? {}).sort()).toEqual(
      ['address', 'created_at', 'current', 'device', 'id', 'last_seen_at'].sort(),
    )

    const mine = (await door.ask('GET', '/auth/sessions', { as: second.access_token })).body
      .data as typeof all
    const id = mine.find(({ current }) => current)?.id
    const end = (one: string | undefined) =>
      door.ask('DELETE', `/auth/sessions/${one}`, { as: person.access_token })
    expect((await end(id)).status).toBe(204)
    expect((await door.me(second.access_token)).status).toBe(401)
    expect((await end(id)).status).toBe(404)

    const stranger = await newcomer()
    const hers = await door.ask('GET', '/auth/sessions', { as: stranger.access_token })
    const [foreign] = hers.body.data as typeof all
    expect((await end(foreign?.id)).status).toBe(404)
    expect((await door.me(stranger.access_token)).status).toBe(200)

    expect((await door.ask('DELETE', '/auth/sessions', { as: person.access_token })).status).toBe(204)
    expect((await door.me(third.access_token)).status).toBe(401)
    expect(await list()).toHaveLength(1)
    const machine = createRp(app.issuer, demoMachine)
    expect((await machine.introspect(third.access_token)).body.active).toBe(false)
  })

  it('shows when a session was last renewed', async () => {
    const { access_token, refresh_token } = await newcomer()
    const lastSeen = async (token: string) => {
      const { body } = await door.ask('GET', '/auth/sessions', { as: token })
      const [session] = body.data as { last_seen_at: string }[]
      return Date.parse(session?.last_seen_at ?? '')
    }
    const before = await lastSeen(access_token)
    await app.advance(600)
    const { body } = await door.refresh(refresh_token)
    expect((await lastSeen(body.access_token)) - before).toBeGreaterThanOrEqual(600_000)
  })

  it.each([
    ['GET', '/auth/me'],
    ['PATCH', '/auth/me'],
    ['POST', '/auth/me/password'],
    ['GET', '/auth/sessions'],
    ['DELETE', '/auth/sessions'],
    ['DELETE', '/auth/sessions/x'],
  ])('asks for a token at %s %s', async (method, path) => {
    const answer = await door.ask(method, path, { ...(method === 'GET' ? {} : { json: {} }) })
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
  })

  it('sends nobody a second mail for what they did themselves at sign-up', async () => {
    const { email } = await newcomer()
    expect(mailsTo(app, email)).toEqual([])
  })
})
