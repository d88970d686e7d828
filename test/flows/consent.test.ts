// The consent page: who meets it, what it says, and what an answer is worth.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { codeOf, createPerson, formsOf, type Page, pageOf } from '../support/browser-less.ts'
import { createRp, demoThirdParty, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
let third: Rp
beforeAll(async () => {
  app = await startApp()
  rp = createRp(app.issuer)
  third = createRp(app.issuer, demoThirdParty)
})
afterAll(() => app.close())

const allow = { button: { name: 'decision', value: 'allow' } }
const isConsent = (page: Page) => page.html.includes('value="allow"')

async function signedIn() {
  const person = createPerson()
  await rp.signIn({ person })
  return person
}

describe('consent', () => {
  it('is not asked for the owner’s own app', async () => {
    const went = await (await signedIn()).go(
      rp.authorizeUrl({ scope: 'openid profile email phone teams' }).url,
    )
    expect('left' in went).toBe(true)
  })

  it('is asked of a third party every time, with the values it would get', async () => {
    const person = await signedIn()
    const scope = 'openid profile email phone address teams roles'
    for (let time = 0; time < 2; time += 1) {
      const page = await person.open(third.authorizeUrl({ scope }).url)
      expect(page.html).toMatch(/<h1>Allow access for Demo third-party app\?<\/h1>/)
      for (const value of [
        'Ada King Lovelace',
        'ada@example.test',
        '+44 20 7946 0958',
        '1815-12-10',
        'London',
        'Acme',
        'localhost:3001',
      ]) {
        expect(page.html).toContain(value)
      }
      expect(page.headers.get('content-security-policy')).toContain(
        "form-action 'self' http://localhost:3001;",
      )
      expect('left' in (await person.submit(page, {}, allow))).toBe(true)
    }
  })

  it('shows nothing that was not asked for', async () => {
    const page = await (await signedIn()).open(third.authorizeUrl({ scope: 'openid email' }).url)
    for (const value of ['+44 20 7946 0958', '1815-12-10', 'Acme']) expect(page.html).not.toContain(value)
  })

  it('names offline access', async () => {
    const { url } = third.authorizeUrl({ scope: 'openid offline_access', prompt: 'consent' })
    expect((await (await signedIn()).open(url)).html).toContain('Keep working when you are not signed in')
  })

  it('escapes what people and apps are called', async () => {
    const name = '<img src=x onerror=alert(1)>'
    await app.addClient('rude', {
      client_name: `Rude ${name}`,
      grant_types: ['authorization_code'],
      redirect_uris: ['https://rude.example.test/cb'],
    })
    const rude = createRp(app.issuer, { client_id: 'rude', redirect_uri: 'https://rude.example.test/cb' })
    const who = { email: 'x@example.test', password: 'a-password-of-their-own' }
    await app.services.accounts.create({ kind: 'system' }, { ...who, profile: { name, nickname: name } })
    const person = createPerson()
    await rp.signIn({ person, who })
    const page = await person.open(rude.authorizeUrl({ scope: 'openid profile' }).url)
    expect(page.html).not.toContain('<img')
    expect(page.html).toContain('&lt;img src=x')
  })

  it('allowed is granted, and only what the page said', async () => {
    const person = await signedIn()
    const tokens = await third.tokens({ person, params: { scope: 'openid email' } })
    expect(Object.keys(await (await third.userinfo(tokens.access_token)).json()).sort()).toEqual([
      'email',
      'email_verified',
      'sub',
    ])
    expect(await app.auditTypes()).toContain('consent.granted')
  })

  it('denied is remembered in the audit log and grants nothing', async () => {
    const person = await signedIn()
    const page = await person.open(third.authorizeUrl({ scope: 'openid phone' }).url)
    const went = await person.submit(page, {}, { button: { name: 'decision', value: 'deny' } })
    expect('left' in went && went.left.searchParams.get('error')).toBe('access_denied')
    expect(await app.auditTypes()).toContain('consent.denied')
    const silent = await person.go(third.authorizeUrl({ scope: 'openid phone', prompt: 'none' }).url)
    expect('left' in silent && silent.left.searchParams.get('error')).toBe('consent_required')
  })

  it('without a decision, or with one that is not offered, asks again with 400', async () => {
    const person = await signedIn()
    const page = await person.open(third.authorizeUrl({ scope: 'openid' }).url)
    for (const decision of ['', 'maybe', 'ALLOW']) {
      const answer = pageOf(await person.submit(page, {}, { button: { name: 'decision', value: decision } }))
      expect([answer.status, isConsent(answer)]).toEqual([400, false])
    }
    expect('left' in (await person.submit(page, {}, allow))).toBe(true)
  })

  it('cannot be given for somebody who is still to sign in', async () => {
    const person = createPerson()
    const page = await person.open(third.authorizeUrl({ scope: 'openid' }).url)
    const body = new URLSearchParams({ decision: 'allow' })
    const answer = pageOf(
      await person.go(`${page.url}/consent`, { method: 'POST', body, headers: { origin: app.issuer } }),
    )
    expect(answer.status).toBe(410)
    expect(person.jar.some(({ name }) => name === 'foyer_session')).toBe(false)
  })

  it('cannot be widened by fields of the form', async () => {
    const person = await signedIn()
    const { url, verifier } = third.authorizeUrl({ scope: 'openid' })
    const page = await person.open(url)
    expect(formsOf(page)[0]?.fields).toEqual({})
    const extra = { scope: 'openid phone', accountId: 'somebody', grantId: 'x' }
    const went = await person.submit(page, extra, allow)
    const code = codeOf(went)
    expect((await third.redeem(code, verifier)).body.scope).toBe('openid')
  })
})
