// Moving an account to another address on its page: a mailed code proves the new one, and a stranger's is told nothing.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApp, testHooks } from '../support/app.ts'
import { createPerson, pageOf, throughSignIn } from '../support/browser-less.ts'
import { newOrigin } from '../support/challenges.ts'
import { codeIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'

let app: TestApp & { mails: Mailbox }
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
})
afterAll(() => app.close())

let count = 0
async function atEmailPage() {
  count += 1
  const who = { email: `moving-${count}@example.test`, password: 'a-password-of-their-own' }
  const actor = { kind: 'operator' } as const
  const { id } = await app.services.accounts.create(actor, { ...who, emailVerified: true })
  const person = createPerson()
  const page = await throughSignIn(person, await person.open(`${app.issuer}/account/email`), who)
  expect(page.url).toBe(`${app.issuer}/account/email`)
  return { id, person, page, to: `moved-${count}@example.test`, from: who.email }
}

describe('a new address', () => {
  it('is taken once when fifty confirm it at once', async () => {
    const { id, to } = await atEmailPage()
    const { emailChange } = app.services
    const { flow } = await emailChange.start({
      accountId: id,
      email: to,
      origin: newOrigin(),
      language: 'en',
    })
    const code = codeIn(await app.mails.next(to))
    const confirm = () => emailChange.confirm({ flow }, code, { accountId: id, origin: newOrigin() })
    const outcomes = (await Promise.all(Array.from({ length: 50 }, confirm))).map(({ outcome }) => outcome)
    expect(outcomes.filter((outcome) => outcome === 'changed')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === 'wrong')).toEqual([])
    expect((await app.services.accounts.get(id)).email).toBe(to)
    const moves = { accountId: id, type: 'account.email_changed' }
    expect(await app.services.db.prisma.auditEvent.count({ where: moves })).toBe(1)
  })

  it('is proved by the code that was mailed there; both hear of it', async () => {
    const { id, person, page, to, from } = await atEmailPage()
    const asked = pageOf(await person.submit(page, { email: to }))
    expect(asked.html).toContain('Check your mail')
    const code = codeIn(await app.mails.next(to))
    const wrong = pageOf(await person.submit(asked, { code: code === '000000' ? '000001' : '000000' }))
    expect(wrong.status).toBe(422)
    expect(wrong.html).toContain('href="#code"')
    const done = pageOf(await person.submit(wrong, { code: ` ${code.slice(0, 3)} ${code.slice(3)} ` }))
    expect(done.html).toContain('Your email address is changed')
    expect(done.html).toContain(to)
    const account = await app.services.accounts.get(id)
    expect([account.email, account.emailVerifiedAt === null]).toEqual([to, false])
    await expect
      .poll(() =>
        app.services.inbox
          ?.list()
          .filter((mail) => mail.text.includes(from) && mail.text.includes(to))
          .map((mail) => mail.to)
          .sort(),
      )
      .toEqual([to, from].sort())
  })

  it.each(['', 'nobody', 'a@b', 'a@example.test, b@example.test'])('is no %j', async (email) => {
    const { person, page } = await atEmailPage()
    const refused = pageOf(await person.submit(page, { email }))
    expect(refused.status).toBe(422)
    expect(refused.html).toContain('href="#email"')
  })

  it('that somebody has looks the same on the page', async () => {
    const { person, page, to } = await atEmailPage()
    const plain = (html: string, address: string) =>
      html.replaceAll(address, 'ADDRESS').replace(/name="flow" value="[^"]+"/, '')
    const free = pageOf(await person.submit(page, { email: to }))
    const taken = pageOf(await person.submit(page, { email: 'grace@example.test' }))
    expect(taken.status).toBe(free.status)
    expect(plain(taken.html, 'grace@example.test')).toBe(plain(free.html, to))
  })

  it('of another is not taken with a code that was mailed to oneself', async () => {
    const mine = await atEmailPage()
    const theirs = await atEmailPage()
    const asked = pageOf(await mine.person.submit(mine.page, { email: mine.to }))
    const code = codeIn(await app.mails.next(mine.to))
    const other = pageOf(await theirs.person.submit(theirs.page, { email: theirs.to }))
    const flow = /name="flow" value="([^"]+)"/.exec(asked.html)?.[1] ?? ''
    const refused = pageOf(await theirs.person.submit(other, { flow, code }))
    expect(refused.status).toBe(422)
    expect((await app.services.accounts.get(theirs.id)).email).toBe(theirs.from)
  })
})
