// Nobody has more than fifty sessions (ASVS 7.1.2): with one more the oldest ends, browsers and apps counted together.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { limits } from '../../src/config/limits.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { createDoor } from '../support/door.ts'
import { createRp } from '../support/rp.ts'

let app: TestApp
let door: ReturnType<typeof createDoor>
beforeAll(async () => {
  app = await startApp()
  door = createDoor(app.issuer)
})
afterAll(() => app.close())

const most = limits.sessionsPerAccount
let count = 0
async function member() {
  count += 1
  const who = { email: `signs-in-often-${count}@example.test`, password: 'a-password-of-their-own' }
  const { id } = await app.services.accounts.create({ kind: 'operator' }, { ...who, emailVerified: true })
  return { id, who }
}
const sessionsOf = (id: string) => app.services.db.prisma.session.count({ where: { accountId: id } })

describe('fifty-one sign-ins', () => {
  it('leave fifty sessions: the first is over with its tokens, and the others are not', async () => {
    const { id, who } = await member()
    const pairs = []
    for (let turn = 0; turn < most; turn += 1) pairs.push(await door.signIn(who))
    const [first, second] = pairs
    expect((await door.me(first?.access_token ?? '')).status).toBe(200)

    const last = await door.signIn(who)
    expect(await sessionsOf(id)).toBe(most)
    expect((await door.me(first?.access_token ?? '')).status).toBe(401)
    expect((await door.refresh(first?.refresh_token ?? '')).status).toBe(401)
    for (const pair of [second, last]) expect((await door.me(pair?.access_token ?? '')).status).toBe(200)
    const { body } = await door.ask('GET', '/auth/sessions', { as: last.access_token })
    expect(body.data).toHaveLength(most)

    // In a browser as well, in the statement that the sign-in commits anyway
    const { person, callback } = await createRp(app.issuer).signIn({ who })
    expect(callback.searchParams.get('code')).toBeTruthy()
    expect(await sessionsOf(id)).toBe(most)
    expect((await door.me(second?.access_token ?? '')).status).toBe(401)
    const again = await person.go(createRp(app.issuer).authorizeUrl({ prompt: 'none' }).url)
    expect('left' in again && again.left.searchParams.get('code')).toBeTruthy()
  })

  it('of somebody else end nobody’s', async () => {
    const [one, other] = [await member(), await member()]
    const pair = await door.signIn(one.who)
    for (let turn = 0; turn <= most; turn += 1) await door.signIn(other.who)
    expect((await door.me(pair.access_token)).status).toBe(200)
    expect(await sessionsOf(other.id)).toBe(most)
  })

  it('at the same moment all succeed, and the next one leaves fifty', async () => {
    const { id, who } = await member()
    for (let turn = 0; turn < most; turn += 1) await door.signIn(who)
    const answers = await Promise.all(Array.from({ length: 10 }, () => door.login(who)))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200))
    await door.signIn(who)
    expect(await sessionsOf(id)).toBe(most)
  })
})
