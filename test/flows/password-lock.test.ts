// A password that is off after too many failures in a row: shown to who manages the account, and turned on again.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { limits } from '../../src/config/limits.ts'
import { days } from '../../src/kernel/time.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { createDoor } from '../support/door.ts'
import { createManagement } from '../support/management.ts'
import { ada } from '../support/rp.ts'

let app: TestApp
let api: ReturnType<typeof createManagement>
let machine: string
beforeAll(async () => {
  app = await startApp()
  api = createManagement(app.issuer)
  machine = await api.machineToken('users:read users:write')
})
afterAll(() => app.close())

const ask = (method: string, path: string, as = machine) => api.ask(method, path, { as })

/** As so many guesses leave it, without the hours that they would take. */
async function failed(id: string, failures: number): Promise<void> {
  const now = app.services.clock.now()
  await app.services.db.query({
    text: `INSERT INTO rate_limits (key, tat, failures, expires_at) VALUES ($1, $2, $3, $4)
      ON CONFLICT (key) DO UPDATE SET tat = excluded.tat, failures = excluded.failures`,
    values: [`login.account:${id}`, now, failures, new Date(now.getTime() + days(1))],
  })
}

it('a password that strangers had turned off is shown so, and counts again once it is unlocked', async () => {
  const who = { email: 'guessed-at@example.test', password: 'a-password-of-their-own' }
  const { id } = await app.services.accounts.create({ kind: 'operator' }, { ...who, emailVerified: true })
  const door = createDoor(app.issuer)
  const signIn = async () => (await door.post('/auth/login', who)).status
  const isLocked = async () => (await ask('GET', `/users/${id}`)).body.password_locked

  await failed(id, limits.passwordFailuresInARow - 1)
  expect(await isLocked()).toBe(false)
  await failed(id, limits.passwordFailuresInARow)
  expect([await signIn(), await isLocked()]).toEqual([429, true])

  const unlocked = await ask('POST', `/users/${id}/unlock`)
  expect([unlocked.status, unlocked.body.id]).toEqual([200, id])
  expect([await isLocked(), await signIn()]).toEqual([false, 200])
  await ask('POST', `/users/${id}/unlock`)
  expect((await app.auditTypes()).filter((type) => type === 'account.unlocked')).toHaveLength(1)
})

it('nobody unlocks themselves, nor somebody who never was', async () => {
  const token = await api.personToken(ada)
  const { id = '' } = (await app.services.accounts.findByIdentifier(ada.email)) ?? {}
  expect((await ask('POST', `/users/${id}/unlock`, token)).status).toBe(403)
  expect((await ask('POST', '/users/nobody/unlock')).body.code).toBe('account_not_found')
})
