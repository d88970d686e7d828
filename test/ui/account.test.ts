// The pages about one's own account in Chromium, with scripts and without: every journey from its link to its end.
import type { Browser, Page } from 'playwright-core'
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

let count = 0
async function newcomer() {
  count += 1
  const who = { email: `walker-${count}@example.test`, password: 'a-password-of-their-own' }
  await app.services.accounts.create({ kind: 'operator' }, { ...who, emailVerified: true })
  return who
}

async function signIn(page: Page, path: string, who: { email: string; password: string }): Promise<void> {
  await page.goto(app.issuer + path)
  await page.fill('#email', who.email)
  await page.click('button.primary')
  await page.fill('#password', who.password)
  await page.click('button.primary')
  await page.waitForURL(app.issuer + path)
}

const heading = (page: Page) => page.locator('h1').textContent()
const notice = (page: Page) => page.locator('.notice[role=status]').textContent()
const tab = (page: Page, name: string) => page.locator('nav.tabs a', { hasText: name }).click()
const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()

describe.skipIf(!browserIsThere)('somebody’s own pages', () => {
  it.each([true, false])('are walked from end to end, with a script: %s', async (javaScriptEnabled) => {
    const who = await newcomer()
    const [elsewhere, context] = [
      await browser.newContext({ javaScriptEnabled }),
      await browser.newContext({ javaScriptEnabled }),
    ]
    try {
      await signIn(await elsewhere.newPage(), '/account', who)
      const page = await context.newPage()
      await signIn(page, '/account', who)
      await page.fill('#name', 'Somebody New')
      await page.selectOption('#locale', 'en')
      await page.click('summary')
      await page.fill('#birthdate', '1 May')
      await press(page, 'Save')
      expect(await page.locator('.alert a[href="#birthdate"]').count()).toBe(1)
      await page.fill('#birthdate', '1990-05-01')
      await press(page, 'Save')
      expect(await notice(page)).toBe('Saved.')
      expect(await page.inputValue('#name')).toBe('Somebody New')

      await tab(page, 'Devices')
      expect(await page.locator('.items li').count()).toBe(2)
      await press(page, 'Sign out every other device')
      expect(await notice(page)).toContain('signed out')
      expect(await page.locator('.items li').count()).toBe(1)

      await tab(page, 'Sign-in')
      await page.fill('#current', who.password)
      await page.fill('#password', 'a-password-that-is-new')
      await press(page, 'Change password')
      expect(await notice(page)).toContain('changed')

      await tab(page, 'Apps')
      expect(await heading(page)).toBe('Apps with access')
      await tab(page, 'Your data')
      const download = page.waitForEvent('download')
      await page.click('a[download]')
      expect((await download).suggestedFilename()).toBe('my-data.json')
      await page.getByRole('link', { name: 'Delete my account' }).click()
      await page.fill('#confirm', who.email)
      await press(page, 'Delete my account')
      expect(await heading(page)).toBe('Your account is deleted')
    } finally {
      await context.close()
      await elsewhere.close()
    }
  })

  it('are usable in Arabic, without an axe violation', async () => {
    const who = await newcomer()
    const context = await browser.newContext({ locale: 'ar' })
    try {
      const page = await context.newPage()
      await signIn(page, '/account', who)
      for (const path of ['', '/sign-in', '/sessions', '/apps', '/data', '/email', '/delete']) {
        await page.goto(`${app.issuer}/account${path}`)
        expect(await page.locator('html').getAttribute('dir')).toBe('rtl')
        expect([path, await axeViolations(page)]).toEqual([path, []])
      }
    } finally {
      await context.close()
    }
  })
})
