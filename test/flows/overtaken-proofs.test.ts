// What was mailed, handed out or half proved before a change of what guards an account is worth nothing after it:
// every kind of proof against every kind of change.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApp, testHooks } from '../support/app.ts'
import { createPerson, formsOf, type Page } from '../support/browser-less.ts'
import { newOrigin } from '../support/challenges.ts'
import { createDoor } from '../support/door.ts'
import { codeIn, linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createRp } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
let door: ReturnType<typeof createDoor>
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
  door = createDoor(app.issuer)
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
const password = 'a-password-of-their-own'
const fresh = 'a-brand-new-password-41'
const tokenIn = (link: string) => new URL(link).searchParams.get('token') ?? ''

let count = 0
async function member() {
  count += 1
  const email = `overtaken-${count}@example.test`
  const { id } = await app.services.accounts.create(operator, { email, password, emailVerified: true })
  return { id, email }
}
type Member = Awaited<ReturnType<typeof member>>

async function codeTo(address: string) {
  return codeIn(await app.mails.next(address, /\d{6}/))
}

async function move({ id }: Member, to: string) {
  const { emailChange } = app.services
  const { flow } = await emailChange.start({ accountId: id, email: to, origin: newOrigin(), language: 'en' })
  return { flow, code: await codeTo(to) }
}

/** Gives what uses the proof, and says whether it did. */
const proofs: Record<string, (who: Member) => Promise<() => Promise<boolean>>> = {
  'the link of an operator': async ({ id }) => {
    const { token } = await app.services.tickets.issueTicket({ purpose: 'set_password', accountId: id })
    return async () => {
      const body = new URLSearchParams({ token, password: fresh })
      return (await fetch(`${app.issuer}/setup`, { method: 'POST', body })).status === 200
    }
  },
  'the link of a recovery': async ({ email }) => {
    await door.post('/auth/password/forgot', { email })
    const token = tokenIn(linkIn(await app.mails.next(email, /\d{6}/)))
    return async () =>
      (await door.post('/auth/password/reset', { token, new_password: fresh })).status === 200
  },
  'the code of a recovery': async ({ email }) => {
    const { flow } = (await door.post('/auth/password/forgot', { email })).body
    const reset = { flow, code: await codeTo(email), new_password: fresh }
    return async () => (await door.post('/auth/password/reset', reset)).status === 200
  },
  'the ticket that a right code became': async ({ email }) => {
    const { recovery } = app.services
    const origin = newOrigin()
    const words = { language: 'en', linkUrl: `${app.issuer}/recover` }
    const { flow } = await recovery.start({ email, origin, ...words })
    const checked = await recovery.checkCode({ flow }, await codeTo(email), origin)
    const ticket = checked.outcome === 'right' ? checked.ticket : ''
    return () =>
      recovery.resetByTicket(ticket, fresh, origin).then(
        () => true,
        () => false,
      )
  },
  'the code of a sign-in': async ({ email }) => {
    const { flow } = (await door.post('/auth/passwordless/start', { email, method: 'code' })).body
    const code = await codeTo(email)
    return async () => (await door.post('/auth/passwordless/verify', { flow, code })).status < 300
  },
  'the link of a sign-in': async ({ email }) => {
    await door.post('/auth/passwordless/start', { email, method: 'link' })
    const token = tokenIn(linkIn(await app.mails.next(email, /link/i)))
    return async () => (await door.post('/auth/passwordless/verify', { token, email })).status < 300
  },
  'the code for another address': async (who) => {
    const { flow, code } = await move(who, `elsewhere-${who.email}`)
    return async () => {
      const confirming = { accountId: who.id, origin: newOrigin() }
      return (await app.services.emailChange.confirm({ flow }, code, confirming)).outcome === 'changed'
    }
  },
  'a sign-in that stopped half-way': async ({ email }) => {
    const person = createPerson()
    const first = await person.open(createRp(app.issuer).authorizeUrl().url)
    const second = (await person.submit(first, { email })) as Page
    const [form] = formsOf(second)
    const posted = await person.request(form?.action ?? '', {
      method: 'POST',
      body: new URLSearchParams({ ...form?.fields, password }),
      headers: { origin: app.issuer },
    })
    return async () => 'left' in (await person.go(posted.headers.get('location') ?? ''))
  },
}

const changes: Record<string, (who: Member) => Promise<unknown>> = {
  'the address was changed': async (who) => {
    const { flow, code } = await move(who, `moved-${who.email}`)
    const confirming = { accountId: who.id, origin: newOrigin() }
    const moved = await app.services.emailChange.confirm({ flow }, code, confirming)
    expect(moved).toMatchObject({ outcome: 'changed' })
  },
  'the password was changed': async ({ id }) => {
    const { passwordChange } = app.services
    const typed = { current: password, next: 'yet-another-password-1' }
    expect(await passwordChange.changePassword(id, typed, { origin: newOrigin() })).toMatchObject({
      outcome: 'changed',
    })
  },
  'the password was taken off': ({ id }) =>
    app.services.passwordChange.removePassword(id, { origin: newOrigin() }),
  'an operator set the password': ({ id }) =>
    app.services.accounts.setPassword(operator, id, 'yet-another-password-1'),
  'the person was disabled and enabled': async ({ id }) => {
    await app.services.accounts.disable(operator, id)
    await app.services.accounts.enable(operator, id)
  },
  'the person was deleted and came back': async ({ id }) => {
    await app.services.deletion.remove(operator, id)
    await app.services.deletion.restore(operator, id)
  },
}

describe.each(Object.entries(proofs))('%s', (_, prepare) => {
  it('is good as long as nothing changes', async () => {
    const use = await prepare(await member())
    expect(await use()).toBe(true)
  })

  it.each(Object.entries(changes))('is dead once %s', async (_, change) => {
    const who = await member()
    const use = await prepare(who)
    await change(who)
    expect(await use()).toBe(false)
  })
})
