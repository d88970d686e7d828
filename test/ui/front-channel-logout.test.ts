// Signing out in a real browser: it loads the apps' addresses under the page's own policy, and goes on.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { browserIsThere, launchBrowser } from '../support/browser.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { ada, createRp } from '../support/rp.ts'

let app: TestApp
let browser: Browser
let receiver: Receiver
beforeAll(async () => {
  if (!browserIsThere) return
  app = await startApp()
  receiver = await startReceiver()
  const { origin } = new URL(receiver.url)
  await app.addClient('framed', {
    client_name: 'Framed',
    redirect_uris: [`${origin}/callback`],
    frontchannel_logout_uri: `${origin}/signed-out`,
    first_party: true,
  })
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await receiver?.close()
  await app?.close()
})

describe.skipIf(!browserIsThere).each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])('signing out, %s', (_how, javaScriptEnabled) => {
  it('loads the address of the app, and goes on', async () => {
    receiver.got.length = 0
    receiver.answer((_, response) => void response.setHeader('content-type', 'text/html').end('<p>out'))
    const context = await browser.newContext({ javaScriptEnabled })
    const page = await context.newPage()
    const redirect_uri = `${new URL(receiver.url).origin}/callback`
    await page.goto(createRp(app.issuer, { client_id: 'framed', redirect_uri }).authorizeUrl().url)
    await page.fill('input[name=email]', ada.email)
    await page.fill('input[name=password]', ada.password)
    await page.locator('button[type=submit]').first().click()
    await page.waitForURL(/callback/)

    await page.goto(`${app.issuer}/oauth2/logout`)
    await page.locator('button[name=logout][value=yes]').click()
    await expect
      .poll(() => receiver.got.filter(({ path }) => path.startsWith('/signed-out?iss=')), { timeout: 10_000 })
      .toHaveLength(1)
    if (!javaScriptEnabled) await page.getByRole('link', { name: 'Continue' }).click()
    await page.waitForURL(/\/oauth2\/logout\/success/)
    await context.close()
  })
})
