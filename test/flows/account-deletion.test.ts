// The end of an account: at once for whoever asks, undone for 30 days by whoever reads the mail, then for ever.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type TestApp, testHooks } from '../support/app.ts'
import { createPerson, type Page, type Person, pageOf, throughSignIn } from '../support/browser-less.ts'
import { linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createRp, type Who } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const

let count = 0
let who: Who & { id: string }
beforeEach(async () => {
  count += 1
  const person = { email: `leaving-${count}@example.test`, password: 'a-password-of-their-own' }
  const { id } = await app.services.accounts.create(operator, { ...person, emailVerified: true })
  who = { ...person, id }
})

async function openAs(path: string, person: Person = createPerson()): Promise<Page> {
  return throughSignIn(person, await person.open(app.issuer + path), who)
}

/** Where the mail about a deletion leads back to. */
const wayBack = async () => linkIn(await app.mails.next(who.email, /will be deleted/))

async function deleteMyself(person: Person): Promise<Page> {
  const page = await openAs('/account/delete', person)
  return pageOf(await person.submit(page, { confirm: who.email.toUpperCase() }))
}

describe('deleting one’s account', () => {
  it('needs the address typed', async () => {
    const person = createPerson()
    const page = await openAs('/account/delete', person)
    for (const confirm of ['', 'yes', 'ada@example.test']) {
      const refused = pageOf(await person.submit(page, { confirm }))
      expect(refused.status).toBe(422)
      expect(refused.html).toContain('href="#confirm"')
    }
    expect((await app.services.accounts.get(who.id)).status).toBe('active')
  })

  it('ends every session and token, and no password signs in any more', async () => {
    const rp = createRp(app.issuer)
    const tokens = await rp.tokens({ who })
    const person = createPerson()
    const done = await deleteMyself(person)
    expect(done.html).toContain('Your account is deleted')
    expect((await app.services.accounts.get(who.id)).status).toBe('deleted')
    expect((await rp.userinfo(tokens.access_token)).status).toBe(401)
    expect((await rp.refresh(tokens.refresh_token ?? '')).status).toBe(400)
    expect((await person.open(`${app.issuer}/account`)).url).toContain('/interaction/')
    await expect(rp.tokens({ who })).rejects.toThrow('401')
  })

  it('is undone by the link in the mail, once, and by nobody who only looks at it', async () => {
    await deleteMyself(createPerson())
    const link = await wayBack()
    const person = createPerson()
    for (let look = 0; look < 3; look += 1) {
      expect((await fetch(link, { method: 'HEAD' })).status).toBe(200)
      expect((await person.open(link)).headers.get('referrer-policy')).toBe('no-referrer')
    }
    expect((await app.services.accounts.get(who.id)).status).toBe('deleted')

    const page = await person.open(link)
    const back = pageOf(await person.submit(page))
    expect(back.html).toContain('Welcome back')
    expect((await app.services.accounts.get(who.id)).status).toBe('active')
    expect((await app.services.accounts.get(who.id)).deletedAt).toBeNull()
    expect((await openAs('/account')).html).toContain(who.email)
    expect(pageOf(await person.submit(page)).status).toBe(410)
    const spent = await person.open(link)
    expect(spent.status).toBe(410)
    expect(spent.html).toContain('<a class="primary" href="/account">Open your account</a>')
    const types = await app.auditTypes()
    expect(types).toEqual(expect.arrayContaining(['account.deleted', 'account.restored']))
  })

  it('is no way to a password: the link opens no other door', async () => {
    await deleteMyself(createPerson())
    const token = new URL(await wayBack()).searchParams.get('token') ?? ''
    const setup = await fetch(`${app.issuer}/setup?token=${token}`, { headers: { accept: 'text/html' } })
    expect(setup.status).toBe(410)
    await expect(app.services.tickets.setPasswordByTicket(token, 'a-password-of-theirs')).rejects.toThrow(
      'link_spent',
    )
    expect(await app.services.deletion.isReturnTicket(token)).toBe(true)
    const other = await app.services.tickets.issueTicket({ purpose: 'set_password', accountId: who.id })
    await expect(app.services.deletion.restoreByTicket(other.token)).rejects.toThrow('link_spent')
    expect((await app.services.tickets.readTicket(other.token)).purpose).toBe('set_password')
  })

  it('is refused to the last administrator', async () => {
    const administrators = (await app.services.accounts.list({ limit: 100 })).data.filter(({ roles }) =>
      roles.includes('admin'),
    )
    expect(administrators).toHaveLength(1)
    const [{ id = '' } = {}] = administrators
    await expect(app.services.deletion.remove(operator, id)).rejects.toThrow('last_administrator')
  })

  it('of somebody disabled mails no way back', async () => {
    await app.services.accounts.disable(operator, who.id)
    await app.services.deletion.remove(operator, who.id)
    expect((await app.services.accounts.enable(operator, who.id)).status).toBe('deleted')
    const [row] = await app.services.db.query<{ count: number }>({
      text: `SELECT count(*)::int AS count FROM account_tickets WHERE account_id = $1::uuid`,
      values: [who.id],
    })
    expect(row?.count).toBe(0)
  })
})

describe('after thirty days', () => {
  it('everything is erased, and the address is free; a day before, nothing', async () => {
    const { accounts, deletion, teams, sessions } = app.services
    await deleteMyself(createPerson())
    const stays = await accounts.create(operator, { email: `staying-${count}@example.test` })
    const team = await teams.findBySlug('acme')
    expect(team).toBeTruthy()
    await app.advance(29 * 86_400)
    expect(await deletion.eraseDue()).toBe(0)
    expect((await accounts.findById(who.id))?.status).toBe('deleted')

    await app.advance(86_400 + 1)
    await deletion.eraseDue()
    expect(await accounts.findById(who.id)).toBeNull()
    expect(await accounts.findById(stays.id)).not.toBeNull()
    expect(await sessions.listApps(who.id)).toEqual([])
    for (const table of [
      'account_tickets',
      'recovery_links',
      'email_challenges',
      'interactions',
      'sessions',
      'grants',
    ]) {
      const rows = await app.services.db.query({
        text: `SELECT 1 FROM ${table} WHERE account_id = $1::uuid`,
        values: [who.id],
      })
      expect([table, rows.length]).toEqual([table, 0])
    }
    expect(await app.auditTypes()).toContain('account.erased')
    await expect(accounts.create(operator, { email: who.email })).resolves.toBeTruthy()
  })

  it('whoever came back is not erased', async () => {
    const { accounts, deletion } = app.services
    await deletion.remove(operator, who.id)
    await deletion.restore(operator, who.id)
    await app.advance(31 * 86_400)
    await deletion.eraseDue()
    expect((await accounts.get(who.id)).status).toBe('active')
  })

  it('who is due is looked up every minute without Prisma, which would load its query compiler', async () => {
    app.statements()
    await app.services.deletion.eraseDue()
    // Only statements of the sweep, which count as clockwork
    expect(app.statements()).toEqual([])
  })

  it('the link in the mail is dead', async () => {
    const { deletion } = app.services
    await deletion.remove(operator, who.id)
    const link = await wayBack()
    await app.advance(30 * 86_400 + 1)
    expect((await createPerson().open(link)).status).toBe(410)
    await deletion.eraseDue()
  })
})
