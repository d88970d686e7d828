// Roles of one's own making: who makes them, who gets them, and what apps are told of them within a second.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/kernel/events.ts'
import { newId } from '../../src/kernel/secrets.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { createRp, type Who } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp()
  const quests = { name: 'Quests', scopes: ['quests:read'], openToAll: true, wantsPermissions: true }
  await app.services.clients.saveApi({ identifier: 'urn:test:quests', ...quests })
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
const password = 'a-password-of-their-own'

type Somebody = Who & { id: string; actor: Actor }
let count = 0
async function somebody(...roles: string[]): Promise<Somebody> {
  const email = `holder-${++count}@example.test`
  const account = { email, password, emailVerified: true, roles }
  const { id } = await app.services.accounts.create(operator, account)
  return { id, email, password, actor: { kind: 'account', id } }
}
async function joined(role: string, ...roles: string[]): Promise<Somebody> {
  const person = await somebody(...roles)
  await app.services.members.add(operator, { teamId, accountId: person.id, role })
  return person
}
const ownRole = async (...permissions: string[]) => {
  const name = `role-${++count}`
  await app.services.roles.create(operator, { name, permissions })
  return name
}
const rolesOf = async (id: string) => (await app.services.accounts.get(id)).roles

let teamId: string
beforeEach(async () => {
  teamId = (await app.services.teams.create(operator, { slug: `roles-${++count}`, name: 'Team' })).id
})

describe('an own role', () => {
  it('is a set of permissions under a name, listed after the built-in ones', async () => {
    const name = await ownRole('quests:verify', 'desk.open', 'desk.open')
    const { roles } = app.services
    expect((await roles.list(operator)).find((role) => role.name === name)).toEqual({
      name,
      description: null,
      permissions: ['desk.open', 'quests:verify'],
      builtIn: false,
      updatedAt: expect.any(Date),
    })
    expect((await roles.list(operator)).slice(0, 3).map((role) => role.name)).toEqual([
      'admin',
      'organizer',
      'user',
    ])
    expect(await roles.listPermissions(operator)).toEqual(
      expect.arrayContaining(['team.view', 'quests:verify']),
    )
    const changed = await roles.change(operator, {
      name,
      permissions: ['desk.open'],
      description: 'At the desk',
    })
    const updatedAt = expect.any(Date)
    expect(changed).toEqual({ name, permissions: ['desk.open'], description: 'At the desk', updatedAt })
    expect(await app.auditTypes()).toContain('role.defined')
  })

  it('has one name in the installation, and one in each team', async () => {
    const name = await ownRole()
    const { roles } = app.services
    await expect(roles.create(operator, { name })).rejects.toThrow('role_name_taken')
    await roles.create(operator, { teamId, name })
    await expect(roles.create(operator, { teamId, name })).rejects.toThrow('role_name_taken')
  })

  it.each([
    [{ name: 'admin' }, '/name'],
    [{ name: 'user' }, '/name'],
    [{ name: 'Two Words' }, '/name'],
    [{ name: '__proto__' }, '/name'],
    [{ name: 'x', permissions: ['With Space'] }, '/permissions'],
    [{ name: 'x', permissions: ['a@b'] }, '/permissions'],
    [{ name: 'x', permissions: Array.from({ length: 51 }, (_, each) => `p${each}`) }, '/permissions'],
    [{ name: 'x', description: 'turned \u202e around' }, '/description'],
  ])('is not %j', async (input, pointer) => {
    await expect(app.services.roles.create(operator, input)).rejects.toMatchObject({
      kind: 'invalid',
      details: { errors: [{ pointer }] },
    })
  })

  it('is made and changed only by who holds all that it holds', async () => {
    const definer = await somebody(await ownRole('roles.define', 'roles.remove', 'roles.list', 'desk.open'))
    const { roles } = app.services
    const desk = `desk-${count}`
    await roles.create(definer.actor, { name: desk, permissions: ['desk.open'] })
    const till = await ownRole('till.open')
    const refused = [
      () => roles.create(definer.actor, { name: 'till', permissions: ['till.open'] }),
      () => roles.change(definer.actor, { name: desk, permissions: ['desk.open', 'till.open'] }),
      () => roles.change(definer.actor, { name: till, permissions: [] }),
      () => roles.remove(definer.actor, { name: till }),
    ]
    for (const attempt of refused) await expect(attempt()).rejects.toMatchObject({ kind: 'forbidden' })
    await roles.remove(definer.actor, { name: desk })
    const nobody = await somebody()
    for (const attempt of [
      () => roles.list(nobody.actor),
      () => roles.listPermissions(nobody.actor),
      () => roles.create(nobody.actor, { name: 'mine' }),
      () => roles.change({ kind: 'client', id: 'x', scopes: ['roles:read'] }, { name: till }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ kind: 'forbidden' })
    }
  })

  it('is removed when nobody holds it any more', async () => {
    const name = await ownRole('desk.open')
    const { id: accountId } = await somebody()
    const { assignments, roles } = app.services
    await assignments.assign(operator, { accountId, role: name })
    await expect(roles.remove(operator, { name })).rejects.toMatchObject({
      kind: 'conflict',
      code: 'role_in_use',
    })
    await assignments.unassign(operator, { accountId, role: name })
    await roles.remove(operator, { name })
    await expect(roles.change(operator, { name })).rejects.toThrow('role_not_found')
  })
})

describe('a role of the installation', () => {
  it('is given and taken by who holds it, never above their own rank', async () => {
    const desk = await ownRole('desk.open')
    const till = await ownRole('till.open')
    const helper = await somebody(await ownRole('roles.assign', 'desk.open'))
    const { id: accountId } = await somebody()
    const administrator = await somebody('admin')
    const { assignments } = app.services
    expect(await assignments.assign(helper.actor, { accountId, role: desk })).toEqual([desk])
    expect(await assignments.assign(helper.actor, { accountId, role: desk })).toEqual([desk])
    for (const attempt of [
      () => assignments.assign(helper.actor, { accountId, role: till }),
      () => assignments.assign(helper.actor, { accountId, role: 'admin' }),
      () => assignments.assign(helper.actor, { accountId: helper.id, role: 'admin' }),
      () => assignments.assign(helper.actor, { accountId, role: 'organizer' }),
      () => assignments.assign(helper.actor, { accountId: administrator.id, role: desk }),
      () => assignments.unassign(helper.actor, { accountId: administrator.id, role: 'admin' }),
      () => assignments.assertMayAssign(helper.actor, [desk, 'admin']),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ kind: 'forbidden' })
    }
    await assignments.assertMayAssign(helper.actor, [desk])
    expect(await assignments.unassign(helper.actor, { accountId, role: desk })).toEqual([])
    expect(await rolesOf(administrator.id)).toEqual(['admin'])
  })

  it('is one that there is, of an account that there is', async () => {
    const { id: accountId } = await somebody()
    const { assignments } = app.services
    await expect(assignments.assign(operator, { accountId, role: 'nowhere' })).rejects.toMatchObject({
      details: { errors: [{ pointer: '/role' }] },
    })
    await expect(assignments.unassign(operator, { accountId, role: 'organizer' })).rejects.toThrow(
      'role_not_found',
    )
    for (const id of [newId(app.services.clock.now()), 'x', '%']) {
      await expect(assignments.assign(operator, { accountId: id, role: 'user' })).rejects.toThrow(
        'account_not_found',
      )
    }
  })

  it('leaves an administrator: the last one stays, also when two take it off each other', async () => {
    const { assignments, accounts } = app.services
    const { data } = await accounts.list({ limit: 100 })
    const others = data.filter(({ roles }) => roles.includes('admin'))
    const [one, two] = [await somebody('admin'), await somebody('admin')]
    for (const { id } of others) await assignments.unassign(operator, { accountId: id, role: 'admin' })
    const outcomes = await Promise.allSettled([
      assignments.unassign(one.actor, { accountId: two.id, role: 'admin' }),
      assignments.unassign(two.actor, { accountId: one.id, role: 'admin' }),
    ])
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const left = (await rolesOf(one.id)).includes('admin') ? one : two
    await expect(assignments.unassign(operator, { accountId: left.id, role: 'admin' })).rejects.toThrow(
      'last_administrator',
    )
  })
})

describe('a team’s own role', () => {
  it('is made by its owner of what the owner holds, and given by who holds it', async () => {
    const owner = await joined('owner')
    const admin = await joined('admin')
    const member = await joined('member')
    const { roles, members } = app.services
    const name = 'greeter'
    const greeter = { teamId, name, permissions: ['team.view', 'members.list', 'invitations.create'] }
    await expect(roles.create(admin.actor, greeter)).rejects.toMatchObject({ kind: 'forbidden' })
    await expect(
      roles.create(owner.actor, { teamId, name, permissions: ['teams.list'] }),
    ).rejects.toMatchObject({ kind: 'forbidden' })
    await roles.create(owner.actor, greeter)
    await members.changeRole(admin.actor, { teamId, accountId: member.id, role: name })
    expect((await roles.list(member.actor, { teamId }).catch(() => [])).length).toBe(0)
    const about = { teamId, email: `greeted-${++count}@example.test` }
    await app.services.invitations.create(member.actor, { ...about, role: name })
    await expect(
      app.services.invitations.create(member.actor, { ...about, role: 'admin' }),
    ).rejects.toMatchObject({
      kind: 'forbidden',
    })
    await expect(roles.remove(owner.actor, { teamId, name })).rejects.toThrow('role_in_use')
  })

  it('is unknown in every other team', async () => {
    await app.services.roles.create(operator, { teamId, name: 'greeter', permissions: ['team.view'] })
    const other = await app.services.teams.create(operator, { slug: `other-${++count}`, name: 'Other' })
    const { id: accountId } = await somebody()
    const about = { teamId: other.id, accountId, role: 'greeter' }
    await expect(app.services.members.add(operator, about)).rejects.toMatchObject({
      details: { errors: [{ pointer: '/role' }] },
    })
    const stranger = await joined('owner')
    await expect(app.services.roles.list(stranger.actor, { teamId: other.id })).rejects.toThrow(
      'team_not_found',
    )
  })

  it('goes with its team', async () => {
    await app.services.roles.create(operator, { teamId, name: 'greeter' })
    await app.services.teams.remove(operator, { teamId })
    expect(await app.services.db.prisma.role.count({ where: { teamId } })).toBe(0)
  })
})

describe('apps', () => {
  const scope = 'openid roles teams quests:read'
  const ofQuests = { scope, resource: 'urn:test:quests' }
  const claimsIn = (token: string) =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))

  it('are told the permissions in tokens of an API that asks for them, and in no other', async () => {
    const who = await joined('member', await ownRole('quests:verify'))
    await app.services.roles.create(operator, { teamId, name: 'treasurer', permissions: ['treasury.open'] })
    await app.services.members.changeRole(operator, { teamId, accountId: who.id, role: 'treasurer' })
    const rp = createRp(app.issuer)
    const asked = await rp.tokens({ who, params: ofQuests })
    expect(claimsIn(asked.access_token)).toMatchObject({
      permissions: ['quests:verify', `treasury.open@${teamId}`],
      teams: [{ id: teamId, role: 'treasurer' }],
    })
    expect(claimsIn(asked.access_token).teams[0]).not.toHaveProperty('permissions')
    const other = await rp.tokens({ who, params: { scope, resource: 'urn:demo:quests' } })
    expect(claimsIn(other.access_token)).not.toHaveProperty('permissions')
    const nobody = await rp.tokens({
      who: await somebody(),
      params: { ...ofQuests, scope: 'openid quests:read' },
    })
    expect(claimsIn(nobody.access_token)).toMatchObject({ permissions: [] })
    expect(claimsIn(nobody.access_token)).not.toHaveProperty('roles')
  })

  it('are told of a change within a second, at introspection and userinfo', async () => {
    const who = await joined('member')
    const desk = await ownRole('desk.open')
    const rp = createRp(app.issuer)
    const { access_token: jwt } = await rp.tokens({ who, params: ofQuests })
    const { access_token: opaque } = await rp.tokens({ who, params: { scope: 'openid roles teams' } })
    async function told(expected: { roles: string[]; permissions: string[]; teams: object[] }) {
      const started = performance.now()
      expect((await rp.introspect(jwt)).body).toMatchObject(expected)
      const { permissions: _, ...claims } = expected
      expect(await (await rp.userinfo(opaque)).json()).toMatchObject(claims)
      return performance.now() - started
    }
    const { assignments, members, roles } = app.services
    const member = [{ id: teamId, role: 'member' }]
    await told({ roles: [], permissions: [], teams: member })
    await assignments.assign(operator, { accountId: who.id, role: desk })
    expect(await told({ roles: [desk], permissions: ['desk.open'], teams: member })).toBeLessThan(1000)
    await roles.change(operator, { name: desk, permissions: ['desk.open', 'till.open'] })
    await told({ roles: [desk], permissions: ['desk.open', 'till.open'], teams: member })
    await assignments.unassign(operator, { accountId: who.id, role: desk })
    await members.changeRole(operator, { teamId, accountId: who.id, role: 'admin' })
    expect(await told({ roles: [], permissions: [], teams: [{ id: teamId, role: 'admin' }] })).toBeLessThan(
      1000,
    )
    await members.remove(operator, { teamId, accountId: who.id })
    await told({ roles: [], permissions: [], teams: [] })
  })
})
