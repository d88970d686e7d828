// A device's code in Chromium, with scripts and without: the link types it, the person compares it and says yes.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { axeViolations } from '../support/axe.ts'
import { browserIsThere, launchBrowser } from '../support/browser.ts'
import { ada, createRp } from '../support/rp.ts'

let app: TestApp
let browser: Browser
beforeAll(async () => {
  if (!browserIsThere) return
  app = await startApp()
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await app?.close()
})

describe.skipIf(!browserIsThere).each([
  ['with scripts', true],
  ['without scripts', false],
])('a device, %s', (_, javaScriptEnabled) => {
  it('is let in by keyboard alone, from the link that types its code', async () => {
    const rp = createRp(app.issuer, { client_id: 'demo-device', redirect_uri: '' })
    const { body } = await rp.post('/oauth2/device', { scope: 'openid email' })
    const asked = body as unknown as Record<'device_code' | 'user_code' | 'verification_uri_complete', string>
    const context = await browser.newContext({
      javaScriptEnabled,
      colorScheme: 'dark',
      viewport: { width: 320, height: 640 },
    })
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    const look = async () => {
      if (javaScriptEnabled) expect(await axeViolations(page), page.url()).toEqual([])
      const width = await page.evaluate('document.documentElement.scrollWidth').catch(() => 320)
      expect(width).toBeLessThanOrEqual(320)
    }

    await page.goto(asked.verification_uri_complete)
    expect(await page.getByLabel('Code on the device').inputValue()).toBe(asked.user_code)
    await look()
    await page.keyboard.press('Enter')
    await page.getByLabel('Email address').fill(ada.email)
    await page.keyboard.press('Enter')
    await page.getByLabel('Password', { exact: true }).fill(ada.password)
    await page.keyboard.press('Enter')
    await page.getByText(asked.user_code).waitFor()
    await look()
    await page.getByRole('button', { name: 'Allow' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Your device is signed in' }).waitFor()
    await look()

    const redeemed = await rp.post('/oauth2/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: asked.device_code,
    })
    expect(redeemed.status).toBe(200)
    expect(complaints).toEqual([])
    await context.close()
  })
})
