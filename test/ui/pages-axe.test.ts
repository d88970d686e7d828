// Every sample page under axe: in the light, in the dark, and from right to left.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { axeViolations } from '../support/axe.ts'
import { browserIsThere } from '../support/browser.ts'
import { samples } from '../support/page-samples.ts'
import { openPageWalk, type PageWalk, scrollsSideways } from '../support/page-walk.ts'

const names = Object.keys(samples)

let walk: PageWalk
beforeAll(async () => {
  if (browserIsThere) walk = await openPageWalk()
})
afterAll(() => walk?.close())

describe.skipIf(!browserIsThere)('hosted pages', () => {
  it.each(names)('%s: has no axe violation in the light and in the dark', async (name) => {
    const page = await walk.page()
    await walk.visit(page, name)
    expect(await axeViolations(page), 'light').toEqual([])
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await axeViolations(page), 'dark').toEqual([])
    await page.emulateMedia({ colorScheme: 'light' })
  })

  it.each(names)('%s: has no axe violation from right to left, and fits 320 px', async (name) => {
    const page = await walk.page()
    await page.setViewportSize({ width: 320, height: 560 })
    await walk.visit(page, name, 'ar')
    expect(await axeViolations(page)).toEqual([])
    expect(await scrollsSideways(page)).toBe(false)
  })
})
