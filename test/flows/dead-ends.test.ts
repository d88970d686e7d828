// No dead ends: whatever is over, used, lost or opened elsewhere leads to the app, to its start page or to the
// person's own account within two clicks (pages.md §3.1).
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, formsOf, type Person, pageOf, type Went } from '../support/browser-less.ts'
import { codeIn, linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createRp, type Rp } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
let shop: Rp
let wiki: Rp
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
  const client = async (id: string) => {
    const redirect_uri = `https://${id}.example.test/cb`
    await app.addClient(id, {
      client_name: id,
      client_uri: `https://${id}.example.test/`,
      redirect_uris: [redirect_uri],
      first_party: true,
    })
    return createRp(app.issuer, { client_id: id, client_secret: secretOf(id), redirect_uri })
  }
  ;[shop, wiki] = await Promise.all([client('shop'), client('wiki')])
})
afterAll(() => app.close())

let people = 0
async function member() {
  const who = { email: `wanderer-${++people}@example.test`, password: 'a-password-of-their-own' }
  await app.services.accounts.create({ kind: 'system' }, { ...who, emailVerified: true })
  return who
}
type Who = Awaited<ReturnType<typeof member>>
type Lost = { person: Person; who: Who; page: Went }

const pressed = (name: string, value: string) => ({ button: { name, value } })
const begin = async (rp: Rp, person = createPerson()) => ({
  person,
  page: await person.open(rp.authorizeUrl().url),
})

/** A browser that waits for a mail, and that mail's link. */
async function mailed(who: Who) {
  const { person, page } = await begin(shop)
  const waiting = pageOf(await person.submit(page, { email: who.email }, pressed('method', 'link')))
  return { person, waiting, link: linkIn(await app.mails.next(who.email, /link/)) }
}

async function forgot(who: Who) {
  const { person, page } = await begin(shop)
  await person.submit(page, { email: who.email })
  const waiting = pageOf(await person.submit(await person.open(`${page.url}/recover`)))
  return { person, waiting, mail: await app.mails.next(who.email, /new password/) }
}

const states: Record<string, (who: Who) => Promise<Lost>> = {
  'the page was open for too long': async (who) => {
    const { person, page } = await begin(shop)
    await app.advance(3601)
    return { person, who, page: await person.submit(page, who) }
  },
  'Back after the sign-in': async (who) => {
    const { person, page } = await begin(shop)
    await person.submit(page, who)
    return { person, who, page: await person.open(page.url) }
  },
  'the form was sent twice': async (who) => {
    const { person, page } = await begin(shop)
    await person.submit(page, who)
    return { person, who, page: await person.submit(page, who) }
  },
  'two tabs with one app': async (who) => {
    const { person, page } = await begin(shop)
    const second = await begin(shop, person)
    await person.submit(second.page, who)
    return { person, who, page }
  },
  'two tabs with two apps': async (who) => {
    const { person, page } = await begin(shop)
    const second = await begin(wiki, person)
    await person.submit(second.page, who)
    return { person, who, page }
  },
  'the cookies were cleared': async (who) => {
    const { person, page } = await begin(shop)
    person.jar.splice(0)
    return { person, who, page: await person.submit(page, who) }
  },
  'the keys of the cookies were changed': async (who) => {
    const { person, page } = await begin(shop)
    for (const cookie of person.jar) if (cookie.name.endsWith('.sig')) cookie.value = 'x'.repeat(43)
    return { person, who, page: await person.submit(page, who) }
  },
  'another browser': async (who) => {
    const { page } = await begin(shop)
    const person = createPerson()
    return { person, who, page: await person.open(page.url) }
  },
  'a link that has expired': async (who) => {
    const { person, link } = await mailed(who)
    await app.advance(601)
    return { person, who, page: await person.open(link) }
  },
  'a link that has expired, elsewhere': async (who) => {
    const { link } = await mailed(who)
    await app.advance(601)
    const person = createPerson()
    return { person, who, page: await person.open(link) }
  },
  'a link that was used': async (who) => {
    const { person, link } = await mailed(who)
    await person.submit(await person.open(link))
    return { person, who, page: await person.open(link) }
  },
  'a link that was used, elsewhere': async (who) => {
    const { person, link } = await mailed(who)
    await person.submit(await person.open(link))
    const elsewhere = createPerson()
    return { person: elsewhere, who, page: await elsewhere.open(link) }
  },
  'the tab that waits, after its link was used in another': async (who) => {
    const { person, waiting, link } = await mailed(who)
    await person.submit(await person.open(link))
    return { person, who, page: await person.submit(waiting, { code: '123456' }) }
  },
  'a link whose sign-in is over': async (who) => {
    const { person, waiting, link } = await mailed(who)
    const password = pageOf(await person.submit(waiting, {}, pressed('decision', 'password')))
    await person.submit(password, { password: who.password })
    return { person, who, page: await person.open(link) }
  },
  'a link for a new password that was used': async (who) => {
    const { person, mail } = await forgot(who)
    who.password = 'a-brand-new-password-41'
    await person.submit(await person.open(linkIn(mail)), { password: who.password })
    return { person, who, page: await person.open(linkIn(mail)) }
  },
  'a link for a new password that has expired': async (who) => {
    const { person, mail } = await forgot(who)
    await app.advance(901)
    return { person, who, page: await person.open(linkIn(mail)) }
  },
  'a new password chosen too late': async (who) => {
    const { person, waiting, mail } = await forgot(who)
    const choose = pageOf(await person.submit(waiting, { code: codeIn(mail) }))
    await app.advance(3601)
    return { person, who, page: await person.submit(choose, { password: 'a-brand-new-password-41' }) }
  },
  'an old page whose form is sent after an hour less a minute': async (who) => {
    const { person, page } = await begin(shop)
    await app.advance(3540)
    return { person, who, page }
  },
  'everything stored was lost': async (who) => {
    const { person, page } = await begin(shop)
    await app.services.db.query({ text: 'DELETE FROM interactions', values: [] })
    return { person, who, page: await person.submit(page, who) }
  },
  'a bookmarked sign-in page': async (who) => {
    const { page } = await begin(shop)
    await app.advance(26 * 3600)
    const person = createPerson()
    return { person, who, page: await person.open(page.url) }
  },
}

const isTheApps = ({ hostname }: URL) => /^(shop|wiki)\.example\.test$/.test(hostname)

/** Takes the first way on of each page, and fills in what it asks for. */
async function clicksToTheEnd({ person, who, page }: Lost): Promise<{ clicks: number; url: URL }> {
  let went = page
  for (let clicks = 0; clicks <= 4; clicks += 1) {
    if ('left' in went) return { clicks, url: went.left }
    const href = /<a class="primary" href="([^"]+)"/.exec(went.html)?.[1]
    if (href) {
      const url = new URL(href, went.url)
      return { clicks: clicks + 1, url }
    }
    expect(formsOf(went), `a way on from ${went.url}\n${went.html}`).not.toHaveLength(0)
    went = await person.submit(went, went.html.includes('name="password"') ? who : {})
  }
  throw new Error('no way on')
}

describe('ends at the app, its start page or the account within two clicks:', () => {
  it.each(Object.entries(states))('%s', async (_, reach) => {
    const lost = await reach(await member())
    const { clicks, url } = await clicksToTheEnd(lost)
    expect(clicks).toBeLessThanOrEqual(2)
    const isAccount = url.origin === app.issuer && url.pathname === '/account'
    expect(isTheApps(url) || isAccount, url.href).toBe(true)
  })
})
