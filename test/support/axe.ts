// Owns the accessibility verdict on a page that is open in a browser.
import axe from 'axe-core'
import type { Page } from 'playwright-core'

const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** Each violation as `rule: first element`, so that a failing test says what to mend. */
export async function axeViolations(page: Page): Promise<string[]> {
  // Evaluated through the debugger, which the page's own policy does not bind; once a document, since it is half a
  // megabyte.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source)
  const found = await page.evaluate(
    (values) => window.axe.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] }),
    tags,
  )
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
}

declare global {
  interface Window {
    axe: typeof axe
  }
}
