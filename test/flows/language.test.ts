// Which language a page is in: what the app, the person and the browser say about it, and the choice on every page.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { languages } from '../../src/config/languages.ts'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, formsOf, type Page, type Person, pageOf } from '../support/browser-less.ts'
import { createRp, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

const langOf = ({ html }: Pick<Page, 'html'>) => /<html lang="([^"]*)"/.exec(html)?.[1]

const signInPage = async (person: Person, params: Record<string, string> = {}) =>
  pageOf(await person.go(rp.authorizeUrl(params).url))

/** Presses the button at the foot of the page. */
async function choose(person: Person, page: Page, locale: string): Promise<Page> {
  const [, to = ''] = /<input type="hidden" name="to" value="([^"]*)"/.exec(page.html) ?? []
  return pageOf(
    await person.go(`${app.issuer}/locale`, {
      method: 'POST',
      body: new URLSearchParams({ to, locale }),
      headers: { origin: app.issuer },
    }),
  )
}

describe('the language of a sign-in', () => {
  it('is announced, and the one the app asks for comes first', async () => {
    const discovery = await fetch(`${app.issuer}/.well-known/openid-configuration`)
    expect(await discovery.json()).toMatchObject({ ui_locales_supported: [...languages] })

    const person = createPerson({ headers: { 'accept-language': 'pl' } })
    expect(langOf(await signInPage(person))).toBe('pl')
    const page = await signInPage(person, { ui_locales: 'tlh fr-CA de' })
    expect(langOf(page)).toBe('fr')
    expect(page.html).toContain('Se connecter à')
    expect(page.headers.get('content-language')).toBe('fr')
  })

  it('is what the person chose, on the same page and from then on', async () => {
    const person = createPerson({ headers: { 'accept-language': 'pl' } })
    const before = await signInPage(person)
    const after = await choose(person, before, 'ar')
    expect(new URL(after.url).pathname).toBe(new URL(before.url).pathname)
    expect(after.html).toContain('<html lang="ar" dir="rtl">')
    expect(langOf(await signInPage(person))).toBe('ar')
    expect(langOf(await person.open(`${app.issuer}/nothing-here`))).toBe('ar')
  })

  it('can still be chosen where a form was answered with what to mend', async () => {
    const person = createPerson()
    const page = await signInPage(person)
    const action = formsOf(page)[0]?.action ?? ''
    const wrong = pageOf(
      await person.go(action, {
        method: 'POST',
        body: new URLSearchParams({ email: '' }),
        headers: { origin: app.issuer },
      }),
    )
    expect(wrong.status).toBe(422)
    const after = await choose(person, wrong, 'de')
    expect([after.status, langOf(after)]).toEqual([200, 'de'])
    expect(new URL(after.url).pathname).toBe(new URL(page.url).pathname)
  })

  it('is the one of the installation when nothing tells a better one', async () => {
    const person = createPerson({ headers: { 'accept-language': 'tlh' } })
    expect(langOf(await signInPage(person))).toBe('en')
  })
})

describe('a choice of language', () => {
  const post = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${app.issuer}/locale`, {
      method: 'POST',
      redirect: 'manual',
      headers: { accept: 'text/html', origin: app.issuer, ...headers },
      body: new URLSearchParams(fields),
    })

  it('leads back to the page and nowhere else', async () => {
    const answer = await post({ locale: 'ja', to: '/setup?token=x' })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `${app.issuer}/setup?token=x`])
    expect(answer.headers.get('set-cookie')).toMatch(/^foyer_locale=ja; path=\/;.* samesite=lax; httponly$/i)

    // A path with two slashes after it was put together stays on this host.
    const dots = await post({ locale: 'ja', to: '/.//evil.test/' })
    expect(dots.headers.get('location')).toBe(`${app.issuer}//evil.test/`)
    const blob = `blob:${app.issuer}/0`
    for (const to of ['//evil.test/', '/\\evil.test/', 'https://evil.test/', 'javascript:alert(1)', blob]) {
      const refused = await post({ locale: 'ja', to })
      expect([refused.status, refused.headers.get('location')], to).toEqual([400, null])
    }
  })

  it('is one of the languages there are, and comes from our own pages', async () => {
    for (const locale of ['', 'tlh', '../en', 'en-XA']) {
      const refused = await post({ locale, to: '/' })
      expect([refused.status, refused.headers.get('set-cookie')], locale).toEqual([400, null])
    }
    const foreign = await post({ locale: 'ja', to: '/' }, { origin: 'https://evil.test' })
    expect(foreign.status).toBe(403)
    expect((await fetch(`${app.issuer}/locale`)).status).toBe(405)
  })

  it('is no door for programs: their problems stay English', async () => {
    const headers = { 'accept-language': 'de', accept: 'application/json' }
    const answer = await fetch(`${app.issuer}/nothing-here`, { headers })
    expect(await answer.json()).toMatchObject({ title: 'There is nothing here' })
  })

  it.each(languages)('%s: the sign-in page is in it, and at most 5 KB', async (tag) => {
    const page = await signInPage(createPerson(), { ui_locales: tag })
    expect(langOf(page)).toBe(tag)
    // Without the demo people, whom only development shows.
    const html = page.html.replace(/<section class="demo".*?<\/section>/s, '')
    expect(Buffer.byteLength(html)).toBeLessThanOrEqual(5 * 1024)
  })
})
