// The page behind the mail of an invitation, as somebody meets it who is signed in or not, rightly or wrongly.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type TestApp, testHooks } from '../support/app.ts'
import { createPerson, pageOf } from '../support/browser-less.ts'
import { linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'

let app: TestApp & { mails: Mailbox }
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
const password = 'a-password-of-their-own'

let count = 0
let teamId: string
let link: string
let invited: { id: string; email: string }

async function account(emailVerified = true) {
  const email = `guest-${++count}@example.test`
  const { id } = await app.services.accounts.create(operator, { email, password, emailVerified })
  return { id, email }
}
beforeEach(async () => {
  const { id } = await app.services.teams.create(operator, {
    slug: `page-${++count}`,
    name: 'Quests <b>& Co',
  })
  teamId = id
  invited = await account()
  await app.services.invitations.create(operator, { teamId, email: invited.email, role: 'member' })
  link = linkIn(await app.mails.next(invited.email, /invited/))
})

/** Opens the link, presses its button, and signs in where that is asked for. */
async function follow(who: { email: string }) {
  const person = createPerson()
  let page = await person.open(link)
  for (let steps = 0; steps < 6 && !page.url.includes('/account'); steps += 1) {
    const typed: Record<string, string> = page.url.includes('/interaction/')
      ? { email: who.email, password }
      : {}
    page = pageOf(await person.submit(page, typed))
    if (page.status >= 400) break
  }
  return { person, page }
}
const teamsOf = async ({ id }: { id: string }) => app.services.teams.membershipsOf(id)

describe('an invitation', () => {
  it('shows the team and not the whole address, and looking at it spends nothing', async () => {
    const person = createPerson()
    expect(link).toContain('/invitation?token=foyer_invitation_')
    for (let look = 0; look < 3; look += 1) {
      const page = await person.open(link)
      expect(page.status).toBe(200)
      expect(page.headers.get('referrer-policy')).toBe('no-referrer')
      expect(page.html).toContain('Quests &lt;b&gt;&amp; Co')
      expect(page.html).toContain('g•••@example.test')
      expect(page.html).not.toContain(invited.email)
    }
    expect(await teamsOf(invited)).toEqual([])
  })

  it('leads through the sign-in back to itself, and into the team', async () => {
    const { page } = await follow(invited)
    expect(page.html).toContain('You are in the team.')
    expect(await teamsOf(invited)).toMatchObject([{ id: teamId, role: 'member' }])
    const again = await createPerson().open(link)
    expect([again.status, again.html.includes('not good any more')]).toEqual([410, true])
  })

  it('says to somebody else which address it takes, and stays good', async () => {
    const other = await account()
    const { page } = await follow(other)
    expect(page.status).toBe(410)
    expect(page.html).toContain('Sign in with the address it was sent to')
    expect(await teamsOf(other)).toEqual([])
    await follow(invited)
    expect(await teamsOf(invited)).toHaveLength(1)
  })

  it('that is mistyped, taken back or too old is answered alike', async () => {
    const { data } = await app.services.invitations.list(operator, { teamId })
    const wrong = [
      `${link}x`,
      link.slice(0, -1),
      link.replace(/token=.*/, 'token[]=x'),
      `${app.issuer}/invitation`,
    ]
    for (const address of wrong) expect((await createPerson().open(address)).status).toBe(410)
    await app.services.invitations.revoke(operator, { teamId, invitationId: data[0]?.id ?? '' })
    expect((await createPerson().open(link)).status).toBe(410)
  })

  it('is not accepted by another site in somebody’s name', async () => {
    const headers = { origin: 'https://evil.example', 'content-type': 'application/x-www-form-urlencoded' }
    const body = new URLSearchParams({ token: new URL(link).searchParams.get('token') ?? '' }).toString()
    const person = createPerson()
    const answer = await person.request(`${app.issuer}/invitation`, { method: 'POST', headers, body })
    expect(answer.status).toBe(403)
    expect(await teamsOf(invited)).toEqual([])
  })
})
