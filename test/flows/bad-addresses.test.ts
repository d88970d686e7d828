// Three hundred texts that are no plain address, at every door of the JSON API and every page that takes one: refused,
// no mail, no row.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { badAddresses } from '../support/bad-addresses.ts'
import { createPerson } from '../support/browser-less.ts'
import { from } from '../support/challenges.ts'
import { createDoor } from '../support/door.ts'
import { createRp } from '../support/rp.ts'

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
  'a'.repeat(100_000),
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
  expect(badAddresses.length).toBeGreaterThanOrEqual(300)
  const door = createDoor(app.issuer)
  for (const email of [...badAddresses, ...strange]) {
    const { status } = await door.post(path, { ...body, email }, from())
    expect([email, status]).toEqual([email, email === strange.at(-1) ? 413 : 400])
  }
  expect(await app.services.db.prisma.emailChallenge.count()).toBe(0)
})

it.each([
  ['that signs up', 'sign-up', {}],
  ['of forgotten passwords', 'recover', {}],
  ['that mails a code', 'identifier', { method: 'code' }],
  ['that mails a link', 'identifier', { method: 'link' }],
])('the page %s refuses each, and says what to do', async (_, page, fields) => {
  const person = createPerson()
  const first = await person.open(createRp(app.issuer).authorizeUrl().url)
  // They share the parser and the handler: one page takes all, the others a quarter
  const shown = page === 'sign-up' ? badAddresses : badAddresses.filter((__, at) => at % 4 === 1)
  for (const email of shown) {
    const answer = await person.request(`${first.url}/${page}`, {
      method: 'POST',
      body: new URLSearchParams({ ...fields, email }),
      headers: { origin: app.issuer, ...from().headers },
    })
    expect([email, answer.status]).toEqual([email, email.includes('\0') ? 400 : 422])
    expect(await answer.text()).toMatch(/<h1>/)
  }
  expect(await app.services.db.prisma.emailChallenge.count()).toBe(0)
})
