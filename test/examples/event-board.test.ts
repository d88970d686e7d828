// The event board in a real browser, beside the real product. Access tokens live so short that every request of the
// board renews them: what Foyer says about a person counts at once.
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { axeViolations } from '../support/axe.ts'
import { browserIsThere, launchBrowser } from '../support/browser.ts'
import { type Example, startExample } from '../support/examples.ts'
import { createManagement } from '../support/management.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { type Product, startProduct } from '../support/process.ts'

type StorageState = Awaited<ReturnType<BrowserContext['storageState']>>

describe.skipIf(!browserIsThere)('the event board', () => {
  let database: TestDatabase
  let foyer: Product
  let board: Example
  let browser: Browser
  const cookies = new Map<string, StorageState>()

  const startFoyer = (port?: number) =>
    startProduct({
      databaseUrl: database.url,
      env: { FOYER_ACCESS_TOKEN_TTL: '30' },
      ...(port !== undefined && { port }),
    })

  beforeAll(async () => {
    database = await createTestDatabase()
    foyer = await startFoyer()
    board = await startExample('event-board', { issuer: foyer.issuer })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await board?.stop()
    await foyer?.stop()
    await database?.drop()
  })

  // Each is a process of the browser
  afterEach(() => Promise.all(browser.contexts().map((context) => context.close())))

  // The board needs no script, and must run none that somebody wrote into it
  const newPage = (more: BrowserContextOptions = {}): Promise<Page> =>
    browser.newPage({ javaScriptEnabled: false, ...more })

  /** In a browser in which they are signed in already. */
  async function signedIn(person: string): Promise<Page> {
    const storageState = cookies.get(person)
    const page = storageState ? await newPage({ storageState }) : await signIn(person)
    cookies.set(person, storageState ?? (await page.context().storageState()))
    await page.goto(board.origin)
    return page
  }

  async function signIn(person: string): Promise<Page> {
    const page = await newPage()
    await page.goto(board.origin)
    await page.getByRole('link', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: new RegExp(`Continue as ${person}`) }).click()
    await page.waitForURL(`${board.origin}/`)
    return page
  }

  const flashOf = (page: Page) => page.locator('.flash').textContent()
  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()

  async function createEvent(page: Page, title: string, more: Record<string, string> = {}): Promise<string> {
    await page.goto(`${board.origin}/events/new`)
    await page.getByLabel('Title').fill(title)
    await page.locator('[name=startsAt]').fill('2030-05-01T18:30')
    await page.getByLabel('Where').fill(more.place ?? 'The courtyard')
    await page.locator('[name=description]').fill(more.description ?? '')
    if (more.capacity) await page.locator('[name=capacity]').fill(more.capacity)
    if (more.team) await page.locator('[name=team]').selectOption(more.team)
    await press(page, 'Put it on the board')
    return page.url()
  }

  const administer = async () => {
    const { ask, machineToken } = createManagement(foyer.issuer)
    const as = await machineToken('users:read roles:write sessions:write')
    const idOf = async (email: string) =>
      String((await ask('GET', `/users?search=${email}`, { as })).body.data[0]?.id)
    return { ask: (method: string, path: string, json?: unknown) => ask(method, path, { as, json }), idOf }
  }

  it('lets an organizer call an event that others join and leave', async () => {
    const ada = await signIn('Ada')
    await expect(flashOf(ada)).resolves.toBe('Welcome, Ada King Lovelace.')
    const url = await createEvent(ada, 'Summer fair')
    await expect(flashOf(ada)).resolves.toBe('It is on the board.')

    const grace = await signedIn('Grace')
    await grace.getByRole('link', { name: /Summer fair/ }).click()
    expect(grace.url()).toBe(url)
    await press(grace, 'Join')
    await expect(grace.locator('.people').textContent()).resolves.toBe('Grace Hopper')
    await press(grace, 'Leave')
    await expect(grace.locator('.people li').count()).resolves.toBe(0)
  })

  it('shows people without the role no way to call one, and refuses who tries', async () => {
    const grace = await signedIn('Grace')
    await expect(grace.getByRole('link', { name: 'New event' }).count()).resolves.toBe(0)
    expect((await grace.goto(`${board.origin}/events/new`))?.status()).toBe(403)

    await grace.goto(board.origin)
    const form_token = await grace.locator('[name=form_token]').first().inputValue()
    const answer = await grace.request.post(`${board.origin}/events`, { form: { form_token, title: 'Mine' } })
    expect(answer.status()).toBe(403)
  })

  it('gives the right with the role, and takes it with the role', async () => {
    const { ask, idOf } = await administer()
    const id = await idOf('grace@example.test')
    const grace = await signedIn('Grace')
    await ask('POST', `/users/${id}/roles`, { role: 'organizer' })
    await grace.reload()
    await expect(grace.getByRole('link', { name: 'New event' }).count()).resolves.toBe(1)
    await ask('DELETE', `/users/${id}/roles/organizer`)
    await grace.reload()
    await expect(grace.getByRole('link', { name: 'New event' }).count()).resolves.toBe(0)
  })

  it('shows markup that somebody typed as the text it is', async () => {
    const markup = `<img src=x onerror="document.title='taken'"><b>&"'</b>`
    const ada = await signedIn('Ada')
    await createEvent(ada, markup, { place: markup, description: `${markup}</p><script>1</script>` })
    await expect(ada.locator('h1').textContent()).resolves.toBe(markup)
    await expect(ada.locator('main img, main script, main b').count()).resolves.toBe(0)
    await ada.goto(board.origin)
    await expect(ada.getByRole('link', { name: markup }).count()).resolves.toBe(1)
  })

  it('gives the last seat to one', async () => {
    const ada = await signedIn('Ada')
    const url = await createEvent(ada, 'Chess', { capacity: '1' })
    const grace = await signedIn('Grace')
    await grace.goto(url)
    await press(grace, 'Join')
    await ada.goto(url)
    await expect(ada.getByRole('button', { name: 'Join' }).count()).resolves.toBe(0)
    const form_token = await ada.locator('[name=form_token]').first().inputValue()
    await ada.request.post(`${url}/join`, { form: { form_token } })
    await ada.reload()
    await expect(ada.locator('.people').textContent()).resolves.toBe('Grace Hopper')
  })

  it('keeps the page and the events of a team among its members', async () => {
    const ada = await signedIn('Ada')
    const url = await createEvent(ada, 'Board meeting', { team: 'acme' })
    await ada.getByRole('link', { name: 'Acme' }).click()
    await ada.getByLabel('A notice').fill('Bring cake')
    await press(ada, 'Pin it up')

    const grace = await signedIn('Grace')
    await grace.getByRole('link', { name: 'Acme' }).click()
    await expect(grace.locator('main').textContent()).resolves.toMatch(/Board meeting[\s\S]*Bring cake/)
    await expect(grace.getByLabel('A notice').count()).resolves.toBe(0)

    for (const outsider of [await signedIn('Charles'), await newPage()]) {
      expect((await outsider.goto(url))?.status()).toBe(404)
      expect((await outsider.goto(`${board.origin}/teams/acme`))?.status()).toBe(404)
      await outsider.goto(board.origin)
      await expect(outsider.getByText('Board meeting').count()).resolves.toBe(0)
    }
  })

  it('says what is wrong with a form beside its field, and keeps the rest', async () => {
    const ada = await signedIn('Ada')
    await ada.goto(`${board.origin}/events/new`)
    const form_token = await ada.locator('main [name=form_token]').inputValue()
    const form = { form_token, title: 'Ball', startsAt: 'tomorrow', capacity: '-1' }
    const answer = await ada.request.post(`${board.origin}/events`, { form })
    const text = await answer.text()
    expect(answer.status()).toBe(400)
    expect(text).toContain('value="Ball"')
    for (const words of ['Say where', 'Give a day and a time', 'Give a whole number'])
      expect(text).toContain(words)
  })

  it('takes no form that it did not make for this session, and none that is endless', async () => {
    const ada = await signedIn('Ada')
    await ada.goto(`${board.origin}/events/new`)
    const form_token = await ada.locator('main [name=form_token]').inputValue()
    const grace = await signedIn('Grace')
    const post = async (page: Page, form: Record<string, string>) =>
      (await page.request.post(`${board.origin}/sign-out`, { form, maxRedirects: 0 })).status()
    expect(await post(ada, {})).toBe(403)
    expect(await post(grace, { form_token })).toBe(403)
    expect(await post(await newPage(), { form_token })).toBe(401)
    expect(await post(ada, { form_token, more: 'x'.repeat(40_000) })).toBe(413)
  })

  it('leads to no other site after the sign-in, and finishes none that it did not begin', async () => {
    const page = await newPage()
    await page.goto(`${board.origin}/sign-in?return_to=${encodeURIComponent('//evil.example/')}`)
    await page.getByRole('button', { name: /Continue as Ada/ }).click()
    await page.waitForURL(`${board.origin}/`)
    for (const query of ['', '?code=x&state=y', '?error=server_error']) {
      expect((await page.goto(`${board.origin}/callback${query}`))?.status()).toBe(400)
    }
  })

  it('comes back unharmed when the person would rather not sign in', async () => {
    const page = await newPage()
    await page.goto(`${board.origin}/sign-in?return_to=/`)
    await page.locator('button[name=decision][value=deny]').first().click()
    await page.waitForURL(`${board.origin}/`)
    await expect(page.getByRole('link', { name: 'Sign in' }).count()).resolves.toBe(1)
  })

  it('signs out here and at Foyer', async () => {
    const ada = await signIn('Ada')
    await press(ada, 'Sign out')
    await ada.waitForURL(`${board.origin}/signed-out`)
    await expect(ada.locator('h1').textContent()).resolves.toBe('You are signed out')
    await ada.getByRole('link', { name: 'Sign in' }).click()
    await expect(ada.getByRole('button', { name: /Continue as Ada/ }).count()).resolves.toBe(1)
  })

  it('renews once for many requests at the same time, and ends with the session at Foyer', async () => {
    const admin = await signIn('Charles')
    const looks = await Promise.all(Array.from({ length: 8 }, () => admin.request.get(board.origin)))
    for (const look of looks) expect(await look.text()).toContain('Charles Babbage')

    const { ask, idOf } = await administer()
    await ask('DELETE', `/users/${await idOf('admin@example.test')}/sessions`)
    await admin.goto(board.origin)
    await expect(admin.getByRole('link', { name: 'Sign in' }).count()).resolves.toBe(1)
  })

  it('shows itself while Foyer is away, changes nothing then, and goes on afterwards', async () => {
    const ada = await signedIn('Ada')
    const url = await createEvent(ada, 'Night walk')
    const { port } = foyer
    await foyer.stop()
    await ada.reload()
    await expect(ada.locator('header').textContent()).resolves.toContain('Ada King Lovelace')
    await press(ada, 'Join')
    await expect(ada.locator('h1').textContent()).resolves.toBe('Not now')

    foyer = await startFoyer(port)
    await ada.goto(url)
    await press(ada, 'Join')
    await expect(ada.locator('.people').textContent()).resolves.toBe('Ada King Lovelace')
  })

  it.each(['light', 'dark'] as const)(
    'has no accessibility violation and fits a phone, %s',
    async (colorScheme) => {
      const storageState = await (await signedIn('Ada')).context().storageState()
      const page = await browser.newPage({ storageState, colorScheme, viewport: { width: 320, height: 640 } })
      for (const path of ['/', '/events/new', '/teams/acme', '/nowhere']) {
        await page.goto(board.origin + path)
        await expect(axeViolations(page)).resolves.toEqual([])
        const width = await page.evaluate(() => document.documentElement.scrollWidth)
        expect(width, path).toBeLessThanOrEqual(320)
      }
    },
  )
})
