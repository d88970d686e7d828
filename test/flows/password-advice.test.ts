// What is said while a password is chosen, on every page where one is: guidance before, and after a refusal why, how
// good it was, and what would make it better. All of it by the server.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApp, testHooks } from '../support/app.ts'
import { createPerson, formsOf, type Page, type Person, throughSignIn } from '../support/browser-less.ts'
import { newOrigin } from '../support/challenges.ts'
import { codeIn, linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createRp } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
})
afterAll(() => app.close())

const pageOf = (went: Page | { left: URL }): Page => {
  if ('left' in went) throw new Error(`left for ${went.left}`)
  return went
}
const password = 'a-password-of-their-own'

let count = 0
async function member() {
  count += 1
  const email = `chooser-${count}@example.test`
  const named = { email, password, name: 'Wilhelmina Quartz', emailVerified: true }
  return app.services.accounts.create({ kind: 'operator' }, named)
}

type Chosen = { person: Person; page: Page; action: string }

async function signedIn(path: string): Promise<Chosen> {
  const { email } = await member()
  const person = createPerson()
  const page = await throughSignIn(person, await person.open(app.issuer + path), { email, password })
  return { person, page, action: '/account/password' }
}

const places: Record<string, () => Promise<Chosen>> = {
  'where it is changed': () => signedIn('/account/sign-in'),
  'where a first one is set': async () => {
    const { person, page } = await signedIn('/account/sign-in')
    const form = formsOf(page).findIndex(({ action }) => action.endsWith('/password/remove'))
    return {
      person,
      page: pageOf(await person.submit(page, {}, { form })),
      action: '/account/password/first',
    }
  },
  'where a mailed link leads': async () => {
    const { email } = await member()
    const words = { language: 'en', linkUrl: `${app.issuer}/recover` }
    await app.services.recovery.start({ email, origin: newOrigin(), ...words })
    const person = createPerson()
    return { person, page: await person.open(linkIn(await app.mails.next(email))), action: '/recover' }
  },
  'inside the sign-in that was interrupted': async () => {
    const { email } = await member()
    const person = createPerson()
    const first = await person.open(createRp(app.issuer).authorizeUrl().url)
    const asked = pageOf(await person.submit(await person.open(`${first.url}/recover`), { email }))
    const page = pageOf(await person.submit(asked, { code: codeIn(await app.mails.next(email)) }))
    return { person, page, action: '/new-password' }
  },
  'behind the link of an operator': async () => {
    const { id } = await member()
    const { token } = await app.services.tickets.issueTicket({ purpose: 'set_password', accountId: id })
    const person = createPerson()
    return { person, page: await person.open(`${app.issuer}/setup?token=${token}`), action: '/setup' }
  },
  'where an installation is claimed': async () => {
    const { token } = await app.services.tickets.issueTicket({ purpose: 'claim' })
    const person = createPerson()
    return { person, page: await person.open(`${app.issuer}/setup?token=${token}`), action: '/setup' }
  },
}

const refusals: [string, string, RegExp, RegExp][] = [
  ['too short', 'owl-7', /at least 8 characters/, /Strength: too short\. Add a word/],
  ['too common', 'passwordpassword', /Many people use this password/, /Strength: weak.*three or four words/],
  ['the product in it', 'foyer-gravel-moth-lantern', /Leave your address, your name/, /Strength: strong/],
]

describe.each(Object.entries(places))('%s', (_, open) => {
  it('there is guidance before, and after a refusal its reason, its strength and what makes it better', async () => {
    const { person, page, action } = await open()
    expect(page.html).toMatch(/id="password-hint">At least 8 characters\. A few unrelated words/)
    expect(page.html).not.toContain('Strength:')

    let shown = page
    for (const [, chosen, reason, strength] of refusals) {
      const form = formsOf(shown).findIndex((each) => each.action.endsWith(action))
      const typed = { password: chosen, current: password, email: 'owner@example.test', name: 'Owner' }
      shown = pageOf(await person.submit(shown, typed, { form }))
      expect(shown.status).toBe(422)
      expect(shown.html).toMatch(/<a href="#password">/)
      expect(shown.html).toMatch(reason)
      expect(shown.html).toMatch(strength)
      expect(shown.html).toContain('aria-describedby="password-hint password-error password-advice"')
      expect(shown.html).not.toContain(chosen)
    }
  })
})

it.each(['wilhelmina quartz sings', 'WilhelminaQuartz2026', 'x-wilhelmina.quartz-x'])(
  'the whole name of the person is no secret, as in %s',
  async (chosen) => {
    const { id } = await member()
    const set = app.services.accounts.setPassword({ kind: 'operator' }, id, chosen)
    await expect(set).rejects.toMatchObject({ details: { errors: [{ code: 'password_contains_name' }] } })
    await app.services.accounts.setPassword({ kind: 'operator' }, id, 'the quartz of a mine')
  },
)
