// A crowd of strangers that guesses the password of one person, who goes on signing in (security.md §4f).
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createDoor } from '../support/door.ts'
import { ada } from '../support/rp.ts'

let app: TestApp
let door: ReturnType<typeof createDoor>
beforeAll(async () => {
  app = await startApp({ env: { FOYER_TRUSTED_PROXY_HOPS: '1' } })
  door = createDoor(app.issuer)
})
afterAll(() => app.close())

const addresses = 1_000
const guessesOfEach = 10
const crowd = 16
const signIns = 100

const signIn = (password: string, headers: Record<string, string>) =>
  door.post('/auth/login', { email: ada.email, password }, { headers })

it('10,000 wrong passwords from 1,000 addresses keep nobody out of a device of their own', async () => {
  const first = await signIn(ada.password, { 'x-forwarded-for': '198.51.100.1' })
  const cookie = first.headers.getSetCookie().join('; ')
  const atHome = { 'x-forwarded-for': '198.51.100.1', cookie: cookie.split(';', 1)[0] ?? '' }
  const turns = Array.from({ length: addresses * guessesOfEach }, (_, turn) => turn)
  const statuses = new Map<number, number>()
  let signedIn = 0

  async function guess(): Promise<void> {
    for (let turn = turns.pop(); turn !== undefined; turn = turns.pop()) {
      const from = `10.${turn % 10}.${Math.floor(turn / 10) % 100}.1`
      const { status } = await signIn(`guess number ${turn}`, { 'x-forwarded-for': from })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  async function comeHome(): Promise<void> {
    for (let turn = 0; turn < signIns; turn += 1) {
      if ((await signIn(ada.password, atHome)).status === 200) signedIn += 1
    }
  }
  await Promise.all([comeHome(), ...Array.from({ length: crowd }, guess)])

  expect(signedIn).toBe(signIns)
  expect([...statuses.keys()].sort()).toEqual([401, 429])
  expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBe(addresses * guessesOfEach)
  const compared = (await app.auditTypes()).filter((type) => type === 'authn.failed').length
  expect(compared).toBe(statuses.get(401))
  expect(compared).toBeLessThanOrEqual(100)
}, 180_000)
