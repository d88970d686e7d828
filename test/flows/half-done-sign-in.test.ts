// A password that was right is worth nothing any more once what guards the account has changed, also where its browser
// has stopped half-way: with the proof in, and the session not there yet.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApp, testHooks } from '../support/app.ts'
import { createPerson, formsOf, type Page } from '../support/browser-less.ts'
import { createDoor } from '../support/door.ts'
import { codeIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createRp, type Rp } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
let rp: Rp
let door: ReturnType<typeof createDoor>
beforeAll(async () => {
  app = await startMailingApp({ env: { ...testHooks, FOYER_REGISTRATION: 'open' } })
  rp = createRp(app.issuer)
  door = createDoor(app.issuer)
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
const password = 'known-to-somebody-else-too'
const fresh = 'a-brand-new-password-41'
let count = 0
async function member(emailVerified = true) {
  count += 1
  const email = `half-way-${count}@example.test`
  const { id } = await app.services.accounts.create(operator, { email, password, emailVerified })
  return { id, email }
}

/** A browser that has given the right password and not followed the answer; where that leads. */
async function halfWay(email: string) {
  const person = createPerson()
  const first = await person.open(rp.authorizeUrl().url)
  const second = (await person.submit(first, { email })) as Page
  const [form] = formsOf(second)
  const body = new URLSearchParams({ ...form?.fields, email, password })
  const answer = await person.request(form?.action ?? '', {
    method: 'POST',
    body,
    headers: { origin: app.issuer },
  })
  const resume = answer.headers.get('location') ?? ''
  expect(resume).toContain('/oauth2/authorize/')
  return { person, resume }
}

describe('a sign-in that stopped half-way goes on', () => {
  it('as long as nothing has changed', async () => {
    const { person, resume } = await halfWay((await member()).email)
    expect(await person.go(resume)).toHaveProperty('left')
  })

  it.each<[string, (who: { id: string; email: string }) => Promise<unknown>]>([
    ['changed the password', ({ id, email }) => changeAsOwner(id, email)],
    ['had the password set', ({ id }) => app.services.accounts.setPassword(operator, id, fresh)],
    [
      'was disabled and enabled',
      async ({ id }) => {
        await app.services.accounts.disable(operator, id)
        await app.services.accounts.enable(operator, id)
      },
    ],
    [
      'was deleted and came back',
      async ({ id }) => {
        await app.services.deletion.remove(operator, id)
        await app.services.deletion.restore(operator, id)
      },
    ],
  ])('not once its owner %s', async (_, change) => {
    const who = await member()
    const { person, resume } = await halfWay(who.email)
    await change(who)
    expect(await person.go(resume)).toMatchObject({ status: 410 })
    expect(await app.services.sessions.listFor(who.id)).toEqual([])
  })

  it('not once somebody has proved the address for the first time', async () => {
    const { id, email } = await member(false)
    const { person, resume } = await halfWay(email)
    await app.mails.rest(email)
    const { flow } = (await door.post('/auth/passwordless/start', { email, method: 'code' })).body
    const code = codeIn(await app.mails.next(email, /code/))
    expect((await door.post('/auth/passwordless/verify', { flow, code })).status).toBe(200)
    expect(await person.go(resume)).toMatchObject({ status: 410 })
    expect(await app.services.sessions.listFor(id)).toHaveLength(1)
  })
})

/** In a session that is gone by now, so that none is kept. */
async function changeAsOwner(id: string, email: string): Promise<void> {
  const origin = { address: '203.0.113.9', addressPrefix: '203.0.113.9/32', requestId: email, device: '' }
  const typed = { current: password, next: fresh }
  const keep = { origin, keepSessionUid: 'of-nobody' }
  expect(await app.services.passwordChange.changePassword(id, typed, keep)).toMatchObject({
    outcome: 'changed',
  })
}
