// Choosing an account in Chromium, with scripts and without: those that signed in here before are buttons.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp } from '../support/app.ts'
import { axeViolations } from '../support/axe.ts'
import { browserIsThere, launchBrowser } from '../support/browser.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { ada, createRp, grace, type Rp, type Who } from '../support/rp.ts'

let app: TestApp
let browser: Browser
let receiver: Receiver
let redirect_uri: string
let rp: Rp
beforeAll(async () => {
  if (!browserIsThere) return
  app = await startApp({ env: { FOYER_LOGIN_LAYOUT: 'single' } })
  browser = await launchBrowser()
  receiver = await startReceiver()
  receiver.answer((_, response) => void response.setHeader('content-type', 'text/html').end('<p>back'))
  redirect_uri = `${new URL(receiver.url).origin}/callback`
  const client_id = 'shop'
  await app.addClient(client_id, { client_name: 'Shop', redirect_uris: [redirect_uri], first_party: true })
  rp = createRp(app.issuer, { client_id, client_secret: secretOf(client_id), redirect_uri })
})
afterAll(async () => {
  await browser?.close()
  await receiver?.close()
  await app?.close()
})

async function typeInto(page: Page, { email, password }: Who): Promise<void> {
  await page.fill('input[name=email]', email)
  await page.fill('input[name=password]', password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.waitForURL((url) => url.href.startsWith(redirect_uri))
}

describe.skipIf(!browserIsThere).each([
  ['with scripts', true],
  ['without scripts', false],
])('the accounts of a browser, %s', (_, javaScriptEnabled) => {
  it('are chosen by keyboard, and whoever is not signed in any more types their password', async () => {
    const context = await browser.newContext({ javaScriptEnabled, viewport: { width: 320, height: 640 } })
    const page = await context.newPage()
    const ask = (params: Record<string, string>) => rp.authorizeUrl({ scope: 'openid email', ...params })
    await page.goto(ask({}).url)
    await typeInto(page, grace)
    await page.goto(ask({ prompt: 'login' }).url)
    await typeInto(page, ada)

    const { url, verifier } = ask({ prompt: 'select_account' })
    await page.goto(url)
    await page.getByRole('heading', { name: 'Choose an account for Shop' }).waitFor()
    await page.getByRole('button', { name: 'Ada King Lovelace' }).waitFor()
    if (javaScriptEnabled) expect(await axeViolations(page)).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth').catch(() => 320)).toBeLessThanOrEqual(
      320,
    )
    await page.getByRole('button', { name: 'Grace Hopper' }).focus()
    await page.keyboard.press('Enter')
    await page.fill('input[name=password]', grace.password)
    await page.keyboard.press('Enter')
    await page.waitForURL((to) => to.href.startsWith(redirect_uri))
    const code = new URL(page.url()).searchParams.get('code') ?? ''
    const { body } = await rp.redeem(code, verifier)
    expect(await (await rp.userinfo(body.access_token)).json()).toMatchObject({ email: grace.email })
    await context.close()
  })
})
