// Owns what the tests of bad input share: values that no honest client sends, and what a refusal must look like.
import { expect } from 'vitest'
import type { TestApp } from './app.ts'
import type { RawAnswer, RawAsk } from './raw.ts'
import { tableCounts } from './tables.ts'

export const form = 'application/x-www-form-urlencoded'
export const post = (path: string, body: string | Buffer, headers: Record<string, string> = {}): RawAsk => ({
  method: 'POST',
  path,
  body,
  headers: { 'content-type': form, ...headers },
})

export const megabyte = 'x'.repeat(1024 * 1024)
/** Percent-encoded, as it is put into a query or a form. */
export const awkward: [string, string][] = [
  ['NUL', '%00'],
  ['half a surrogate pair', '%ED%A0%80'],
  ['bytes that are no UTF-8', '%FF%FE'],
  ['a broken percent sign', '%zz'],
  ['control characters', '%01%0d%0a%1b'],
  ['a very long text', 'y'.repeat(8000)],
  ['quotes and markup', `%27%22%3Cscript%3E--`],
  ['a prototype', '__proto__'],
]

// Words that only internals use: frames, modules, SQL, drivers.
export const internals =
  /\bat .+\.(?:ts|js|mjs):\d+|node_modules|node:internal|prisma|postgres|SQLSTATE|TypeError|undefined/i

export function expectRefusal(answer: RawAnswer, kind: 'oauth' | 'problem' | 'page'): void {
  expect(answer.status, answer.text).toBeGreaterThanOrEqual(400)
  expect(answer.status, answer.text).toBeLessThan(500)
  expect(answer.text).not.toMatch(internals)
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  if (kind === 'oauth') {
    expect(JSON.parse(answer.text)).toMatchObject({ error: expect.stringMatching(/^[a-z_]+$/) })
    expect(answer.headers['content-type']).toContain('application/json')
  } else if (kind === 'problem') {
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(JSON.parse(answer.text)).toMatchObject({
      type: expect.any(String),
      title: expect.any(String),
      status: answer.status,
      code: expect.any(String),
      instance: answer.headers['x-request-id'],
    })
  } else {
    expect(answer.headers['content-type']).toContain('text/html')
    expect(answer.text).toMatch(/<html lang="en" dir="ltr">/)
    // What expired is no mistake, so it has no reference
    if (answer.status !== 410) expect(answer.text).toContain(answer.headers['x-request-id'])
  }
}

/** Asks, and holds the tables before against the tables after. Only what counts tries may have counted. */
export async function unchanged(app: TestApp, work: () => Promise<void>): Promise<void> {
  const counts = async () => ({ ...(await tableCounts(app.services.db)), 'public.rate_limits': 0 })
  const before = await counts()
  await work()
  expect(await counts()).toEqual(before)
}
