// The first thing that people try after a fresh start: the playground, in a real browser, against the product.
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { axeViolations } from '../support/axe.ts'
import { browserIsThere, launchBrowser } from '../support/browser.ts'
import { freePort } from '../support/ports.ts'
import { type Product, startProduct } from '../support/process.ts'

let product: Product
let playground: string
let browser: Browser

beforeAll(async () => {
  if (!browserIsThere) return
  const playgroundPort = await freePort()
  playground = `http://localhost:${playgroundPort}`
  // With its embedded database, as a fresh start has it; the banner is the last thing that one does
  product = await startProduct({ env: { FOYER_PLAYGROUND_PORT: String(playgroundPort), LOG_LEVEL: 'error' } })
  await vi.waitFor(() => expect(product.output()).toContain('Try it'), 10_000)
  browser = await launchBrowser()
})

afterAll(async () => {
  await browser?.close()
  await product?.stop()
})

async function walk(options: BrowserContextOptions, steps: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext(options)
  try {
    await steps(await context.newPage())
  } finally {
    await context.close()
  }
}

async function signIn(page: Page, person = 'Ada'): Promise<void> {
  await page.goto(`${playground}/`)
  await page.getByRole('link', { name: 'Sign in with Foyer' }).click()
  await page.getByRole('button', { name: new RegExp(`Continue as ${person}`) }).click()
  await page.waitForURL(`${playground}/`)
}

const press = (page: Page, action: string) =>
  page.locator(`form[action="/tokens/${action}"] button`).first().click()

const noticeOf = (page: Page) => page.getByRole('status').filter({ hasText: /\S/ }).textContent()

describe.skipIf(!browserIsThere).each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])('the playground, %s', (_how, javaScriptEnabled) => {
  it('gets a person to verified tokens in two clicks', () =>
    walk({ javaScriptEnabled }, async (page) => {
      await signIn(page)
      await expect(page.getByRole('heading', { level: 1 }).textContent()).resolves.toBe(
        'Hello, Ada King Lovelace',
      )
      await expect(page.locator('.verdict.good').textContent()).resolves.toContain('fits the key')
      await expect(page.locator('.verdict.bad').count()).resolves.toBe(0)
    }))

  it('refreshes, introspects, asks userinfo and revokes', () =>
    walk({ javaScriptEnabled }, async (page) => {
      await signIn(page)
      const outcomes: Record<string, string> = {
        refresh: 'Refreshed',
        userinfo: 'Foyer told the claims',
        'introspect-access': 'Active: the token is good right now.',
        'introspect-refresh': 'Active: the token is good right now.',
        'revoke-refresh': 'Revoked',
      }
      for (const [action, outcome] of Object.entries(outcomes)) {
        await press(page, action)
        await expect(noticeOf(page)).resolves.toContain(outcome)
      }
      // RFC 7009 §2.1: with the refresh token the access tokens of the same grant end.
      await press(page, 'introspect-access')
      await expect(noticeOf(page)).resolves.toContain('Not active')
    }))

  it('gets a JWT that it verifies by itself when it names an API', () =>
    walk({ javaScriptEnabled }, async (page) => {
      await signIn(page)
      await page.getByLabel('resource').selectOption('urn:demo:quests')
      await page.getByRole('button', { name: 'Sign in with these wishes' }).click()
      await page.waitForURL(`${playground}/`)
      const access = page.getByRole('region', { name: 'Access token', exact: true })
      await expect(access.locator('.verdict.good').textContent()).resolves.toContain(
        'aud names urn:demo:quests.',
      )
    }))

  it('takes its answer in a posted form', () =>
    walk({ javaScriptEnabled }, async (page) => {
      await signIn(page)
      await page.getByLabel('response_mode').selectOption('form_post')
      await page.getByRole('button', { name: 'Sign in with these wishes' }).click()
      if (!javaScriptEnabled) await page.getByRole('button').first().click()
      await page.waitForURL(`${playground}/`)
      await expect(page.locator('.method', { hasText: 'POST /callback' }).count()).resolves.toBe(1)
      await expect(page.locator('.verdict.good').count()).resolves.toBe(1)
    }))

  it('is refused when the person refuses a third party, and served when not', () =>
    walk({ javaScriptEnabled }, async (page) => {
      await signIn(page)
      await page.goto(`${playground}/third-party/sign-in`)
      expect(page.url()).toContain(product.issuer)
      await page.locator('button[name=decision][value=deny]').click()
      await page.waitForURL(`${playground}/`)
      await expect(noticeOf(page)).resolves.toContain('access_denied')

      await page.goto(`${playground}/third-party/sign-in`)
      await page.locator('button[name=decision][value=allow]').click()
      await page.waitForURL(`${playground}/`)
      await expect(page.locator('.facts-line').textContent()).resolves.toContain('demo-third-party')
    }))

  it('signs out here and at Foyer', () =>
    walk({ javaScriptEnabled }, async (page) => {
      await signIn(page, 'Grace')
      await page.getByRole('button', { name: 'Sign out' }).click()
      const question = page.locator('button[name=logout][value=yes]')
      if ((await question.count()) > 0) await question.click()
      await page.waitForURL(`${playground}/?state=signed-out`)
      await expect(noticeOf(page)).resolves.toContain('You are signed out')

      await page.getByRole('link', { name: 'Sign in with Foyer' }).click()
      await expect(page.getByRole('button', { name: /Continue as Grace/ }).count()).resolves.toBe(1)
    }))
})

describe.skipIf(!browserIsThere)('the browser app of the playground', () => {
  it('signs in, verifies, asks and refreshes across origins', () =>
    walk({}, async (page) => {
      await page.goto(`${playground}/spa/`)
      await page.getByRole('button', { name: 'Sign in with Foyer' }).click()
      await page.getByRole('button', { name: /Continue as Ada/ }).click()
      await expect(page.locator('.verdict').textContent()).resolves.toContain('Verified in this tab')
      expect(page.url()).toBe(`${playground}/spa/`)

      await page.getByRole('button', { name: 'Ask userinfo' }).click()
      await page.getByText('"name": "Ada King Lovelace"').waitFor()
      const before = (await page.locator('.token pre').nth(2).textContent()) ?? ''
      await page.getByRole('button', { name: 'Refresh' }).click()
      await page.getByText(before).waitFor({ state: 'detached' })
      await expect(page.locator('.verdict').textContent()).resolves.toContain('Verified in this tab')
    }))
})

describe.skipIf(!browserIsThere)('the pages of the playground', () => {
  it.each(['light', 'dark'] as const)('have no accessibility violation, %s', (colorScheme) =>
    walk({ colorScheme, reducedMotion: 'reduce' }, async (page) => {
      await page.goto(`${playground}/`)
      await expect(axeViolations(page)).resolves.toEqual([])
      await signIn(page)
      await expect(axeViolations(page)).resolves.toEqual([])
      await page.goto(`${playground}/spa/`)
      await expect(axeViolations(page)).resolves.toEqual([])
    }),
  )

  it('fit a screen of 320 pixels', () =>
    walk({ viewport: { width: 320, height: 640 } }, async (page) => {
      await signIn(page)
      await expect(page.evaluate(() => document.documentElement.scrollWidth)).resolves.toBeLessThanOrEqual(
        320,
      )
    }))
})
