// The journeys of a person by mail, in Chromium, with scripts and without, the mails taken from a real mail server: every
// page on the way is accessible, and what has to be typed and pressed is counted.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { axeViolations } from '../support/axe.ts'
import { browserIsThere, launchBrowser } from '../support/browser.ts'
import { codeIn, linkIn, mailboxOf, type SmtpCatcher, startSmtp } from '../support/mails.ts'
import { createRp, type Rp } from '../support/rp.ts'

let app: TestApp
let smtp: SmtpCatcher
let mails: ReturnType<typeof mailboxOf>
let rp: Rp
let browser: Browser
/** The app that people sign in to, on an origin of its own. */
const quests = createServer((_, response) => {
  response.setHeader('content-type', 'text/html')
  response.end('<!doctype html><html lang="en"><link rel="icon" href="data:,"><h1>Signed in</h1></html>')
})
beforeAll(async () => {
  if (!browserIsThere) return
  smtp = await startSmtp()
  mails = mailboxOf(smtp)
  app = await startApp({ env: { ...testHooks, SMTP_URL: smtp.url }, jobs: true })
  await new Promise<void>((resolve) => quests.listen(0, '127.0.0.1', resolve))
  const redirect_uri = `http://127.0.0.1:${(quests.address() as AddressInfo).port}/callback`
  await app.addClient('quests', {
    client_name: 'Acme Quests',
    redirect_uris: [redirect_uri],
    first_party: true,
  })
  rp = createRp(app.issuer, { client_id: 'quests', client_secret: secretOf('quests'), redirect_uri })
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await app?.close()
  await smtp?.close()
  quests.close()
})

let people = 0
const stranger = () => `traveller-${++people}@example.test`
async function member() {
  const who = { email: stranger(), password: 'the-old-password-of-mine' }
  await app.services.accounts.create({ kind: 'system' }, { ...who, emailVerified: true })
  return who
}

describe.skipIf(!browserIsThere).each([
  ['with scripts', true],
  ['without scripts', false],
])('%s', (_, javaScriptEnabled) => {
  /** A browser of its own, which counts what it takes. */
  async function visitor() {
    const context: BrowserContext = await browser.newContext({ javaScriptEnabled, reducedMotion: 'reduce' })
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    const counts = { fields: 0, submits: 0 }

    async function look(at = page): Promise<void> {
      if (javaScriptEnabled) expect(await axeViolations(at), at.url()).toEqual([])
      expect(await at.locator('html[lang] main h1').count(), at.url()).toBe(1)
    }
    async function type(label: string, text: string): Promise<void> {
      await look()
      counts.fields += 1
      await page.getByLabel(label, { exact: true }).fill(text)
    }
    async function press(name: string, on: Page = page): Promise<void> {
      await look(on)
      counts.submits += 1
      await on.getByRole('button', { name, exact: true }).click()
    }
    const follow = (name: string) => page.getByRole('link', { name }).click()
    const begin = (scope = 'openid email') => page.goto(rp.authorizeUrl({ scope }).url)
    async function arrived(at = page): Promise<URL> {
      await at.waitForURL(/\/callback\?/)
      const url = new URL(at.url())
      expect(url.searchParams.get('code')).toBeTruthy()
      expect(complaints).toEqual([])
      return url
    }
    return { context, page, counts, look, type, press, follow, begin, arrived, close: () => context.close() }
  }

  it('a new person is at the app with two fields and two submits', async () => {
    const { begin, follow, type, press, arrived, counts, close } = await visitor()
    const email = stranger()
    await begin()
    await follow('Create an account')
    await type('Email address', email)
    await press('Continue')
    await type('Six-digit code', codeIn(await mails.next(email)))
    await press('Continue')
    await arrived()
    expect(counts).toEqual({ fields: 2, submits: 2 })
    await close()
  })

  it('a new person who is asked for a name leaves it empty: a third submit and no field more', async () => {
    const { page, begin, follow, type, press, arrived, counts, close } = await visitor()
    const email = stranger()
    await begin('openid profile email')
    await follow('Create an account')
    await type('Email address', email)
    await press('Continue')
    await type('Six-digit code', codeIn(await mails.next(email)))
    await press('Continue')
    await page.getByLabel('Your name', { exact: true }).waitFor()
    await page.reload()
    await press('Continue')
    await arrived()
    expect(counts).toEqual({ fields: 2, submits: 3 })
    await close()
  })

  it('a code, by keyboard alone', async () => {
    const { page, begin, look, arrived, close } = await visitor()
    const email = stranger()
    await begin()
    await page.locator('#email:focus').waitFor()
    await page.keyboard.type(email)
    for (let tabs = 0; tabs < 3; tabs += 1) await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Email me a code')
    await page.keyboard.press('Enter')
    await page.locator('#code:focus').waitFor()
    await look()
    await page.keyboard.type(codeIn(await mails.next(email)))
    await page.keyboard.press('Enter')
    await arrived()
    await close()
  })

  it('a wrong code, then the right one with blanks', async () => {
    const { page, begin, type, press, look, close } = await visitor()
    const email = stranger()
    await begin()
    await type('Email address or username', email)
    await press('Email me a code')
    const code = codeIn(await mails.next(email))
    await type('Six-digit code', code === '000000' ? '000001' : '000000')
    await press('Continue')
    await page.waitForSelector('[role=alert]')
    await look()
    expect(await page.title()).toMatch(/^Error: /)
    await page.getByLabel('Six-digit code').fill(`${code.slice(0, 3)} ${code.slice(3)}`)
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.waitForURL(/\/callback\?/)
    await close()
  })

  it('a link, opened in another tab', async () => {
    const { context, begin, type, press, arrived, close } = await visitor()
    const email = stranger()
    await begin()
    await type('Email address or username', email)
    await press('Email me a link')
    const tab = await context.newPage()
    await tab.goto(linkIn(await mails.next(email)))
    // Opening it is not enough, script or no script
    await tab.waitForTimeout(300)
    expect(new URL(tab.url()).pathname).toBe('/link')
    await press('Continue as t•••@example.test', tab)
    await arrived(tab)
    await close()
  })

  it('a link, opened first by a scanner that runs scripts and sends every form it finds', async () => {
    const { context, begin, type, press, arrived, close } = await visitor()
    const email = stranger()
    await begin()
    await type('Email address or username', email)
    await press('Email me a link')
    const link = linkIn(await mails.next(email))
    const scanner = await browser.newContext()
    await scanner.request.head(link)
    await scanner.request.get(link)
    await scanner.request.post(`${app.issuer}/link`, {
      form: { token: new URL(link).searchParams.get('token') ?? '' },
      headers: { origin: app.issuer },
    })
    const page = await scanner.newPage()
    await page.goto(link)
    const buttons = await page.locator('main button').count()
    for (let button = 0; button < buttons; button += 1) {
      await page.goto(link)
      await page.locator('main button').nth(button).click()
      await page.waitForLoadState()
    }
    expect((await scanner.cookies()).filter(({ name }) => name.endsWith('foyer_session'))).toEqual([])
    await scanner.close()

    const tab = await context.newPage()
    await tab.goto(link)
    await press('Continue as t•••@example.test', tab)
    await arrived(tab)
    await close()
  })

  it('a link, opened on another device, shows the code', async () => {
    const { begin, type, press, arrived, close } = await visitor()
    const email = stranger()
    await begin()
    await type('Email address or username', email)
    await press('Email me a link')
    const phone = await visitor()
    await phone.page.goto(linkIn(await mails.next(email)))
    await phone.look()
    const code = (await phone.page.locator('.code').textContent())?.trim() ?? ''
    await phone.close()
    await type('Six-digit code', code)
    await press('Continue')
    await arrived()
    await close()
  })

  it('a forgotten password, by code', async () => {
    const who = await member()
    const { page, begin, follow, type, press, arrived, counts, close } = await visitor()
    await begin()
    await type('Email address or username', who.email)
    await press('Continue')
    await follow('Forgot your password?')
    await press('Send the email')
    await type('Six-digit code', codeIn(await mails.next(who.email, /new password/)))
    await press('Continue')
    expect(await page.getByLabel('New password').getAttribute('autocomplete')).toBe('new-password')
    await type('New password', 'a-brand-new-password-41')
    await press('Save and go on')
    await arrived()
    expect(counts).toEqual({ fields: 3, submits: 4 })
    await close()
  })

  it('a forgotten password, by link in another tab', async () => {
    const who = await member()
    const { context, page, begin, follow, type, press, arrived, close } = await visitor()
    await begin()
    await type('Email address or username', who.email)
    await press('Continue')
    await follow('Forgot your password?')
    await press('Send the email')
    await page.waitForSelector('#code')
    const tab = await context.newPage()
    await tab.goto(linkIn(await mails.next(who.email, /new password/)))
    expect(tab.url()).toBe(`${app.issuer}/recover`)
    await tab.getByLabel('New password').fill('a-brand-new-password-41')
    await press('Save and go on', tab)
    await arrived(tab)
    await close()
  })
})
