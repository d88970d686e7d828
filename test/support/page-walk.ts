// A browser that walks through the sample pages. A file that walks opens one before its tests and closes it after them.
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { launchBrowser } from './browser.ts'
import { startPageApp } from './page-app.ts'

export type PageWalk = Awaited<ReturnType<typeof openPageWalk>>

export async function openPageWalk() {
  const app = await startPageApp()
  const browser: Browser = await launchBrowser()
  let walking: Promise<Page> | undefined

  /** Not until loaded: one of the pages sends itself on before that, and is answered with nothing. */
  async function visit(page: Page, name: string, lang = 'en'): Promise<void> {
    await page.goto(`${app.url(name)}?lang=${lang}`, { waitUntil: 'commit' })
    await page.waitForFunction(() => document.readyState !== 'loading')
    await page.waitForTimeout(50)
  }

  /** One page that walks through all samples; without transitions, whose colours are on their way. */
  async function page(): Promise<Page> {
    walking ??= browser.newPage({ reducedMotion: 'reduce' })
    const one = await walking
    await one.setViewportSize({ width: 1280, height: 800 })
    return one
  }

  async function opened<Result>(
    name: string,
    options: BrowserContextOptions,
    look: (page: Page) => Promise<Result>,
  ): Promise<Result> {
    const context = await browser.newContext(options)
    try {
      const page = await context.newPage()
      await visit(page, name)
      return await look(page)
    } finally {
      await context.close()
    }
  }

  async function close(): Promise<void> {
    await browser.close()
    await app.close()
  }

  return { app, browser, visit, page, opened, close }
}

export const scrollsSideways = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
