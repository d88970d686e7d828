// Three hundred texts that are no plain address, at every door of the JSON API that takes one: 400, no mail, no row.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { from } from '../support/challenges.ts'
import { createDoor } from '../support/door.ts'

const bases = ['ada', 'ada.lovelace', 'ada+news', 'ADA', '1', "o'brien", 'a_b', 'a-b', 'x', 'grace.hopper']
const host = 'example.test'
const long = (letters: number) => 'a'.repeat(letters)

/** Each turns the local part of a plain address into something that is none. */
const spoilt: ((local: string) => string)[] = [
  (local) => local,
  (local) => `${local}@`,
  (local) => `@${local}.test`,
  (local) => `${local}@localhost`,
  (local) => `${local}@127.0.0.1`,
  (local) => `${local}@[127.0.0.1]`,
  (local) => `${local}@[IPv6:::1]`,
  (local) => `${local}@${host}@${host}`,
  (local) => `${local}＠${host}＠evil.test`,
  (local) => `${local}@${host},eve@evil.test`,
  (local) => `${local}@${host};eve@evil.test`,
  (local) => `${local}@${host} eve@evil.test`,
  (local) => `${local}@${host}\r\nBcc: eve@evil.test`,
  (local) => `${local}@${host}\u0000`,
  (local) => `${local}\u0000@${host}`,
  (local) => `${local}\u200b@${host}`,
  (local) => `${local}@exam\u202eple.test`,
  (local) => `"${local}"@${host}`,
  (local) => `"${local}@evil.test"@${host}`,
  (local) => `<${local}@${host}>`,
  (local) => `Ada <${local}@${host}>`,
  (local) => `mailto:${local}@${host}`,
  (local) => `${local}(comment)@${host}`,
  (local) => `.${local}@${host}`,
  (local) => `${local}.@${host}`,
  (local) => `${local}..b@${host}`,
  (local) => `${local}@-${host}`,
  (local) => `${local}@example-.test`,
  (local) => `${local}@.${host}`,
  (local) => `${local}@example..test`,
  (local) => `${local}@exam_ple.test`,
  (local) => `${local}@exam%70le.test`,
  (local) => `${local}@xn--zzzzzz.test`,
  (local) => `${local}@${long(64)}.test`,
  (local) => `${local}${long(64)}@${host}`,
  (local) => `${local}@${`${long(60)}.`.repeat(5)}test`,
  (local) => `${local}ä@${host}`,
  (local) => `${local}😀@${host}`,
  (local) => `${local}@${host}/path`,
  (local) => `${local}@${host}:25`,
  (local) => `${local}!relay@evil.test!x@${host}`,
  (local) => `${local}\\@evil.test@${host}`,
]
const texts = [...new Set(bases.flatMap((local) => spoilt.map((spoil) => spoil(local))))]
const strange: unknown[] = [
  '',
  ' ',
  '@',
  null,
  7,
  true,
  [],
  ['ada@example.test'],
  {},
  { not: '' },
  long(100_000),
]

let app: TestApp
beforeAll(async () => {
  app = await startApp({
    env: { ...testHooks, FOYER_REGISTRATION: 'verified', FOYER_TRUSTED_PROXY_HOPS: '1' },
  })
})
afterAll(() => app.close())

it.each([
  ['/auth/register', { password: 'a-long-enough-password-1' }],
  ['/auth/passwordless/start', { method: 'code' }],
  ['/auth/password/forgot', {}],
])('%s answers 400 to each, and keeps nothing', async (path, body) => {
  expect(texts.length).toBeGreaterThanOrEqual(300)
  const door = createDoor(app.issuer)
  for (const email of [...texts, ...strange]) {
    const { status } = await door.post(path, { ...body, email }, from())
    expect([email, status]).toEqual([email, email === strange.at(-1) ? 413 : 400])
  }
  expect(await app.services.db.prisma.emailChallenge.count()).toBe(0)
})
