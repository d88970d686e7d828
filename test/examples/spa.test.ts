// The single-page app in a real browser, beside the real product and the quest API in Python. Access tokens live so
// short that the app renews them for every request.
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { findPython } from '../../examples/quest-api/python.ts'
import { axeViolations } from '../support/axe.ts'
import { browserIsThere, launchBrowser } from '../support/browser.ts'
import { type Example, startExample } from '../support/examples.ts'
import { createManagement } from '../support/management.ts'
import { freePort } from '../support/ports.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { type Product, startProduct } from '../support/process.ts'

const canRun = browserIsThere && findPython().python !== undefined

describe.skipIf(!canRun)('the single-page app', () => {
  let database: TestDatabase
  let foyer: Product
  let quests: Example
  let app: Example
  let browser: Browser

  beforeAll(async () => {
    database = await createTestDatabase()
    foyer = await startProduct({ databaseUrl: database.url, env: { FOYER_ACCESS_TOKEN_TTL: '30' } })
    const { issuer } = foyer
    const port = await freePort()
    const questPort = await freePort()
    quests = await startExample('quest-api', {
      issuer,
      port: questPort,
      env: { QUEST_ORIGINS: `http://localhost:${port}` },
    })
    app = await startExample('spa', { issuer, port, env: { QUEST_API: quests.origin } })
    browser = await launchBrowser()
    await administer('POST', 'grace@example.test', 'roles', { role: 'organizer' })
  })
  afterEach(() => Promise.all(browser.contexts().map((context) => context.close())))
  afterAll(async () => {
    await browser?.close()
    await app?.stop()
    await quests?.stop()
    await foyer?.stop()
    await database?.drop()
  })

  async function administer(method: string, email: string, part: string, json?: unknown): Promise<void> {
    const { ask, machineToken } = createManagement(foyer.issuer)
    const as = await machineToken('users:read roles:write sessions:write')
    const { body } = await ask('GET', `/users?search=${email}`, { as })
    const path = `/users/${body.data[0]?.id}/${part}`
    // A machine with too much to do answers 503 and wants to be asked again
    const done = async () => expect((await ask(method, path, { as, json })).status).toBeLessThan(300)
    await vi.waitFor(done, 20_000)
  }

  const title = (page: Page) => page.locator('h1')
  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).first().click()
  const says = (page: Page, words: string) => page.getByRole('status').filter({ hasText: words }).waitFor()

  async function signedIn(person: string, options = {}): Promise<Page> {
    const page = await browser.newPage(options)
    await page.goto(app.origin)
    await press(page, 'Sign in')
    await page.getByRole('button', { name: new RegExp(`Continue as ${person}`) }).click()
    await title(page)
      .filter({ hasText: `Hello, ${person}` })
      .waitFor()
    return page
  }

  it('signs in, asks userinfo and an API of another origin, and keeps no token but in memory', async () => {
    const page = await signedIn('Ada')
    expect(page.url()).toBe(`${app.origin}/`)
    await expect(page.locator('li').count()).resolves.toBe(3)
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))
    expect(kept).toBe('[{},{"foyer.known":"yes"}]')
    await expect(page.context().cookies(app.origin)).resolves.not.toContainEqual(
      expect.objectContaining({ name: expect.stringMatching(/token/i) }),
    )
  })

  it('shows a code that an organizer checks in, and is signed in again by itself after a reload', async () => {
    const ada = await signedIn('Ada')
    await press(ada, 'Show my code')
    const code = (await ada.locator('#code code').textContent()) ?? ''
    await expect(ada.getByRole('img', { name: 'QR code' }).count()).resolves.toBe(1)

    const grace = await signedIn('Grace')
    await grace.getByLabel('The code of somebody else').fill(code)
    await press(grace, 'Check in')
    await says(grace, 'Checked in: library, 10 points.')
    await grace.getByLabel('The code of somebody else').fill(code)
    await press(grace, 'Check in')
    await says(grace, 'This has been counted already.')

    await ada.reload()
    await ada.getByRole('heading', { name: 'You have 10 points' }).waitFor()
    await expect(ada.getByLabel('The code of somebody else').count()).resolves.toBe(0)
  })

  it('uses each refresh token once, whatever it asks at the same time', async () => {
    const page = await signedIn('Ada')
    const used: string[] = []
    // Which was answered: what was given up is asked once more with the same token
    page.on('requestfinished', (request) => {
      const token = new URLSearchParams(request.postData() ?? '').get('refresh_token')
      if (token !== null) used.push(token)
    })
    const buttons = page.getByRole('button', { name: 'Show my code' })
    const count = await buttons.count()
    // In one turn of the page, so that all of them ask before the first has a token
    await buttons.evaluateAll((all) => {
      for (const each of all) (each as unknown as { click(): void }).click()
    })
    await expect.poll(() => used.length).toBe(count)
    expect(new Set(used).size).toBe(count)
    await page.locator('#code code').waitFor()
    await expect(page.locator('#message').textContent()).resolves.toBe('')
  })

  it('signs out here and at Foyer', async () => {
    const page = await signedIn('Ada')
    await press(page, 'Sign out')
    await title(page).filter({ hasText: 'Small deeds' }).waitFor()
    await press(page, 'Sign in')
    await page.getByRole('button', { name: /Continue as Ada/ }).waitFor()
  })

  it('notices that Foyer ended the session, and asks nothing of somebody who reloads then', async () => {
    const page = await signedIn('Ada')
    await administer('DELETE', 'ada@example.test', 'sessions')
    await press(page, 'Show my code')
    await says(page, 'You are signed out')
    await page.reload()
    await title(page).filter({ hasText: 'Small deeds' }).waitFor()
    expect(page.url()).toBe(`${app.origin}/`)
  })

  it('takes a refusal, and no answer to what it did not ask', async () => {
    const page = await browser.newPage()
    await page.goto(app.origin)
    await press(page, 'Sign in')
    await page.locator('button[name=decision][value=deny]').first().click()
    await says(page, 'access_denied')
    await page.goto(`${app.origin}/callback?code=x&state=y`)
    await says(page, 'This answer belongs to no sign-in')
    await expect(page.getByRole('button', { name: 'Sign in' }).count()).resolves.toBe(1)
  })

  it.each(['light', 'dark'] as const)(
    'has no accessibility violation and fits a phone, %s',
    async (colorScheme) => {
      const page = await signedIn('Grace', { colorScheme, viewport: { width: 320, height: 640 } })
      await press(page, 'Show my code')
      await page.locator('#code code').waitFor()
      await expect(axeViolations(page)).resolves.toEqual([])
      await expect(page.evaluate(() => document.documentElement.scrollWidth)).resolves.toBeLessThanOrEqual(
        320,
      )
    },
  )
})
