// The page of the management API in a browser: readable for everybody, and without a script.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { axeViolations } from '../support/axe.ts'
import { browserIsThere, launchBrowser } from '../support/browser.ts'

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

describe.skipIf(!browserIsThere)('/api/docs', () => {
  it('has no violation of accessibility, and loads nothing that its policy refuses', async () => {
    const complaints: string[] = []
    const page = await browser.newPage({ reducedMotion: 'reduce' })
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    await page.goto(`${app.issuer}/api/docs`)
    expect(await axeViolations(page)).toEqual([])
    expect(complaints).toEqual([])
    expect(asked.every((url) => url.startsWith(app.issuer))).toBe(true)
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      expect(overflow).toBeLessThanOrEqual(0)
    }
    await page.close()
  })

  it('works without script', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(`${app.issuer}/api/docs`)
    const answer = page.getByText('Answer of GET /users', { exact: true })
    await answer.click()
    expect(await page.locator('details[open] pre').first().isVisible()).toBe(true)
    await page.getByRole('link', { name: 'OpenAPI 3.1' }).click()
    expect(page.url()).toBe(`${app.issuer}/api/v1/openapi.json`)
    await context.close()
  })
})
