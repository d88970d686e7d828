// Teams and who belongs to them, through the services that the doors use, on a real database.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/kernel/events.ts'
import { newId } from '../../src/kernel/secrets.ts'
import { createRegistry, operator, type Registry } from '../support/registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await createRegistry({ poolSize: 10 })
})
afterAll(() => registry.drop())

let count = 0
const person = async (input: object = {}): Promise<{ id: string; actor: Actor }> => {
  const { id } = await registry.accounts.create(operator, {
    email: `member-${++count}@example.test`,
    ...input,
  })
  return { id, actor: { kind: 'account', id } }
}
const machine = (...scopes: string[]): Actor => ({ kind: 'client', id: 'machine', scopes })
const emptyTeam = () => registry.teams.create(operator, { slug: `team-${++count}`, name: 'Team' })

async function inTeam(teamId: string, role: string, input: object = {}) {
  const somebody = await person(input)
  await registry.members.add(operator, { teamId, accountId: somebody.id, role })
  return somebody
}

/** A team with one of each. */
async function staffed() {
  const { id: teamId } = await emptyTeam()
  const owner = await inTeam(teamId, 'owner')
  const admin = await inTeam(teamId, 'admin')
  const member = await inTeam(teamId, 'member')
  return { teamId, owner, admin, member }
}

async function rolesIn(teamId: string): Promise<Record<string, string>> {
  const { data } = await registry.members.list(operator, { teamId, limit: 100 })
  return Object.fromEntries(data.map(({ accountId, role }) => [accountId, role]))
}

const factsOf = async (teamId: string) => {
  const rows = await registry.db.prisma.auditEvent.findMany({ orderBy: { id: 'asc' } })
  return rows.filter(({ details }) => (details as { team?: string }).team === teamId)
}
const typesOf = async (teamId: string) => (await factsOf(teamId)).map(({ type }) => type)

const strangerIds = [
  '',
  'acme',
  '%',
  "' OR 1=1",
  '00000000-0000-0000-0000-00000000000G',
  `${'0'.repeat(400)}`,
]

describe('a team', () => {
  it('that a person makes is theirs; one of the operator or of a program is empty', async () => {
    const { id, actor } = await person({ roles: ['organizer'] })
    const own = await registry.teams.create(actor, { slug: `own-${count}`, name: 'Own' })
    expect(await rolesIn(own.id)).toEqual({ [id]: 'owner' })
    const made = await registry.teams.create(machine('teams:write'), { slug: `made-${count}`, name: 'Made' })
    expect(await rolesIn(made.id)).toEqual({})
  })

  it.each<[string, () => Promise<Actor>]>([
    ['a person without the right role', async () => (await person()).actor],
    [
      'somebody disabled',
      async () => {
        const { id, actor } = await person({ roles: ['organizer'] })
        await registry.accounts.disable(operator, id)
        return actor
      },
    ],
    ['a client with another scope', async () => machine('teams:read', 'users:write')],
    ['a stranger', async () => ({ kind: 'stranger' })],
  ])('is not made by %s', async (_, who) => {
    const actor = await who()
    const slug = `refused-${++count}`
    await expect(registry.teams.create(actor, { slug, name: 'Team' })).rejects.toMatchObject({
      kind: 'forbidden',
    })
    expect(await registry.teams.findBySlug(slug)).toBeNull()
  })

  it('is renamed, described and moved by its admins, with a fact of what changed', async () => {
    const { teamId, admin } = await staffed()
    const changed = { name: ' New name ', slug: `moved-${++count}`, description: ' Two\nlines ' }
    expect(await registry.teams.update(admin.actor, { teamId, ...changed })).toMatchObject({
      name: 'New name',
      slug: changed.slug,
      description: 'Two\nlines',
    })
    expect((await registry.teams.update(admin.actor, { teamId, description: null })).description).toBeNull()
    expect(await registry.teams.update(admin.actor, { teamId, description: '' })).toMatchObject({
      name: 'New name',
      description: null,
    })
    expect((await factsOf(teamId)).at(-2)).toMatchObject({
      type: 'team.updated',
      actor: admin.actor,
      details: { fields: ['description'] },
    })
  })

  it.each([
    [{ slug: 'Not A Slug' }, '/slug'],
    [{ name: '' }, '/name'],
    [{ name: 'two\nlines' }, '/name'],
    [{ name: 'a'.repeat(201) }, '/name'],
    [{ name: 'turned \u202e around' }, '/name'],
    [{ description: 'a'.repeat(2001) }, '/description'],
    [{ description: 'a \u0000 in it' }, '/description'],
  ])('does not take %j', async (input, pointer) => {
    const { teamId, owner } = await staffed()
    await expect(registry.teams.update(owner.actor, { teamId, ...input })).rejects.toMatchObject({
      kind: 'invalid',
      details: { errors: [{ pointer }] },
    })
  })

  it('keeps its short name from others', async () => {
    const { teamId, owner } = await staffed()
    const { slug } = await emptyTeam()
    await expect(registry.teams.update(owner.actor, { teamId, slug })).rejects.toThrow('team_slug_taken')
  })

  it('is deleted by its owner, with all that belongs to it', async () => {
    const { teamId, owner, admin, member } = await staffed()
    await expect(registry.teams.remove(admin.actor, { teamId })).rejects.toMatchObject({ kind: 'forbidden' })
    await registry.teams.remove(owner.actor, { teamId })
    await expect(registry.teams.get(operator, { teamId })).rejects.toThrow('team_not_found')
    expect(await registry.teams.membershipsOf(member.id)).toEqual([])
    expect((await typesOf(teamId)).at(-1)).toBe('team.deleted')
  })

  it('is answered to strangers, members of other teams among them, like one that is not there', async () => {
    const { teamId } = await staffed()
    const { owner: stranger } = await staffed()
    const { actor, id: accountId } = stranger
    const { teams, members } = registry
    for (const id of [teamId, newId(registry.clock.now()), ...strangerIds]) {
      const about = { teamId: id, accountId, role: 'owner' }
      for (const attempt of [
        () => teams.get(actor, about),
        () => teams.update(actor, { teamId: id, name: 'Mine' }),
        () => teams.remove(actor, about),
        () => members.list(actor, about),
        () => members.add(actor, about),
        () => members.remove(actor, about),
        () => members.leave(actor, about),
        () => members.changeRole(actor, about),
        () => members.transfer(actor, about),
      ]) {
        await expect(attempt()).rejects.toMatchObject({ kind: 'not_found', code: 'team_not_found' })
      }
    }
  })
})

describe('the list of teams', () => {
  it('shows administrators and programs all, and others their own', async () => {
    const { teamId, member } = await staffed()
    const other = await emptyTeam()
    expect((await registry.teams.list(member.actor)).data.map(({ id }) => id)).toEqual([teamId])
    const { actor: administrator } = await person({ roles: ['admin'] })
    for (const actor of [administrator, operator, machine('teams:read')]) {
      const search = other.slug.slice(0, -1)
      expect((await registry.teams.list(actor, { search, limit: 100 })).data.map(({ id }) => id)).toContain(
        other.id,
      )
    }
    for (const actor of [machine('users:read'), { kind: 'stranger' } as const]) {
      await expect(registry.teams.list(actor)).rejects.toMatchObject({ kind: 'forbidden' })
    }
  })

  it('comes in pages, each team once, and finds by short name and name', async () => {
    const name = `Needle 100% ${++count}`
    const made = await Promise.all(
      [1, 2, 3].map((each) => registry.teams.create(operator, { slug: `needle-${count}-${each}`, name })),
    )
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await registry.teams.list(operator, {
        search: '100%',
        limit: 2,
        ...(cursor && { cursor }),
      })
      seen.push(...page.data.map(({ id }) => id))
      cursor = page.nextCursor ?? undefined
    } while (cursor)
    expect(seen).toEqual(made.map(({ id }) => id).sort())
    for (const wrong of ['next', '%', '00000000-0000-0000-0000-00000000000G']) {
      await expect(registry.teams.list(operator, { cursor: wrong })).rejects.toMatchObject({
        details: { errors: [{ pointer: '/cursor' }] },
      })
    }
  })
})

describe('members', () => {
  it('are listed in pages to members, in two statements', async () => {
    const { teamId, member } = await staffed()
    for (let more = 0; more < 4; more += 1) await inTeam(teamId, 'member', { name: `Member ${more}` })
    const seen: string[] = []
    let cursor: string | undefined
    do {
      registry.statements.length = 0
      const page = await registry.members.list(member.actor, { teamId, limit: 3, ...(cursor && { cursor }) })
      expect(registry.statements.length).toBeLessThanOrEqual(3)
      seen.push(...page.data.map(({ accountId }) => accountId))
      cursor = page.nextCursor ?? undefined
    } while (cursor)
    expect(seen).toHaveLength(7)
    expect(new Set(seen).size).toBe(7)
    await expect(registry.members.list(member.actor, { teamId, cursor: 'x' })).rejects.toMatchObject({
      kind: 'invalid',
    })
  })

  it('are found page by page in the index, however many there are', async () => {
    const { teamId } = await staffed()
    await registry.db.query({
      text: `INSERT INTO accounts (id, email, email_canonical, created_at, updated_at)
        SELECT gen_random_uuid(), 'many-' || n || '@example.test', 'many-' || n || '@example.test', now(), now()
        FROM generate_series(1, 3000) n`,
      values: [],
    })
    await registry.db.query({
      text: `INSERT INTO team_members (team_id, account_id, role, joined_at)
        SELECT $1::uuid, id, 'member', now() FROM accounts WHERE email LIKE 'many-%'`,
      values: [teamId],
    })
    await registry.db.query({ text: 'ANALYZE team_members', values: [] })
    const plan = await registry.db.query({
      text: `EXPLAIN SELECT m.account_id FROM team_members m JOIN accounts a ON a.id = m.account_id
        WHERE m.team_id = $1::uuid AND m.account_id > $2::uuid ORDER BY m.account_id LIMIT 51`,
      values: [teamId, '80000000-0000-0000-0000-000000000000'],
    })
    const text = JSON.stringify(plan)
    expect(text).toMatch(/Index (Only )?Scan using team_members_pkey/)
    expect(text).toMatch(/Index Cond: .*account_id >/)
    expect((await registry.members.list(operator, { teamId, limit: 100 })).data).toHaveLength(100)
  })

  it('are added, get another role and are taken off, each with a fact', async () => {
    const { teamId, admin } = await staffed()
    const { id: accountId } = await person()
    const { members } = registry
    await members.add(admin.actor, { teamId, accountId, role: 'member' })
    await members.changeRole(admin.actor, { teamId, accountId, role: 'admin' })
    await members.changeRole(admin.actor, { teamId, accountId, role: 'admin' })
    await members.remove(admin.actor, { teamId, accountId })
    expect(Object.keys(await rolesIn(teamId))).not.toContain(accountId)
    const facts = (await factsOf(teamId)).filter((fact) => fact.accountId === accountId)
    expect(facts.map(({ type, details }) => [type, details])).toEqual([
      ['team.member_added', { team: teamId, role: 'member' }],
      ['team.member_role_changed', { team: teamId, from: 'member', role: 'admin' }],
      ['team.member_removed', { team: teamId, role: 'admin' }],
    ])
    expect(facts.every(({ actor }) => (actor as { id?: string }).id === admin.id)).toBe(true)
  })

  it('give nobody more than they hold, themselves included', async () => {
    const { teamId, owner, admin, member } = await staffed()
    const { id: accountId } = await person()
    const { members } = registry
    const refused: (() => Promise<void>)[] = [
      () => members.add(admin.actor, { teamId, accountId, role: 'owner' }),
      () => members.changeRole(admin.actor, { teamId, accountId: admin.id, role: 'owner' }),
      () => members.changeRole(admin.actor, { teamId, accountId: owner.id, role: 'member' }),
      () => members.remove(admin.actor, { teamId, accountId: owner.id }),
      () => members.transfer(admin.actor, { teamId, accountId: admin.id }),
      () => members.add(member.actor, { teamId, accountId, role: 'member' }),
      () => members.changeRole(member.actor, { teamId, accountId: member.id, role: 'admin' }),
      () => members.remove(member.actor, { teamId, accountId: admin.id }),
      () => members.remove(machine('teams:read'), { teamId, accountId: member.id }),
    ]
    const before = await rolesIn(teamId)
    for (const attempt of refused) await expect(attempt()).rejects.toMatchObject({ kind: 'forbidden' })
    expect(await rolesIn(teamId)).toEqual(before)
  })

  it('are those of this team, whatever the id', async () => {
    const { teamId, owner } = await staffed()
    const { member: foreign } = await staffed()
    const { members } = registry
    for (const accountId of [foreign.id, newId(registry.clock.now()), ...strangerIds]) {
      const about = { teamId, accountId, role: 'member' }
      for (const attempt of [members.remove, members.changeRole, members.transfer]) {
        await expect(attempt(owner.actor, about)).rejects.toThrow('member_not_found')
      }
    }
    for (const accountId of strangerIds) {
      await expect(members.add(owner.actor, { teamId, accountId, role: 'member' })).rejects.toThrow(
        'account_not_found',
      )
    }
  })

  it.each(['', 'Owner', 'god', 'constructor', '__proto__'])('have no role called %j', async (role) => {
    const { teamId, owner, member } = await staffed()
    for (const attempt of [registry.members.add, registry.members.changeRole]) {
      await expect(attempt(owner.actor, { teamId, accountId: member.id, role })).rejects.toMatchObject({
        details: { errors: [{ pointer: '/role' }] },
      })
    }
  })

  it('leave whenever they like, and only themselves', async () => {
    const { teamId, member } = await staffed()
    await registry.members.leave(member.actor, { teamId })
    expect(Object.keys(await rolesIn(teamId))).not.toContain(member.id)
    expect((await typesOf(teamId)).at(-1)).toBe('team.member_left')
    await expect(registry.members.leave(member.actor, { teamId })).rejects.toThrow('team_not_found')
    await expect(registry.members.leave(machine('teams:write'), { teamId })).rejects.toMatchObject({
      kind: 'forbidden',
    })
  })
})

describe('the last owner', () => {
  it('stays: neither they nor anybody above them can take them off or down', async () => {
    const { teamId, owner } = await staffed()
    const about = { teamId, accountId: owner.id }
    const { members } = registry
    const { actor: administrator } = await person({ roles: ['admin'] })
    const before = await rolesIn(teamId)
    const facts = (await typesOf(teamId)).length
    for (const actor of [owner.actor, administrator, operator, machine('teams:write')]) {
      await expect(members.remove(actor, about)).rejects.toMatchObject({
        kind: 'conflict',
        code: 'last_owner',
      })
      await expect(members.changeRole(actor, { ...about, role: 'admin' })).rejects.toThrow('last_owner')
    }
    await expect(members.leave(owner.actor, { teamId })).rejects.toThrow('last_owner')
    expect(await rolesIn(teamId)).toEqual(before)
    expect(await typesOf(teamId)).toHaveLength(facts)
  })

  it('is one who can sign in: a disabled owner does not count', async () => {
    const { teamId, owner } = await staffed()
    const second = await inTeam(teamId, 'owner')
    await registry.accounts.disable(operator, second.id)
    await expect(registry.members.leave(owner.actor, { teamId })).rejects.toThrow('last_owner')
    await registry.members.remove(operator, { teamId, accountId: second.id })
    expect(await rolesIn(teamId)).toMatchObject({ [owner.id]: 'owner' })
  })

  it('is asked for from the first owner on', async () => {
    const { id: teamId } = await emptyTeam()
    const { id: accountId } = await inTeam(teamId, 'member')
    await registry.members.remove(operator, { teamId, accountId })
    const first = await inTeam(teamId, 'owner')
    await expect(registry.members.remove(operator, { teamId, accountId: first.id })).rejects.toThrow(
      'last_owner',
    )
  })

  it('can go once there is another', async () => {
    const { teamId, owner, admin } = await staffed()
    await registry.members.changeRole(owner.actor, { teamId, accountId: admin.id, role: 'owner' })
    await registry.members.leave(owner.actor, { teamId })
    expect(await rolesIn(teamId)).toMatchObject({ [admin.id]: 'owner' })
  })
})

describe('handing a team over', () => {
  it('makes the other the owner, and whoever owned it an admin', async () => {
    const { teamId, owner, member } = await staffed()
    const second = await inTeam(teamId, 'owner')
    await registry.members.transfer(owner.actor, { teamId, accountId: member.id })
    expect(await rolesIn(teamId)).toMatchObject({
      [owner.id]: 'admin',
      [second.id]: 'owner',
      [member.id]: 'owner',
    })
    expect((await factsOf(teamId)).at(-1)).toMatchObject({
      type: 'team.ownership_transferred',
      accountId: member.id,
      details: { from: [owner.id] },
    })
  })

  it('from above leaves it in one hand', async () => {
    const { teamId, owner, member } = await staffed()
    const second = await inTeam(teamId, 'owner')
    await registry.members.transfer(machine('teams:write'), { teamId, accountId: member.id })
    const roles = await rolesIn(teamId)
    expect([owner.id, second.id, member.id].map((id) => roles[id])).toEqual(['admin', 'admin', 'owner'])
  })

  it('to oneself changes nothing, and to somebody disabled is refused', async () => {
    const { teamId, owner, member } = await staffed()
    await registry.members.transfer(owner.actor, { teamId, accountId: owner.id })
    await registry.accounts.disable(operator, member.id)
    await expect(registry.members.transfer(owner.actor, { teamId, accountId: member.id })).rejects.toThrow(
      'account_not_found',
    )
    expect(await rolesIn(teamId)).toMatchObject({ [owner.id]: 'owner', [member.id]: 'member' })
  })
})
