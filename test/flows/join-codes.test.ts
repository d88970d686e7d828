// Codes by which anybody who is told one joins a team, as long and as often as it says.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/kernel/events.ts'
import { days, hours } from '../../src/kernel/time.ts'
import { startApp, type TestApp, testHooks } from '../support/app.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
const refused = { kind: 'gone', code: 'join_code_gone' }

type Somebody = { id: string; actor: Actor }
let count = 0
let teamId: string
let admin: Somebody
beforeEach(async () => {
  teamId = (await app.services.teams.create(operator, { slug: `joining-${++count}`, name: 'Class' })).id
  await joined('owner')
  admin = await joined('admin')
})

async function somebody(): Promise<Somebody> {
  const { id } = await app.services.accounts.create(operator, { email: `pupil-${++count}@example.test` })
  return { id, actor: { kind: 'account', id } }
}
async function joined(role: string): Promise<Somebody> {
  const person = await somebody()
  await app.services.members.add(operator, { teamId, accountId: person.id, role })
  return person
}
const inHours = (number: number) => new Date(app.services.clock.millis() + hours(number))
const make = (input: object = {}, by: Actor = admin.actor) =>
  app.services.joinCodes.create(by, { teamId, maxUses: 2, expiresAt: inHours(1), ...input })
const use = ({ actor }: { actor: Actor }, code: string) => app.services.joinCodes.use(actor, { code })
const roleOf = async ({ id }: Somebody) =>
  (await app.services.teams.membershipsOf(id)).find((team) => team.id === teamId)?.role
const stateOf = async (id: string) =>
  (await app.services.joinCodes.list(admin.actor, { teamId })).data.find((code) => code.id === id)?.state

describe('a join code', () => {
  it('lets in as many as it says, however they type it', async () => {
    const { id, code } = await make()
    expect(code).toMatch(/^([BCDFGHJKLMNPQRSTVWXZ]{4}-){2}[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
    const [first, second, third] = [await somebody(), await somebody(), await somebody()]
    expect((await use(first, code)).role).toBe('member')
    expect((await use(first, code)).role).toBe('member')
    expect((await use(second, ` ${code.toLowerCase().replaceAll('-', ' ')} `)).team.id).toBe(teamId)
    await expect(use(third, code)).rejects.toMatchObject(refused)
    expect([await roleOf(second), await roleOf(third), await stateOf(id)]).toEqual([
      'member',
      undefined,
      'used_up',
    ])
  })

  it('rests sealed, and is shown to those who hand it out', async () => {
    const { code } = await make()
    const rows = await app.services.db.query({ text: 'SELECT * FROM team_join_codes', values: [] })
    expect(JSON.stringify(rows)).not.toContain(code.replaceAll('-', ''))
    const { data } = await app.services.joinCodes.list(admin.actor, { teamId })
    expect(data).toMatchObject([{ code, uses: 0, maxUses: 2, state: 'open' }])
    const member = await joined('member')
    await expect(app.services.joinCodes.list(member.actor, { teamId })).rejects.toMatchObject({
      kind: 'forbidden',
    })
  })

  it('ends in time, when it is taken back, and with its team', async () => {
    const late = await make({ expiresAt: inHours(1) })
    const back = await make({ expiresAt: inHours(9) })
    const gone = await make({ expiresAt: inHours(9) })
    await app.advance(3600)
    await expect(use(await somebody(), late.code)).rejects.toMatchObject(refused)
    await app.services.joinCodes.revoke(admin.actor, { teamId, joinCodeId: back.id })
    await expect(use(await somebody(), back.code)).rejects.toMatchObject(refused)
    expect([await stateOf(late.id), await stateOf(back.id)]).toEqual(['expired', 'revoked'])
    await expect(app.services.joinCodes.revoke(admin.actor, { teamId, joinCodeId: back.id })).rejects.toThrow(
      'join_code_not_found',
    )
    await app.services.teams.remove(operator, { teamId })
    await expect(use(await somebody(), gone.code)).rejects.toMatchObject(refused)
  })

  it('is worth nothing once whoever made it may make none', async () => {
    const { id, code } = await make()
    await app.services.members.changeRole(operator, { teamId, accountId: admin.id, role: 'member' })
    const person = await somebody()
    await expect(use(person, code)).rejects.toMatchObject(refused)
    expect(await roleOf(person)).toBeUndefined()
    const { data } = await app.services.joinCodes.list(operator, { teamId })
    expect(data.find((each) => each.id === id)?.uses).toBe(0)
  })

  it.each([
    [{ role: 'owner' }, '/role'],
    [{ role: 'admin' }, '/role'],
    [{ role: 'nowhere' }, '/role'],
    [{ maxUses: 0 }, '/max_uses'],
    [{ maxUses: 1.5 }, '/max_uses'],
    [{ maxUses: 10_001 }, '/max_uses'],
    [{ expiresAt: new Date(0) }, '/expires_at'],
    [{ expiresAt: new Date(Number.NaN) }, '/expires_at'],
    [{ expiresAt: new Date('2999-01-01') }, '/expires_at'],
  ])('is not made with %j', async (input, pointer) => {
    await expect(make(input)).rejects.toMatchObject({ kind: 'invalid', details: { errors: [{ pointer }] } })
  })

  it('is made and taken back by admins of its own team only', async () => {
    const { id: joinCodeId } = await make()
    const member = await joined('member')
    const { joinCodes, members, teams } = app.services
    await expect(make({}, member.actor)).rejects.toMatchObject({ kind: 'forbidden' })
    await expect(joinCodes.revoke(member.actor, { teamId, joinCodeId })).rejects.toMatchObject({
      kind: 'forbidden',
    })
    const { id: otherTeam } = await teams.create(operator, { slug: `other-${++count}`, name: 'Other' })
    const boss = await somebody()
    await members.add(operator, { teamId: otherTeam, accountId: boss.id, role: 'owner' })
    await expect(joinCodes.revoke(boss.actor, { teamId, joinCodeId })).rejects.toThrow('team_not_found')
    for (const wrong of [joinCodeId, 'x']) {
      await expect(joinCodes.revoke(boss.actor, { teamId: otherTeam, joinCodeId: wrong })).rejects.toThrow(
        'join_code_not_found',
      )
    }
  })

  it('is not guessed: ten tries in a quarter of an hour, right ones among them', async () => {
    const { code } = await make()
    const person = await somebody()
    for (let tries = 0; tries < 10; tries += 1) {
      await expect(use(person, 'BBBB-BBBB-BBBB')).rejects.toMatchObject(refused)
    }
    await expect(use(person, code)).rejects.toMatchObject({ kind: 'rate_limited' })
    await expect(use({ actor: operator }, code)).rejects.toMatchObject({ kind: 'forbidden' })
  })

  it('is forgotten a month after its end', async () => {
    const { id } = await make()
    await app.services.joinCodes.sweep()
    expect(await stateOf(id)).toBe('open')
    await app.advance(days(31) / 1000)
    await app.services.joinCodes.sweep()
    expect(await stateOf(id)).toBeUndefined()
  })
})
