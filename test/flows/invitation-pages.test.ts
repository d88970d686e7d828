// The page behind the mailed link of an invitation, walked without a script: what it says to whom, and what joins.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { days, minutes } from '../../src/kernel/time.ts'
import { type TestApp, testHooks } from '../support/app.ts'
import {
  createPerson,
  formsOf,
  headingOf,
  type Page,
  type Person,
  pageOf,
  throughSignIn,
} from '../support/browser-less.ts'
import { codeIn, linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import type { Who } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
const cookieName = 'foyer_invitation'

let count = 0
let teamId: string
beforeEach(async () => {
  const named = { slug: `page-${++count}`, name: `Looms ${count}` }
  teamId = (await app.services.teams.create(operator, named)).id
})

type Somebody = Who & { id: string }
async function somebody(input: object = {}): Promise<Somebody> {
  const who = { email: `invited-${++count}@example.test`, password: 'a-password-of-their-own' }
  const { id } = await app.services.accounts.create(operator, { ...who, emailVerified: true, ...input })
  return { ...who, id }
}

async function invited(email: string, role = 'member') {
  const { id } = await app.services.invitations.create(operator, { teamId, email, role })
  const link = linkIn(await app.mails.next(email, /invited/))
  return { id, link, token: new URL(link).searchParams.get('token') ?? '' }
}
const stateOf = async (id: string) => {
  const { data } = await app.services.invitations.list(operator, { teamId, limit: 100 })
  return data.find((invitation) => invitation.id === id)?.state
}
const roleOf = async ({ id }: Pick<Somebody, 'id'>) =>
  (await app.services.teams.membershipsOf(id)).find((team) => team.id === teamId)?.role

async function browserOf(who: Who): Promise<Person> {
  const person = createPerson()
  await throughSignIn(person, await person.open(`${app.issuer}/account`), who)
  return person
}
const press = async (person: Person, page: Page) => pageOf(await person.submit(page))
const buttonsOf = (page: Page) => formsOf(page).flatMap(({ buttons }) => buttons.map(({ text }) => text))
const post = (person: Person, form: Record<string, string>, headers: Record<string, string> = {}) =>
  person.request(`${app.issuer}/invitation`, { method: 'POST', body: new URLSearchParams(form), headers })

describe('the link of an invitation', () => {
  it('tells which team invites whom as what, and spends nothing, whoever looks', async () => {
    const { id, link, token } = await invited('i-am-new@example.test', 'admin')
    for (let look = 0; look < 3; look += 1) {
      expect((await fetch(link)).status).toBe(200)
      expect((await fetch(link, { method: 'HEAD' })).status).toBe(200)
    }
    const person = createPerson()
    const page = await person.open(link)
    expect(headingOf(page)).toBe('You are invited to a team')
    expect(page.html).toContain(`Looms ${count}`)
    expect(page.html).toContain('i•••@example.test')
    expect(page.html).not.toContain('i-am-new')
    expect(page.html).toContain('Administrator')
    expect(page.html).toMatch(/It works once, until /)
    expect(buttonsOf(page)).toEqual(['Sign in to join'])
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(page.headers.get('referrer-policy')).toBe('no-referrer')
    expect(formsOf(page)[0]?.fields).toEqual({ token })
    expect(person.jar).toEqual([])
    expect(await stateOf(id)).toBe('pending')
  })

  it('shows the name of the team as text, whatever stands in it', async () => {
    await app.services.teams.update(operator, { teamId, name: 'Quests <b>& Co' })
    const { link } = await invited(`text-${++count}@example.test`)
    expect((await createPerson().open(link)).html).toContain('Quests &lt;b&gt;&amp; Co')
  })

  it('leads through sign-in to the button, and the button into the team', async () => {
    const who = await somebody()
    const { id, link } = await invited(who.email)
    const person = createPerson()
    const back = await throughSignIn(person, await press(person, await person.open(link)), who)
    expect([back.status, back.url]).toEqual([200, `${app.issuer}/invitation`])
    expect(buttonsOf(back)).toEqual(['Join the team'])
    expect(back.html).toContain(who.email)
    expect([await stateOf(id), await roleOf(who)]).toEqual(['pending', undefined])

    const joined = await press(person, back)
    expect([joined.status, headingOf(joined)]).toEqual([200, 'You are in the team'])
    expect(joined.html).toContain('<a class="primary" href="/account">')
    expect([await stateOf(id), await roleOf(who)]).toEqual(['accepted', 'member'])
    expect(person.jar.some(({ name }) => name === cookieName)).toBe(false)
    expect((await press(person, back)).status).toBe(410)
  })

  it('leads somebody new through signing up', async () => {
    const email = `new-${++count}@example.test`
    const { link } = await invited(email)
    const person = createPerson()
    const first = await press(person, await person.open(link))
    const waiting = pageOf(
      await person.submit(first, { email }, { button: { name: 'method', value: 'code' } }),
    )
    const code = codeIn(await app.mails.next(email, /\d{6}/))
    const back = pageOf(await person.submit(waiting, { code }))
    expect(buttonsOf(back)).toEqual(['Join the team'])
    expect(headingOf(await press(person, back))).toBe('You are in the team')
    const account = await app.services.accounts.findByIdentifier(email)
    expect(account && (await roleOf(account))).toBe('member')
  })

  it('keeps its token out of every address on the way, in a cookie that no script reads', async () => {
    const { token } = await invited(`way-${++count}@example.test`)
    const answer = await post(createPerson(), { token }, { origin: app.issuer })
    expect(answer.status).toBe(303)
    const location = new URL(answer.headers.get('location') ?? '')
    expect(location.href).not.toContain(token)
    expect(location.searchParams.get('state')).toBe('/invitation')
    const [cookie = ''] = answer.headers.getSetCookie().filter((line) => line.startsWith(cookieName))
    expect(cookie).toContain(token)
    for (const part of [/; path=\/invitation/i, /; httponly/i, /; samesite=lax/i])
      expect(cookie).toMatch(part)
    const until = Date.parse(/expires=([^;]+)/i.exec(cookie)?.[1] ?? '')
    expect(Math.abs(until - Date.now() - minutes(15))).toBeLessThan(minutes(1))
  })

  it('leaves the role of somebody who is a member already', async () => {
    const who = await somebody()
    await app.services.members.add(operator, { teamId, accountId: who.id, role: 'admin' })
    const { link } = await invited(who.email)
    const person = await browserOf(who)
    const joined = await press(person, await person.open(link))
    expect(headingOf(joined)).toBe('You are in the team')
    expect(joined.html).toContain('Administrator')
    expect(await roleOf(who)).toBe('admin')
  })

  it('asks whoever has not proved the address to do so first', async () => {
    const who = await somebody({ emailVerified: false })
    const { id, link, token } = await invited(who.email)
    const person = await browserOf(who)
    const page = await person.open(link)
    expect(page.html).toContain('href="/account/email"')
    expect(buttonsOf(page)).toEqual([])
    expect((await post(person, { token }, { origin: app.issuer })).status).toBe(403)
    expect([await stateOf(id), await roleOf(who)]).toEqual(['pending', undefined])
  })
})

describe('somebody else who is signed in', () => {
  it('is told for whom it is, joins nothing, and goes on as the one invited', async () => {
    const [invitee, other] = [await somebody(), await somebody()]
    const { id, link, token } = await invited(invitee.email)
    const person = await browserOf(other)
    const page = await person.open(link)
    expect(page.html).toContain('i•••@example.test')
    expect(page.html).toContain(other.email)
    expect(page.html).not.toContain(invitee.email)
    expect(buttonsOf(page)).toEqual(['Use another account'])
    expect((await post(person, { token }, { origin: app.issuer })).status).toBe(403)
    expect([await stateOf(id), await roleOf(other)]).toEqual(['pending', undefined])

    const signIn = await press(person, page)
    expect(signIn.url).toContain('/interaction/')
    const back = await throughSignIn(person, signIn, invitee)
    expect(back.url).toBe(`${app.issuer}/invitation`)
    expect(back.html).toContain(invitee.email)
    expect(headingOf(await press(person, back))).toBe('You are in the team')
    expect([await roleOf(invitee), await roleOf(other)]).toEqual(['member', undefined])
  })
})

describe('an invitation that is over', () => {
  it('says so on one page, whether unknown, used, taken back, replaced or missing', async () => {
    const who = await somebody()
    const used = await invited(who.email)
    await app.services.invitations.accept({ kind: 'account', id: who.id }, used)
    const revoked = await invited(`revoked-${++count}@example.test`)
    await app.services.invitations.revoke(operator, { teamId, invitationId: revoked.id })
    const address = `replaced-${++count}@example.test`
    const replaced = await invited(address)
    await app.services.invitations.resend(operator, { teamId, invitationId: replaced.id })
    const at = (token: string) => `${app.issuer}/invitation?token=${token}`
    const { token } = await invited(`good-${++count}@example.test`)
    const links = [
      used.link,
      revoked.link,
      replaced.link,
      at('x'),
      at(`${token}x`),
      at(token.slice(0, -1)),
      `${app.issuer}/invitation?token[]=${token}`,

      at(''),
      at('%00'),
      at(`${token}&token=${token}`),
    ]
    const pages = new Set<string>()
    for (const link of [...links, `${app.issuer}/invitation`]) {
      const page = await createPerson().open(link)
      expect([link, page.status]).toEqual([link, 410])
      expect(page.html).toContain('<a class="primary" href="/account">')
      pages.add(/<main[\s\S]*<\/main>/.exec(page.html)?.[0] ?? '')
    }
    expect(pages.size).toBe(1)
    expect([...pages][0]).toContain('ask whoever invited you')
  })

  it('says that it can be sent again when it only expired, and offers a stranger no button', async () => {
    const who = await somebody()
    const { id, link, token } = await invited(who.email)
    await app.services.db.prisma.teamInvitation.update({
      where: { id },
      data: { expiresAt: new Date(app.services.clock.millis() - days(1)) },
    })
    const person = await browserOf(who)
    for (const each of [createPerson(), person]) {
      const page = await each.open(link)
      expect([page.status, headingOf(page)]).toEqual([410, 'This invitation has expired'])
      expect(page.html).toContain('they can send it again')
      expect(buttonsOf(page)).toEqual([])
      expect((await post(each, { token }, { origin: app.issuer })).status).toBe(410)
    }
    expect(await roleOf(who)).toBeUndefined()
  })

  it('is the same page when its inviter may invite nobody any more', async () => {
    const [who, inviter] = [await somebody(), await somebody()]
    await app.services.members.add(operator, { teamId, accountId: inviter.id, role: 'admin' })
    await app.services.invitations.create(
      { kind: 'account', id: inviter.id },
      { teamId, email: who.email, role: 'member' },
    )
    const person = await browserOf(who)
    const page = await person.open(linkIn(await app.mails.next(who.email, /invited/)))
    await app.services.members.remove(operator, { teamId, accountId: inviter.id })
    const over = await press(person, page)
    expect([over.status, headingOf(over)]).toEqual([410, 'This invitation is not good any more'])
    expect(await roleOf(who)).toBeUndefined()
  })
})

describe('a post', () => {
  it('from another site joins nobody and sets no cookie', async () => {
    const who = await somebody()
    const { id, token } = await invited(who.email)
    const person = await browserOf(who)
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      { referer: 'https://evil.example/' },
    ]
    for (const headers of foreign) {
      const answer = await post(person, { token }, headers)
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []])
    }
    expect([await stateOf(id), await roleOf(who)]).toEqual(['pending', undefined])
  })

  it('without the token of the page counts for nothing, even where the cookie holds one', async () => {
    const who = await somebody()
    const { id, link } = await invited(who.email)
    const person = createPerson()
    await throughSignIn(person, await press(person, await person.open(link)), who)
    expect(person.jar.some(({ name }) => name === cookieName)).toBe(true)
    expect((await post(person, {}, { origin: app.issuer })).status).toBe(410)
    expect([await stateOf(id), await roleOf(who)]).toEqual(['pending', undefined])
  })

  it('pressed twice at once joins once', async () => {
    const who = await somebody()
    const { token } = await invited(who.email)
    const person = await browserOf(who)
    const twice = [1, 2].map(() => post(person, { token }, { origin: app.issuer }))
    const statuses = (await Promise.all(twice)).map(({ status }) => status)
    expect(statuses.sort()).toEqual([200, 410])
    expect(await roleOf(who)).toBe('member')
  })
})
