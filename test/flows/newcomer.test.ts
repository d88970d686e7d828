// The one page that asks a new person for their name, between the code and the app: who meets it, who does not, and
// that nobody is held up by it.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApp, testHooks } from '../support/app.ts'
import { createPerson, formsOf, type Page, type Person } from '../support/browser-less.ts'
import { createDoor } from '../support/door.ts'
import { codeIn, linkIn, type Mail, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { freePort } from '../support/ports.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { type Product, startProduct } from '../support/process.ts'
import { ada, createRp, demoThirdParty, type Rp } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
let rp: Rp
beforeAll(async () => {
  app = await startMailingApp({ env: { ...testHooks, FOYER_REGISTRATION: 'open' } })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

type Went = Page | { left: URL }
const pageOf = (went: Went): Page => {
  if ('left' in went) throw new Error(`left for ${went.left}`)
  return went
}
const heading = (page: Page) => /<h1>(.*?)<\/h1>/.exec(page.html)?.[1]
const question = 'What are you called?'
const method = (value: string) => ({ button: { name: 'method', value } })

let people = 0
const stranger = () => `new-here-${++people}@example.test`

type Asked = {
  email?: string
  thirdParty?: boolean
  params?: Record<string, string>
  how?: string
  person?: Person
}

/** A browser that has proved a new address; where that led it. */
async function proved(asked: Asked = {}) {
  const { email = stranger(), thirdParty, params = {}, how = 'code', person = createPerson() } = asked
  const client = thirdParty ? createRp(app.issuer, demoThirdParty) : rp
  const { url, verifier } = client.authorizeUrl({ scope: 'openid profile email', ...params })
  const waiting = pageOf(await person.submit(await person.open(url), { email }, method(how)))
  const mail = await app.mails.next(email)
  const went =
    how === 'link'
      ? await person.submit(await person.open(linkIn(mail)))
      : await person.submit(waiting, { code: codeIn(mail) })
  return { person, email, went, verifier, uid: waiting.url }
}

async function claimsAfter({ went, verifier }: { went: Went; verifier: string }) {
  const code = 'left' in went ? (went.left.searchParams.get('code') ?? '') : ''
  const { body } = await rp.redeem(code, verifier)
  return (await (await rp.userinfo(body.access_token)).json()) as Record<string, unknown>
}

describe('somebody new, at an app that asks for the profile', () => {
  it.each(['code', 'link'])('is asked for a name after the %s, and the app learns it', async (how) => {
    const { person, went, verifier, email } = await proved({ how })
    const page = pageOf(went)
    expect(heading(page)).toBe(question)
    expect(page.html).toContain('Demo web app would like to know your name')
    expect(page.html).not.toContain('required')
    expect(formsOf(page)).toMatchObject([{ fields: { name: '' }, buttons: [{ text: 'Continue' }] }])
    expect(page.headers.get('content-security-policy')).toContain('http://localhost:3001')
    const left = await person.submit(page, { name: '  Mary Somerville ' })
    expect(await claimsAfter({ went: left, verifier })).toMatchObject({ email, name: 'Mary Somerville' })
    expect(await app.auditTypes()).toContain('account.updated')
  })

  it('goes on without one, and is not asked again', async () => {
    const { person, went, verifier, email } = await proved()
    const claims = await claimsAfter({ went: await person.submit(pageOf(went)), verifier })
    expect(claims).toMatchObject({ email })
    expect(claims).not.toHaveProperty('name')
    const again = await proved({ email, params: { prompt: 'login' }, person })
    expect(again.went).toHaveProperty('left')
  })

  it.each([
    ['too long', 'x'.repeat(201)],
    ['with a sign that nobody sees', 'Mary\u202eSomerville'],
  ])('is told to mend a name that is %s, or goes on without it', async (_, name) => {
    const { person, went } = await proved()
    const refused = pageOf(await person.submit(pageOf(went), { name }))
    expect(refused.status).toBe(422)
    expect(refused.html).toMatch(/<title>Error: /)
    expect(refused.html).toContain('href="#name"')
    expect(await person.submit(refused, { name: '' })).toHaveProperty('left')
  })
})

describe('the question is not put', () => {
  it.each<[string, Asked]>([
    ['where the app asks for no profile', { params: { scope: 'openid email' } }],
    ['where consent is to follow', { thirdParty: true }],
    ['where an app of the owner’s asks for consent', { params: { prompt: 'consent' } }],
  ])('%s', async (_, asked) => {
    const { went } = await proved(asked)
    if (!('left' in went)) expect(heading(went)).toMatch(/^Allow access for/)
  })

  it('to somebody who has an account, with a name or without', async () => {
    const email = stranger()
    await app.services.accounts.create({ kind: 'operator' }, { email, emailVerified: true })
    expect((await proved({ email })).went).toHaveProperty('left')
    expect((await proved({ email: ada.email })).went).toHaveProperty('left')
  })

  it('to whoever gave a name in another tab meanwhile', async () => {
    const { person, email, went } = await proved()
    const account = await app.services.accounts.findByIdentifier(email)
    await app.services.accounts.update({ kind: 'operator' }, account?.id ?? '', { profile: { name: 'Mary' } })
    expect(await person.go(pageOf(went).url)).toHaveProperty('left')
  })

  it('by the JSON door', async () => {
    const [door, email] = [createDoor(app.issuer), stranger()]
    const { body } = await door.post('/auth/passwordless/start', { email, method: 'code' })
    const code = codeIn(await app.mails.next(email))
    const answer = await door.post('/auth/passwordless/verify', { flow: body.flow, code })
    expect([answer.status, typeof answer.body.access_token]).toEqual([201, 'string'])
  })

  it('and its form changes nobody who has not proved an address in this sign-in', async () => {
    const person = createPerson()
    const first = await person.open(rp.authorizeUrl().url)
    const post = (url: string) =>
      person.go(url, {
        method: 'POST',
        body: new URLSearchParams({ name: 'Somebody Else' }),
        headers: { origin: app.issuer },
      })
    expect(heading(pageOf(await post(`${first.url}/profile`)))).toBe(heading(first))
    expect(pageOf(await post(`${app.issuer}/interaction/no-such-interaction/profile`)).status).toBe(410)
    expect((await app.services.accounts.findByIdentifier(ada.email))?.profile.name).toBe('Ada King Lovelace')
  })
})

describe('the question stays', () => {
  it('through a reload and in another tab, whichever answers; and the way back leads on', async () => {
    const { person, went, uid } = await proved()
    const page = pageOf(went)
    const tab = await person.open(uid)
    expect([heading(await person.open(page.url)), heading(tab)]).toEqual([question, question])
    expect(await person.submit(tab, { name: 'Mary' })).toHaveProperty('left')
    const late = pageOf(await person.submit(page, { name: 'Martha' }))
    expect(late.html).toContain('This page expired')
    expect(await person.submit(late)).toHaveProperty('left')
  })

  it('for nobody who was disabled before answering', async () => {
    const { person, email, went } = await proved()
    const account = await app.services.accounts.findByIdentifier(email)
    await app.services.accounts.disable({ kind: 'operator' }, account?.id ?? '')
    const after = pageOf(await person.submit(pageOf(went), { name: 'Mary' }))
    expect(heading(after)).not.toBe(question)
    expect((await app.services.accounts.findByIdentifier(email))?.profile.name).toBeUndefined()
  })

  it('through a restart of Foyer', async () => {
    const database = await createTestDatabase()
    const port = await freePort()
    const start = () => startProduct({ databaseUrl: database.url, port })
    const mailTo = async (product: Product, email: string): Promise<Mail> => {
      for (let turn = 0; turn < 100; turn += 1) {
        const mails = (await (await fetch(`${product.issuer}/dev/mail.json`)).json()) as Mail[]
        const mail = mails.find(({ to }) => to === email)
        if (mail) return mail
        await sleep(50)
      }
      throw new Error('no mail came')
    }
    const [person, email] = [createPerson(), stranger()]
    let product = await start()
    try {
      const first = await person.open(createRp(product.issuer).authorizeUrl({ scope: 'openid profile' }).url)
      const waiting = pageOf(await person.submit(first, { email }, method('code')))
      const page = pageOf(await person.submit(waiting, { code: codeIn(await mailTo(product, email)) }))
      expect(heading(page)).toBe(question)
      await product.stop()
      product = await start()
      expect(heading(await person.open(page.url))).toBe(question)
      expect(await person.submit(page, { name: 'Mary' })).toHaveProperty('left')
    } finally {
      await product.stop()
      await database.drop()
    }
  })
})
