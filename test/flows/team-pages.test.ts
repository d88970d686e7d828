// The pages about one's teams, walked without a script: what they show to whom, and what each button leaves behind.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { minutes } from '../../src/kernel/time.ts'
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
import { linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { ada, grace, type Who } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
beforeAll(async () => {
  app = await startMailingApp({ env: { ...testHooks, FOYER_LOGIN_LAYOUT: 'single' } })
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
let count = 0
let slug: string
let teamId: string
let owner: Somebody
let admin: Somebody
let member: Somebody
beforeEach(async () => {
  slug = `crew-${++count}`
  teamId = (await app.services.teams.create(operator, { slug, name: `Crew ${count}` })).id
  owner = await joined('owner')
  admin = await joined('admin')
  member = await joined('member')
})

type Somebody = Who & { id: string; name: string }
async function somebody(): Promise<Somebody> {
  const name = `Sailor ${++count}`
  const who = { email: `sailor-${count}@example.test`, password: 'a-password-of-their-own' }
  const { id } = await app.services.accounts.create(operator, {
    ...who,
    emailVerified: true,
    profile: { name },
  })
  return { ...who, id, name }
}
async function joined(role: string): Promise<Somebody> {
  const who = await somebody()
  await app.services.members.add(operator, { teamId, accountId: who.id, role })
  return who
}
async function openAs(who: Who, path = `/account/teams/${slug}`, person = createPerson()) {
  const page = await throughSignIn(person, await person.open(app.issuer + path), who)
  return { person, page }
}
const roleOf = async ({ id }: Somebody) =>
  (await app.services.teams.membershipsOf(id)).find((team) => team.id === teamId)?.role
const tabsOf = (page: Page) =>
  [...page.html.matchAll(/href="\/account\/teams\/[a-z0-9-]+(\/\w+)?"/g)].map(([, tab]) => tab)

/** Presses the button of the form that has this hidden field, or of the first form that has the button. */
async function press(
  person: Person,
  page: Page,
  deed: string,
  { about = {}, fields = {} }: { about?: Record<string, string>; fields?: Record<string, string> } = {},
): Promise<Page> {
  const form = formsOf(page).findIndex(
    (each) =>
      each.buttons.some(({ value }) => value === deed) &&
      Object.entries(about).every(([name, value]) => each.fields[name] === value),
  )
  if (form < 0) throw new Error(`no button ${deed} for ${JSON.stringify(about)}`)
  return pageOf(await person.submit(page, fields, { form, button: { name: 'deed', value: deed } }))
}
const offers = (page: Page) =>
  new Set(formsOf(page).flatMap(({ buttons }) => buttons.map(({ value }) => value)))

describe('one’s teams', () => {
  it('show the team of the demo to its owner and to its member', async () => {
    for (const [who, role, tabs] of [
      [ada, 'Owner', [undefined, '/invitations', '/codes', '/settings']],
      [grace, 'Member', [undefined, '/settings']],
    ] as const) {
      const { page, person } = await openAs(who, '/account/teams')
      expect([page.status, headingOf(page)]).toEqual([200, 'Your teams'])
      expect(page.html).toMatch(new RegExp(`href="/account/teams/acme".*Acme[\\s\\S]*${role}`))
      const team = await person.open(`${app.issuer}/account/teams/acme`)
      expect([headingOf(team), tabsOf(team)]).toEqual(['Acme', tabs])
      expect(team.html).toContain('Ada King Lovelace')
    }
  })

  it('are none at first, with the way to join one', async () => {
    const { page } = await openAs(await somebody(), '/account/teams')
    expect(page.html).toContain('You belong to no team yet.')
    expect(page.html).toContain('href="/join"')
  })

  it.each(['', '/invitations', '/codes', '/settings'])('lead back to %s after signing in', async (part) => {
    const { page } = await openAs(owner, `/account/teams/${slug}${part}`)
    expect([page.status, page.url]).toEqual([200, `${app.issuer}/account/teams/${slug}${part}`])
    expect(page.headers.get('cache-control')).toContain('no-store')
  })

  it('are as unknown to others as those that never were', async () => {
    const { person } = await openAs(await somebody(), '/account/teams')
    const bodies = []
    for (const path of [slug, 'nowhere', `${slug}/codes`, `${slug}/settings`, `${slug}/invitations`]) {
      const page = await person.open(`${app.issuer}/account/teams/${path}`)
      expect([path, page.status]).toEqual([path, 404])
      bodies.push(headingOf(page))
    }
    expect(new Set(bodies).size).toBe(1)
    for (const path of ['UPPER', '%00', 'a'.repeat(64), '-']) {
      expect((await person.request(`${app.issuer}/account/teams/${path}`)).status).toBeGreaterThanOrEqual(400)
    }
  })

  it('change nothing for a post from another site, or of somebody who is not signed in', async () => {
    const { person } = await openAs(owner)
    const body = () => new URLSearchParams({ member: member.id, deed: 'remove' })
    const post = (by: Person, origin: string) =>
      by.request(`${app.issuer}/account/teams/${slug}`, { method: 'POST', body: body(), headers: { origin } })
    expect((await post(person, 'https://elsewhere.example')).status).toBe(403)
    expect((await post(createPerson(), app.issuer)).status).toBe(303)
    expect(await roleOf(member)).toBe('member')
  })
})

describe('members', () => {
  it('are shown to all of them, with buttons for those who may', async () => {
    const { page: asMember } = await openAs(member)
    expect(offers(asMember)).toEqual(new Set())
    const { page } = await openAs(admin)
    expect(offers(page)).toEqual(new Set(['role', 'remove']))
    // Only owners touch owners
    expect(formsOf(page).some(({ fields }) => fields.member === owner.id)).toBe(false)
    const { page: asOwner } = await openAs(owner)
    expect(formsOf(asOwner).filter(({ fields }) => fields.member === admin.id)).toHaveLength(2)
  })

  it('get another role, and are taken out', async () => {
    const { person, page } = await openAs(owner)
    const changed = await press(person, page, 'role', {
      about: { member: member.id },
      fields: { role: 'admin' },
    })
    expect([changed.html.includes('The role is changed.'), await roleOf(member)]).toEqual([true, 'admin'])
    const removed = await press(person, changed, 'remove', { about: { member: member.id } })
    expect([removed.html.includes('They no longer belong to the team.'), await roleOf(member)]).toEqual([
      true,
      undefined,
    ])
    const gone = await press(person, changed, 'remove', { about: { member: member.id } })
    expect([gone.status, gone.html.includes('There is no such member')]).toEqual([404, true])
  })

  it('keep an owner, and the page says so', async () => {
    const { person, page } = await openAs(owner)
    const kept = await press(person, page, 'role', {
      about: { member: owner.id },
      fields: { role: 'member' },
    })
    expect([
      kept.status,
      kept.html.includes('Make somebody else an owner first'),
      await roleOf(owner),
    ]).toEqual([409, true, 'owner'])
  })

  it('are not changed beyond what the policy allows, whatever the form says', async () => {
    const { person, page } = await openAs(admin)
    const forged = (body: Record<string, string>) =>
      person.request(`${app.issuer}/account/teams/${slug}`, {
        method: 'POST',
        body: new URLSearchParams(body),
        headers: { origin: app.issuer },
      })
    expect((await forged({ member: member.id, deed: 'role', role: 'owner' })).status).toBe(403)
    expect((await forged({ member: owner.id, deed: 'remove' })).status).toBe(403)
    expect((await forged({ member: member.id, deed: 'role', role: 'nothing' })).status).toBe(422)
    expect((await forged({ member: 'x', deed: 'remove' })).status).toBe(404)
    expect((await forged({ member: member.id, deed: 'promote' })).status).toBe(422)
    expect((await forged({})).status).toBe(422)
    expect([await roleOf(owner), await roleOf(member)]).toEqual(['owner', 'member'])
    await app.services.members.remove(operator, { teamId, accountId: admin.id })
    expect((await forged({ member: member.id, deed: 'remove' })).status).toBe(404)
    expect(page.status).toBe(200)
  })

  it('of a large team are paged', async () => {
    for (let more = 0; more < 50; more += 1) {
      const { id } = await app.services.accounts.create(operator, { email: `deck-${++count}@example.test` })
      await app.services.members.add(operator, { teamId, accountId: id, role: 'member' })
    }
    const { person, page } = await openAs(member)
    const next = /href="(\?cursor=[^"]+)"/.exec(page.html)?.[1]
    const second = await person.open(`${app.issuer}/account/teams/${slug}${next}`)
    expect(second.html.match(/No name yet/g)?.length).toBe(3)
    expect((await person.open(`${app.issuer}/account/teams/${slug}?cursor=nonsense`)).status).toBe(400)
  })
})

describe('invitations', () => {
  const path = () => `/account/teams/${slug}/invitations`

  it('are mailed, sent again and taken back', async () => {
    const email = `guest-${++count}@example.test`
    const { person, page } = await openAs(admin, path())
    const sent = await press(person, page, 'invite', { fields: { email, role: 'member' } })
    expect(sent.html).toContain('The invitation is on its way.')
    const first = linkIn(await app.mails.next(email, /invited/))
    expect(sent.html).toContain(email)
    const again = await press(person, sent, 'resend')
    expect(again.html).toContain('The invitation is on its way again.')
    expect(linkIn(await app.mails.next(email, /invited/))).not.toBe(first)
    const back = await press(person, again, 'revoke')
    expect([back.html.includes('The invitation is taken back.'), back.html.includes(email)]).toEqual([
      true,
      false,
    ])
    const spent = await press(person, again, 'revoke')
    expect([spent.status, spent.html.includes('This invitation is not good any more')]).toEqual([409, true])
  })

  it('are refused with what to mend, and what was typed stays', async () => {
    const { person, page } = await openAs(admin, path())
    const refused = await press(person, page, 'invite', { fields: { email: 'nobody', role: 'admin' } })
    expect(refused.status).toBe(422)
    expect(formsOf(refused)[0]?.fields.email).toBe('nobody')
    expect(refused.html).toContain('<option value="admin" selected>')
    const tooHigh = await person.request(app.issuer + path(), {
      method: 'POST',
      body: new URLSearchParams({ deed: 'invite', email: 'x@example.test', role: 'owner' }),
      headers: { origin: app.issuer },
    })
    expect(tooHigh.status).toBe(403)
  })

  it('of one address stop at five a day, and the page says when they go on', async () => {
    const email = `often-${++count}@example.test`
    const { person, page } = await openAs(admin, path())
    let at = page
    for (let times = 0; times < 5; times += 1) {
      at = await press(person, at, 'invite', { fields: { email, role: 'member' } })
    }
    const limited = await press(person, at, 'invite', { fields: { email, role: 'member' } })
    expect([limited.status, Number(limited.headers.get('retry-after')) > 60]).toEqual([429, true])
  })

  it('are nothing that a plain member sees', async () => {
    const { page } = await openAs(member, path())
    expect(page.status).toBe(403)
  })
})

describe('join codes', () => {
  const path = () => `/account/teams/${slug}/codes`

  it('are made with a picture to hold up, and taken back', async () => {
    const { person, page } = await openAs(admin, path())
    const made = await press(person, page, 'make', { fields: { max_uses: '٢٠', expires_at: '3' } })
    expect(made.html).toContain('The code is ready.')
    const [{ code = '', id = '', maxUses = 0 } = {}] = (
      await app.services.joinCodes.list(operator, { teamId })
    ).data
    expect([made.html.includes(`${app.issuer}/join?code=${code}`), maxUses]).toEqual([true, 20])
    const picture = /<img class="qr" src="data:image\/svg\+xml;base64,([^"]+)"/.exec(made.html)?.[1] ?? ''
    expect(Buffer.from(picture, 'base64').toString()).toMatch(/^<svg [\s\S]*<path /)
    const back = await press(person, made, 'revoke', { about: { id } })
    expect([back.html.includes('The code is taken back.'), back.html.includes(code)]).toEqual([true, false])
    expect((await press(person, made, 'revoke', { about: { id } })).status).toBe(404)
  })

  it.each([
    [{ max_uses: '0', expires_at: '3' }, 'max_uses'],
    [{ max_uses: '-1', expires_at: '3' }, 'max_uses'],
    [{ max_uses: '1e9', expires_at: '3' }, 'max_uses'],
    [{ max_uses: '20', expires_at: '91' }, 'expires_at'],
    [{ max_uses: '20', expires_at: '' }, 'expires_at'],
  ])('are not made with %j, and what was typed stays', async (fields, field) => {
    const { person, page } = await openAs(admin, path())
    const refused = await press(person, page, 'make', { fields })
    expect([refused.status, refused.html.includes(`href="#${field}"`)]).toEqual([422, true])
    expect(formsOf(refused)[0]?.fields).toMatchObject(fields)
  })

  it('are nothing that a plain member sees', async () => {
    const { page } = await openAs(member, path())
    expect([page.status, page.html.includes('qr')]).toEqual([403, false])
  })
})

describe('settings', () => {
  const path = () => `/account/teams/${slug}/settings`

  it('change the name, the short name and the description', async () => {
    const { person, page } = await openAs(admin, path())
    expect(offers(page)).toEqual(new Set(['rename', 'leave']))
    const renamed = await press(person, page, 'rename', {
      fields: { name: 'Pirates <b>', slug: `${slug}-two`, description: 'One\r\nTwo' },
    })
    expect([renamed.url, renamed.html.includes('Pirates &lt;b&gt;')]).toEqual([
      `${app.issuer}/account/teams/${slug}-two/settings?done=saved`,
      true,
    ])
    const team = await app.services.teams.get(operator, { teamId })
    expect(team).toMatchObject({ slug: `${slug}-two`, description: 'One\nTwo' })
    const taken = await press(person, renamed, 'rename', { fields: { slug: 'acme' } })
    expect([taken.status, taken.html.includes('Another team uses it')]).toEqual([409, true])
    const wrong = await press(person, renamed, 'rename', { fields: { slug: 'No Slug' } })
    expect([wrong.status, wrong.html.includes('href="#slug"')]).toEqual([422, true])
  })

  it('hand the team over, and let its owner go then', async () => {
    const { person, page } = await openAs(owner, path())
    const stays = await press(person, page, 'leave')
    expect([stays.status, stays.html.includes('Make somebody else an owner first')]).toEqual([409, true])
    const over = await press(person, page, 'transfer', { fields: { member: member.id } })
    expect([
      over.html.includes('The team is handed over.'),
      await roleOf(member),
      await roleOf(owner),
    ]).toEqual([true, 'owner', 'admin'])
    expect(offers(over)).toEqual(new Set(['rename', 'leave']))
    const left = await press(person, over, 'leave')
    expect([left.url, await roleOf(owner)]).toEqual([`${app.issuer}/account/teams?done=left`, undefined])
    expect(left.html).toContain('You left the team.')
  })

  it('let a plain member do no more than go', async () => {
    const { person, page } = await openAs(member, path())
    expect(offers(page)).toEqual(new Set(['leave']))
    const forged: Record<string, string>[] = [
      { deed: 'rename', name: 'Mine', slug },
      { deed: 'transfer', member: member.id },
    ]
    for (const body of forged) {
      const refused = await person.request(app.issuer + path(), {
        method: 'POST',
        body: new URLSearchParams(body),
        headers: { origin: app.issuer },
      })
      expect(refused.status).toBe(403)
    }
    await press(person, page, 'leave')
    expect(await roleOf(member)).toBeUndefined()
  })

  it('open only shortly after signing in', async () => {
    const { person } = await openAs(owner)
    await app.advance(minutes(11) / 1000)
    expect((await person.open(`${app.issuer}/account/teams/${slug}`)).status).toBe(200)
    const asked = await person.open(app.issuer + path())
    expect(asked.url).toContain('/interaction/')
    const { page } = await openAs(owner, path(), person)
    expect(page.url).toBe(app.issuer + path())
  })
})
