import type { BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { axeViolations } from '../support/axe.ts'
import { browserIsThere } from '../support/browser.ts'
import { samples } from '../support/page-samples.ts'
import { openPageWalk, type PageWalk, scrollsSideways } from '../support/page-walk.ts'

const names = Object.keys(samples)
const signInPages = names.filter((name) => samples[name]?.page.startsWith('interaction/'))

let walk: PageWalk
beforeAll(async () => {
  if (browserIsThere) walk = await openPageWalk()
})
afterAll(() => walk?.close())

/** The accessible names met by pressing Tab from the top of the page, each with a visible focus. */
async function tabOrder(page: Page): Promise<string[]> {
  await page.evaluate(() => {
    document.body.tabIndex = -1
    document.body.focus()
  })
  const order: string[] = []
  for (;;) {
    await page.keyboard.press('Tab')
    const name = await page.evaluate(() => {
      const element = document.activeElement
      if (!(element instanceof HTMLElement) || element === document.body) return null
      const labelled = element instanceof HTMLInputElement || element instanceof HTMLSelectElement
      const label = labelled ? element.labels?.[0]?.textContent : undefined
      const { outlineStyle, outlineWidth } = getComputedStyle(element)
      const focus =
        outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2 ? '' : ' (focus not visible)'
      return (label ?? element.textContent ?? '').trim() + focus
    })
    if (name === null || order.length > 30) return order
    order.push(name)
  }
}

const lowControls = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('button, a.primary, summary, input:not([type=hidden], .offscreen)')]
      .filter((element) => element.getBoundingClientRect().height < 44)
      .map((element) => element.outerHTML),
  )

describe.skipIf(!browserIsThere)('hosted pages', () => {
  it.each(names)('%s: fits 320 px and text twice as big, with every control 44 px high', async (name) => {
    const page = await walk.page()
    await page.setViewportSize({ width: 320, height: 560 })
    await walk.visit(page, name)
    expect(await scrollsSideways(page), '320 px').toBe(false)
    expect(await lowControls(page)).toEqual([])

    await page.setViewportSize({ width: 640, height: 560 })
    await page.evaluate(() => document.documentElement.style.setProperty('font-size', '200%'))
    expect(await scrollsSideways(page), 'text twice as big').toBe(false)
  })

  it('sets Allow and Deny side by side on one line, and as close below each other at 320 px', async () => {
    const page = await walk.page()
    const boxes = () =>
      page.evaluate(() =>
        [...document.querySelectorAll('.pair button')].map((button) => {
          const { left, right, top, bottom } = button.getBoundingClientRect()
          return { left, right, top, bottom }
        }),
      )
    await page.setViewportSize({ width: 1200, height: 800 })
    await walk.visit(page, 'consent')
    const [allow, deny] = await boxes()
    expect([deny?.top, deny?.bottom]).toEqual([allow?.top, allow?.bottom])
    const gap = (deny?.left ?? 0) - (allow?.right ?? 0)
    await page.setViewportSize({ width: 320, height: 560 })
    const [above, below] = await boxes()
    expect((below?.top ?? 0) - (above?.bottom ?? 0)).toBeCloseTo(gap)
  })

  it('says a time as the clock on the wall does, in the zone and language of the reader', async () => {
    const times: (string | null)[] = []
    for (const [timezoneId, lang] of [
      ['Europe/London', 'en'],
      ['Asia/Tokyo', 'en'],
      ['Asia/Dubai', 'ru'],
    ] as const) {
      const page = await walk.browser.newPage({ timezoneId })
      await walk.visit(page, 'code', lang)
      times.push(await page.locator('time').first().textContent())
      await page.close()
    }
    expect(times.map((time) => time?.replace(/\s/g, ' '))).toEqual(['2:30 PM', '11:30 PM', '18:30'])
  })

  it('stays usable in forced colours', async () => {
    expect(await walk.opened('sign-in, every way', { forcedColors: 'active' }, axeViolations)).toEqual([])
  })

  it.each(['identifier', 'password', 'sign-in', 'sign-in, error'])(
    '%s: costs at most 16 KB and 4 requests cold, none of them elsewhere',
    async (name) => {
      const context = await walk.browser.newContext()
      const page = await context.newPage()
      const sizes: Promise<number>[] = []
      const urls: string[] = []
      page.on('requestfinished', (request) => {
        urls.push(request.url())
        sizes.push(
          request
            .sizes()
            .then(({ responseBodySize, responseHeadersSize }) => responseBodySize + responseHeadersSize),
        )
      })
      await page.goto(walk.app.url(name), { waitUntil: 'networkidle' })
      const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
      await context.close()

      expect(urls.every((url) => url.startsWith(walk.app.origin))).toBe(true)
      expect(urls.length).toBeGreaterThanOrEqual(3)
      expect(urls.length).toBeLessThanOrEqual(4)
      expect(bytes).toBeLessThanOrEqual(16 * 1024)
    },
  )

  it('loads every page without a complaint of its own policy', async () => {
    const complaints: string[] = []
    const page = await walk.browser.newPage()
    page.on('console', (message) => complaints.push(`${page.url()}: ${message.text()}`))
    page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
    for (const name of names) await walk.visit(page, name)
    await page.close()
    expect(complaints).toEqual([])
  })
})

describe.skipIf(!browserIsThere)('the keyboard', () => {
  it.each([
    [
      'identifier',
      [
        'Email address or username',
        'Continue',
        'Cancel, back to Acme Quests',
        'Continue as Ada',
        'Continue as Grace',
        'Continue as Admin',
      ],
    ],
    [
      'password',
      [
        'Signing in as',
        'Password',
        'Show',
        'Sign in',
        'Email me a link',
        'Email me a code',
        'Not you?',
        'Cancel, back to Acme Quests',
      ],
    ],
    [
      'sign-in, every way',
      [
        'Email address or username',
        'Password',
        'Show',
        'Sign in',
        'Email me a link',
        'Email me a code',
        'Cancel, back to Acme Quests',
      ],
    ],
    ['consent', ['Allow', 'Deny', 'Not you?']],
    ['sign-out question', ['Sign out', 'Stay signed in']],
  ])('walks %s in reading order and always shows where it is', async (name, order) => {
    expect(await walk.opened(name, {}, tabOrder)).toEqual([...order, 'Language', 'Change'])
  })

  it('starts in the field that is asked for', async () => {
    const focused = (page: Page) => page.evaluate(() => document.activeElement?.id)
    expect(await walk.opened('identifier', {}, focused)).toBe('email')
    expect(await walk.opened('password', {}, focused)).toBe('password')
    expect(
      await walk.opened('password', { javaScriptEnabled: false }, (page) =>
        page.locator(':focus').getAttribute('id'),
      ),
    ).toBe('password')
  })

  it('starts at the summary of errors, script or no script, and the summary leads to the field', async () => {
    for (const javaScriptEnabled of [true, false]) {
      await walk.opened('sign-in, error', { javaScriptEnabled }, async (page) => {
        expect(await page.locator(':focus').getAttribute('role')).toBe('alert')
        await page.keyboard.press('Tab')
        await page.keyboard.press('Enter')
        expect(await page.locator(':focus').getAttribute('id')).toBe('password')
      })
    }
  })
})

describe.skipIf(!browserIsThere)('sign-in forms', () => {
  it.each([true, false])('are sent by the first submit button, with script %s', async (javaScriptEnabled) => {
    await walk.opened('sign-in, every way', { javaScriptEnabled }, async (page) => {
      await page.fill('[name=email]', 'ada@example.test')
      await page.fill('[name=password]', 'correct horse')
      await page.locator('[type=submit], button:not([type])').first().click()
      await page.waitForURL(`${walk.app.origin}/interaction/sample`)
    })
    expect(walk.app.posted.at(-1)).toBe('email=ada%40example.test&password=correct+horse')
  })

  it('post what a password manager put into the hidden field of the first page', async () => {
    await walk.opened('identifier', { javaScriptEnabled: false }, async (page) => {
      await page.fill('[name=email]', 'ada@example.test')
      await page.fill('form:first-of-type [name=password]', 'filled')
      await page.keyboard.press('Enter')
      await page.waitForURL(`${walk.app.origin}/interaction/sample`)
    })
    expect(walk.app.posted.at(-1)).toBe('email=ada%40example.test&password=filled')
  })

  it('keep the hidden field from the accessibility tree', async () => {
    const tree = await walk.opened('identifier', {}, (page) => page.locator('main').ariaSnapshot())
    expect(tree.match(/- textbox/g)).toHaveLength(1)
  })

  it('sign a demo person in with one press', async () => {
    await walk.opened('sign-in', { javaScriptEnabled: false }, async (page) => {
      await page.getByRole('button', { name: 'Continue as Ada' }).click()
      await page.waitForURL(`${walk.app.origin}/interaction/sample`)
    })
    expect(walk.app.posted.at(-1)).toBe('email=ada%40example.test&password=analytical-engine-1843')
  })

  it('show a password on request, say so, and hide it again before it is sent', async () => {
    await walk.opened('password', {}, async (page) => {
      const field = page.getByLabel('Password', { exact: true })
      await field.fill('correct horse')
      await page.getByRole('button', { name: 'Show' }).click()
      expect(await field.getAttribute('type')).toBe('text')
      expect(await page.getByRole('status').textContent()).toBe('Your password is shown')

      await page.evaluate(() =>
        document.forms[0]?.addEventListener('submit', (event) => event.preventDefault()),
      )
      await page.getByRole('button', { name: 'Sign in' }).click()
      expect(await field.getAttribute('type')).toBe('password')
    })
  })

  it('are sent once when pressed twice, and again after Back', async () => {
    const before = walk.app.posted.length
    await walk.opened('password', {}, async (page) => {
      await page.evaluate(() => {
        const form = document.forms[0]
        form?.requestSubmit()
        form?.requestSubmit()
      })
      await page.waitForURL(`${walk.app.origin}/interaction/sample`)
      await page.goBack()
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.waitForURL(`${walk.app.origin}/interaction/sample`)
    })
    expect(walk.app.posted.length - before).toBe(2)
  })

  it('say in local time when the next try is accepted', async () => {
    const says = (options: BrowserContextOptions) =>
      walk.opened('password, too many tries', options, (page) => page.getByRole('alert').textContent())

    expect(await says({ javaScriptEnabled: false })).toContain(
      'You can try again at 14:32 UTC, in about 4 minutes.',
    )
    expect(await says({ timezoneId: 'Asia/Tokyo' })).toContain('You can try again at 11:32 PM')
  })

  it('link every error to its field', async () => {
    for (const name of signInPages.filter((page) => page.includes('error'))) {
      const wired = await walk.opened(name, {}, (page) =>
        page.evaluate(() =>
          [...document.querySelectorAll('[aria-invalid=true]')].map((field) =>
            (field.getAttribute('aria-describedby') ?? '')
              .split(' ')
              .every((id) => document.getElementById(id)?.textContent),
          ),
        ),
      )
      expect(wired, name).toEqual([true])
    }
  })
})
