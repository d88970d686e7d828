// A sign-in whose password is changed while it is compared: it is not let in with the one before.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createDoor } from '../support/door.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app.close())

it('leaves no session of the old password behind', async () => {
  const door = createDoor(app.issuer)
  const operator = { kind: 'operator' } as const
  for (let round = 1; round <= 10; round += 1) {
    const who = { email: `overtaken-${round}@example.test`, password: 'known-to-somebody-else-too' }
    const { id } = await app.services.accounts.create(operator, who)
    const signIns = Array.from({ length: 8 }, () => door.login(who))
    await app.services.accounts.setPassword(operator, id, 'a-brand-new-password-41')
    for (const { status } of await Promise.all(signIns)) expect([200, 401, 409, 429, 503]).toContain(status)
    expect(await app.services.sessions.listFor(id)).toEqual([])
  }
})
