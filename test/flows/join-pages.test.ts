// The page for join codes, walked without a script: typed or brought along, what it says to whom, and what joins.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hours } from '../../src/kernel/time.ts'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import {
  createPerson,
  formsOf,
  headingOf,
  type Page,
  type Person,
  pageOf,
  throughSignIn,
} from '../support/browser-less.ts'
import type { Who } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ env: { ...testHooks, FOYER_LOGIN_LAYOUT: 'single' } })
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
let count = 0
let teamId: string
beforeEach(async () => {
  teamId = (await app.services.teams.create(operator, { slug: `class-${++count}`, name: `Class ${count}` }))
    .id
})

type Somebody = Who & { id: string }
async function somebody(): Promise<Somebody> {
  const who = { email: `pupil-${++count}@example.test`, password: 'a-password-of-their-own' }
  const { id } = await app.services.accounts.create(operator, { ...who, emailVerified: true })
  return { ...who, id }
}
async function browserOf(who: Who): Promise<Person> {
  const person = createPerson()
  await throughSignIn(person, await person.open(`${app.issuer}/account`), who)
  return person
}
const inHours = (number: number) => new Date(app.services.clock.millis() + hours(number))
const make = (input: object = {}) =>
  app.services.joinCodes.create(operator, { teamId, maxUses: 2, expiresAt: inHours(9), ...input })
const usesOf = async (id: string) =>
  (await app.services.joinCodes.list(operator, { teamId })).data.find((code) => code.id === id)?.uses
const roleOf = async ({ id }: Somebody) =>
  (await app.services.teams.membershipsOf(id)).find((team) => team.id === teamId)?.role
const linkOf = (code: string) => `${app.issuer}/join?code=${encodeURIComponent(code)}`
const buttonsOf = (page: Page) => formsOf(page).flatMap(({ buttons }) => buttons.map(({ text }) => text))
const press = async (person: Person, page: Page, fields: Record<string, string> = {}) =>
  pageOf(await person.submit(page, fields))
const type = (person: Person, code: string) => person.open(linkOf(code))

describe('the page for join codes', () => {
  it('asks for a code, and brings the one of the link along', async () => {
    const { code } = await make()
    const empty = await createPerson().open(`${app.issuer}/join`)
    expect([headingOf(empty), formsOf(empty)[0]?.fields]).toEqual(['Join a team', { code: '' }])
    const page = await createPerson().open(linkOf(code))
    expect(formsOf(page)[0]?.fields).toEqual({ code })
    expect(buttonsOf(page)).toEqual(['Sign in to join'])
    // Nobody is told what a code is good for before they say who they are
    expect(page.html).not.toContain(`Class ${count}`)
    expect(page.headers.get('referrer-policy')).toBe('no-referrer')
  })

  it('leads through sign-in to the name of the team, and its button into the team', async () => {
    const who = await somebody()
    const { id, code } = await make()
    const person = createPerson()
    const back = await throughSignIn(person, await press(person, await person.open(linkOf(code))), who)
    expect([back.status, back.url]).toEqual([200, `${app.issuer}/join`])
    expect(back.html).toContain(`Class ${count - 1}`)
    expect(buttonsOf(back)).toEqual(['Join the team'])
    expect([await usesOf(id), await roleOf(who)]).toEqual([0, undefined])

    const joined = await press(person, back)
    expect([joined.status, headingOf(joined)]).toEqual([200, 'You are in the team'])
    expect([await usesOf(id), await roleOf(who)]).toEqual([1, 'member'])
    expect(person.jar.some(({ name }) => name === 'foyer_join')).toBe(false)
  })

  it.each([
    ['in small letters', (code: string) => code.toLowerCase()],
    ['with spaces', (code: string) => ` ${code.replaceAll('-', ' ')}\u00a0`],
    ['in one piece', (code: string) => code.replaceAll('-', '')],
    ['with dashes of another length', (code: string) => code.replaceAll('-', ' – ')],
    [
      'in letters of full width',
      (code: string) =>
        code.replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)),
    ],
    ['with dots', (code: string) => code.replaceAll('-', '.')],
  ])('takes a code that is typed %s', async (_, spelled) => {
    const { code } = await make()
    const person = await browserOf(await somebody())
    expect(buttonsOf(await type(person, spelled(code)))).toEqual(['Join the team'])
  })

  it('says of each code that is over why, and only to who holds it', async () => {
    const late = await make({ expiresAt: inHours(1) })
    const full = await make({ maxUses: 1 })
    const back = await make()
    await app.services.joinCodes.use({ kind: 'account', id: (await somebody()).id }, full)
    await app.services.joinCodes.revoke(operator, { teamId, joinCodeId: back.id })
    await app.advance(3600)
    const person = await browserOf(await somebody())
    const said = []
    for (const { code } of [late, full, back]) {
      const page = await type(person, code)
      expect(page.html).toContain('<b>')
      said.push([page.status, headingOf(page)])
    }
    expect(said).toEqual([
      [410, 'This code has expired'],
      [410, 'This code is used up'],
      [410, 'This code was taken back'],
    ])
  })

  it('says so to somebody who is in the team, and uses nothing', async () => {
    const who = await somebody()
    await app.services.members.add(operator, { teamId, accountId: who.id, role: 'member' })
    const { id, code } = await make()
    const page = await type(await browserOf(who), code)
    expect([page.status, headingOf(page), await usesOf(id)]).toEqual([200, 'You are in the team already', 0])
  })

  it('says so of a code whose maker may let nobody in any more', async () => {
    const admin = await somebody()
    for (const each of [await somebody(), admin]) {
      const role = each === admin ? 'admin' : 'owner'
      await app.services.members.add(operator, { teamId, accountId: each.id, role })
    }
    const { code } = await app.services.joinCodes.create(
      { kind: 'account', id: admin.id },
      { teamId, maxUses: 2, expiresAt: inHours(1) },
    )
    const who = await somebody()
    const person = await browserOf(who)
    const page = await type(person, code)
    await app.services.members.changeRole(operator, { teamId, accountId: admin.id, role: 'member' })
    const over = await press(person, page)
    expect([over.status, headingOf(over)]).toEqual([410, 'This code does not work any more'])
    expect(await roleOf(who)).toBeUndefined()
  })

  it('answers all that is no code of any team alike, and keeps what was typed', async () => {
    const person = await browserOf(await somebody())
    const { code } = await make()
    await app.services.teams.remove(operator, { teamId })
    const bodies = []
    for (const wrong of [
      code,
      'BBBB-BBBB-BBBB',
      'x',
      "'; DROP TABLE teams; --",
      '<script>',
      'é'.repeat(300),
    ]) {
      const page = await type(person, wrong)
      expect(page.status).toBe(422)
      expect(page.html).toContain('No team has this code')
      const typed = formsOf(page)[0]?.fields.code ?? ''
      expect(wrong.startsWith(typed)).toBe(true)
      bodies.push(page.html.replace(/\svalue="[^"]*"/g, ''))
    }
    expect(new Set(bodies).size).toBe(1)
  })

  it('asks again for a code that was left out', async () => {
    const person = await browserOf(await somebody())
    const page = await person.open(`${app.issuer}/join?code=`)
    expect([page.status, page.html.includes('Type the code that you were given')]).toEqual([422, true])
    const stranger = createPerson()
    const asked = await press(stranger, await stranger.open(`${app.issuer}/join`))
    expect([asked.status, asked.url]).toEqual([422, `${app.issuer}/join`])
  })

  it('reads ten codes of one account in a quarter of an hour, right ones among them', async () => {
    const person = await browserOf(await somebody())
    const { code } = await make()
    for (let tries = 0; tries < 10; tries += 1) await type(person, 'BBBB-BBBB-BBBB')
    const limited = await type(person, code)
    expect([limited.status, limited.html.includes(`Class ${count}`)]).toEqual([429, false])
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(60)
    expect(limited.html).toContain('Too many tries')
    const again = await person.request(`${app.issuer}/join`, {
      method: 'POST',
      body: new URLSearchParams({ code }),
    })
    expect(again.status).toBe(429)
  })

  it('joins nobody from another site', async () => {
    const who = await somebody()
    const person = await browserOf(who)
    const { code } = await make()
    const answer = await person.request(`${app.issuer}/join`, {
      method: 'POST',
      body: new URLSearchParams({ code }),
      headers: { origin: 'https://elsewhere.example' },
    })
    expect([answer.status, await roleOf(who)]).toEqual([403, undefined])
  })

  it('shows the name of the team as text, whatever stands in it', async () => {
    await app.services.teams.update(operator, { teamId, name: 'Quests <b>& Co' })
    const { code } = await make()
    const page = await type(await browserOf(await somebody()), code)
    expect(page.html).toContain('Quests &lt;b&gt;&amp; Co')
  })

  it('lets in no more than it says when fifty press its button at once', async () => {
    const pupils: { who: Somebody; person: Person; page: Page }[] = []
    const { id, code } = await make({ maxUses: 20 })
    const team = teamId
    while (pupils.length < 50) {
      const more = await Promise.all(
        Array.from({ length: 5 }, async () => {
          const who = await somebody()
          const person = await browserOf(who)
          return { who, person, page: await type(person, code) }
        }),
      )
      pupils.push(...more)
    }
    const pages = await Promise.all(pupils.map(({ person, page }) => press(person, page)))
    // On a busy machine some waits for the team's row are too long: whoever is told so presses again
    for (const [at, { person, page }] of pupils.entries()) {
      if (pages[at]?.status === 503) pages[at] = await press(person, page)
    }
    const headings = pages.map(headingOf)
    expect(headings.filter((heading) => heading === 'You are in the team')).toHaveLength(20)
    expect(headings.filter((heading) => heading === 'This code is used up')).toHaveLength(30)
    const { data } = await app.services.members.list(operator, { teamId: team, limit: 100 })
    expect([data.length, await usesOf(id)]).toEqual([20, 20])
  }, 120_000)
})
