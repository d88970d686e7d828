import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { claimsOf } from '../../src/features/accounts/claims.ts'
import { newId } from '../../src/kernel/secrets.ts'
import { days, hours } from '../../src/kernel/time.ts'
import { createRegistry, operator, type Registry } from '../support/registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await createRegistry({ poolSize: 10 })
})
afterAll(() => registry.drop())

const password = 'analytical-engine-1843'
let count = 0
const freshEmail = () => `person-${++count}@example.test`
const person = (input: object = {}) =>
  registry.accounts.create(operator, { email: freshEmail(), password, ...input })
const passwordHashOf = async (id: string) =>
  (await registry.db.prisma.account.findUnique({ where: { id } }))?.passwordHash

/** A session and a grant, as a sign-in leaves them. */
async function signIn(accountId: string) {
  const now = registry.clock.now()
  const expiresAt = new Date(now.getTime() + days(1))
  const uid = newId(now)
  await registry.db.prisma.session.create({
    data: {
      uid,
      idHash: Buffer.from(uid),
      accountId,
      payload: {},
      createdAt: now,
      lastSeenAt: now,
      expiresAt,
    },
  })
  await registry.db.prisma.grant.create({
    data: { id: uid, accountId, clientId: 'demo-web', payload: {}, createdAt: now, expiresAt },
  })
}
const signedIn = async (accountId: string) =>
  (await registry.db.prisma.session.count({ where: { accountId } })) +
  (await registry.db.prisma.grant.count({ where: { accountId } }))

/** With which codes; a machine that is busy elsewhere may add that the database took too long. */
function refusalsIn(outcomes: PromiseSettledResult<unknown>[]): string[] {
  const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : undefined))
  return [...new Set(codes)].filter((code) => code !== undefined && code !== 'database_unavailable')
}

describe('accounts', () => {
  it('are made with what was given and found by id, address in any case, and user name', async () => {
    const email = `Ada.${freshEmail()}`
    const username = `Ada-${count}`
    const made = await person({
      email,
      username,
      name: 'Ada Lovelace',
      roles: ['admin'],
      emailVerified: true,
    })
    expect(made).toMatchObject({
      email,
      emailCanonical: email.toLowerCase(),
      username: username.toLowerCase(),
      hasPassword: true,
      profile: { name: 'Ada Lovelace' },
      roles: ['admin'],
      status: 'active',
      securityEpoch: 0,
    })
    expect(made.emailVerifiedAt).toBeInstanceOf(Date)
    for (const identifier of [email, email.toUpperCase(), username.toUpperCase()]) {
      expect((await registry.accounts.findByIdentifier(identifier))?.id).toBe(made.id)
    }
    expect(await registry.accounts.getActive(made.id)).toEqual(made)
    expect(JSON.stringify(made)).not.toContain('hash of')
  })

  it('leave a fact behind when they are made', async () => {
    const { id } = await person()
    const [row] = await registry.db.prisma.auditEvent.findMany({ where: { accountId: id } })
    expect(row).toMatchObject({
      type: 'account.created',
      actor: { kind: 'operator' },
      details: { roles: [] },
    })
  })

  it('have one address each, whatever its case', async () => {
    const { email } = await person()
    await expect(person({ email: email.toUpperCase() })).rejects.toMatchObject({
      kind: 'conflict',
      code: 'email_taken',
    })
  })

  it('have one user name each', async () => {
    const { username } = await person({ username: `grace${++count}` })
    await expect(person({ username })).rejects.toMatchObject({ kind: 'conflict', code: 'username_taken' })
  })

  it('come into being once when the same address is taken by fifty at once', async () => {
    const email = freshEmail()
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => person({ email })))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(refusalsIn(outcomes)).toEqual(['email_taken'])
  })

  it.each([
    ['an address that is none', { email: 'ada@@example.test' }, '/email'],
    ['a short password', { password: 'short' }, '/password'],
    ['a user name with a space', { username: 'ada lovelace' }, '/username'],
    ['a role that is no name', { roles: ['Admin!'] }, '/roles'],
  ])('are refused %s', async (_, input, pointer) => {
    await expect(person(input)).rejects.toMatchObject({
      kind: 'invalid',
      details: { errors: [{ pointer }] },
    })
  })

  it.each(['', 'nobody', '0199d0a0-0000-7000-8000-000000000001', "' OR 1=1 --", '\0', 'a'.repeat(10_000)])(
    'are not found by %j',
    async (text) => {
      expect(await registry.accounts.findByIdentifier(text)).toBeNull()
      expect(await registry.accounts.findById(text)).toBeNull()
      await expect(registry.accounts.getActive(text)).rejects.toMatchObject({ kind: 'not_found' })
    },
  )

  it('are listed page by page, each once', async () => {
    for (let index = 0; index < 5; index += 1) await person()
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await registry.accounts.list({ cursor, limit: 3 })
      expect(page.data.length).toBeLessThanOrEqual(3)
      seen.push(...page.data.map(({ id }) => id))
      cursor = page.nextCursor ?? undefined
    } while (cursor)
    expect(seen).toHaveLength(await registry.db.prisma.account.count())
    expect(new Set(seen).size).toBe(seen.length)
    await expect(registry.accounts.list({ cursor: 'next' })).rejects.toMatchObject({ kind: 'invalid' })
  })

  it('show their claims, teams included, through the view that requests read', async () => {
    const { id, email } = await person({ profile: { name: 'Ada', locale: 'en-GB' }, emailVerified: true })
    const team = await registry.teams.create(operator, { slug: `team-${count}`, name: 'Team' })
    await registry.members.add(operator, { teamId: team.id, accountId: id, role: 'owner' })
    const [row] = await registry.db
      .query<Parameters<typeof claimsOf>[0]>({
        text: 'SELECT to_jsonb(a) AS row FROM account_snapshot a WHERE id = $1::uuid',
        values: [id],
      })
      .then((rows) => rows.map((each) => Reflect.get(each, 'row')))
    expect(row && claimsOf(row)).toMatchObject({
      sub: id,
      email,
      email_verified: true,
      name: 'Ada',
      locale: 'en-GB',
      updated_at: expect.any(Number),
      teams: [{ id: team.id, slug: team.slug, name: 'Team', role: 'owner' }],
    })
  })
})

describe('a new password', () => {
  it('ends every session and grant of the account, and of nobody else', async () => {
    const [one, other] = [await person(), await person()]
    await signIn(one.id)
    await signIn(other.id)
    const before = await passwordHashOf(one.id)
    const changed = await registry.accounts.setPassword(operator, one.id, 'difference-engine-1822')
    expect(changed.securityEpoch).toBe(one.securityEpoch + 1)
    expect(await passwordHashOf(one.id)).not.toBe(before)
    expect(await signedIn(one.id)).toBe(0)
    expect(await signedIn(other.id)).toBe(2)
    expect(await registry.auditTypes()).toContain('account.password_set')
  })

  it('is refused by the policy without any change', async () => {
    const { id, email } = await person()
    await signIn(id)
    await expect(registry.accounts.setPassword(operator, id, email)).rejects.toMatchObject({
      details: { errors: [{ code: 'password_contains_name' }] },
    })
    expect(await signedIn(id)).toBe(2)
  })

  it('is not set when the sessions cannot be ended', async () => {
    const { id } = await person()
    const before = await passwordHashOf(id)
    await registry.db.prisma.$executeRaw`ALTER TABLE sessions RENAME TO sessions_away`
    await expect(registry.accounts.setPassword(operator, id, 'difference-engine-1822')).rejects.toThrow()
    await registry.db.prisma.$executeRaw`ALTER TABLE sessions_away RENAME TO sessions`
    expect(await passwordHashOf(id)).toBe(before)
  })

  it('is not overwritten by a late upgrade of the old one', async () => {
    const { id } = await person()
    const from = (await passwordHashOf(id)) ?? ''
    await registry.accounts.setPassword(operator, id, 'difference-engine-1822')
    const now = await passwordHashOf(id)
    await registry.accounts.upgradeHash(id, { password, from })
    expect(await passwordHashOf(id)).toBe(now)
  })
})

describe('a disabled account', () => {
  it('is signed out everywhere, unknown to getActive, and can be enabled again', async () => {
    const { id } = await person()
    await signIn(id)
    expect(await registry.accounts.disable(operator, id)).toMatchObject({
      status: 'disabled',
      securityEpoch: 1,
    })
    expect(await signedIn(id)).toBe(0)
    await expect(registry.accounts.getActive(id)).rejects.toMatchObject({ code: 'account_not_found' })
    expect(await registry.accounts.enable(operator, id)).toMatchObject({ status: 'active' })
    const facts = await registry.db.prisma.auditEvent.findMany({
      where: { accountId: id },
      orderBy: { id: 'asc' },
    })
    expect(facts.map(({ type }) => type)).toEqual(['account.created', 'account.disabled', 'account.enabled'])
  })

  it('stays as it is when it is disabled twice', async () => {
    const { id } = await person()
    await registry.accounts.disable(operator, id)
    await registry.accounts.disable(operator, id)
    expect(
      await registry.db.prisma.auditEvent.count({ where: { accountId: id, type: 'account.disabled' } }),
    ).toBe(1)
  })
})

describe('a one-time link', () => {
  const link = (accountId: string, ttlMs?: number) =>
    registry.tickets.issueTicket({
      purpose: 'set_password',
      accountId,
      ...(ttlMs === undefined ? {} : { ttlMs }),
    })

  it('rests as a hash and sets a password once', async () => {
    const { id } = await person({ password: undefined })
    const { token } = await link(id)
    expect(JSON.stringify(await registry.db.prisma.accountTicket.findMany())).not.toContain(token)
    const account = await registry.tickets.setPasswordByTicket(token, password)
    expect(account).toMatchObject({ id, hasPassword: true })
    await expect(registry.tickets.setPasswordByTicket(token, password)).rejects.toMatchObject({
      kind: 'gone',
      code: 'link_spent',
    })
  })

  it('is redeemed by exactly one of fifty at once', async () => {
    const { id } = await person()
    const { token } = await link(id)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) =>
        registry.tickets.setPasswordByTicket(token, `${password}-${index}`),
      ),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await registry.accounts.get(id)).toMatchObject({ securityEpoch: 1 })
    expect(refusalsIn(outcomes)).toEqual(['link_spent'])
  })

  it('is left alone by being looked at and by a password that is refused', async () => {
    const { id, email } = await person()
    const { token } = await link(id)
    for (let time = 0; time < 5; time += 1) {
      const read = await registry.tickets.readTicket(token)
      expect(read).toEqual({ purpose: 'set_password', accountId: id, email })
    }
    await expect(registry.tickets.setPasswordByTicket(token, 'short')).rejects.toMatchObject({
      kind: 'invalid',
    })
    await registry.tickets.setPasswordByTicket(token, password)
  })

  it('dies with the making of a newer one, and with a password set otherwise', async () => {
    const { id } = await person()
    const [old, newer] = [await link(id), await link(id)]
    await expect(registry.tickets.readTicket(old.token)).rejects.toMatchObject({ code: 'link_spent' })
    await registry.accounts.setPassword(operator, id, password)
    await expect(registry.tickets.readTicket(newer.token)).rejects.toMatchObject({ code: 'link_spent' })
  })

  it('works until its time and not at it', async () => {
    const { id } = await person()
    const { token } = await link(id, hours(1))
    registry.clock.setOffset(hours(1) - 5_000)
    await registry.tickets.readTicket(token)
    registry.clock.setOffset(hours(1))
    await expect(registry.tickets.readTicket(token)).rejects.toMatchObject({ code: 'link_spent' })
    await expect(registry.tickets.setPasswordByTicket(token, password)).rejects.toMatchObject({
      code: 'link_spent',
    })
    registry.clock.setOffset(0)
  })

  it.each(['', 'foyer_link_x', 'a'.repeat(10_000), '\0'])('is not %j', async (token) => {
    await expect(registry.tickets.setPasswordByTicket(token, password)).rejects.toMatchObject({
      code: 'link_spent',
    })
  })

  it('for a password does not claim the installation, and stays usable', async () => {
    const { id } = await person()
    const { token } = await link(id)
    const owner = { email: freshEmail(), password }
    await expect(registry.tickets.claimInstance(token, owner)).rejects.toMatchObject({ code: 'link_spent' })
    await registry.tickets.readTicket(token)
  })
})

describe('the claim of an installation', () => {
  it('makes one administrator out of fifty who hold the link at once', async () => {
    const fresh = await createRegistry({ poolSize: 10 })
    try {
      expect(await fresh.tickets.isUnclaimed()).toBe(true)
      const { token } = await fresh.tickets.issueTicket({ purpose: 'claim' })
      const claims = Array.from({ length: 50 }, (_, index) =>
        fresh.tickets.claimInstance(token, { email: `owner-${index}@example.test`, password }),
      )
      const outcomes = await Promise.allSettled(claims)
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(await fresh.db.prisma.account.findMany()).toMatchObject([{ roles: ['admin'] }])
      expect(await fresh.auditTypes()).toEqual(['account.created', 'instance.claimed'])
      expect(await fresh.tickets.isUnclaimed()).toBe(false)
    } finally {
      await fresh.drop()
    }
  })

  it('is refused when there is an administrator by then', async () => {
    const fresh = await createRegistry()
    try {
      const { token } = await fresh.tickets.issueTicket({ purpose: 'claim' })
      await fresh.accounts.create(operator, { email: 'admin@example.test', roles: ['admin'] })
      const owner = { email: 'owner@example.test', password }
      await expect(fresh.tickets.claimInstance(token, owner)).rejects.toMatchObject({ code: 'link_spent' })
      expect(await fresh.db.prisma.account.count()).toBe(1)
    } finally {
      await fresh.drop()
    }
  })
})

describe('teams', () => {
  it('have members with roles', async () => {
    const { id } = await person()
    const team = await registry.teams.create(operator, { slug: `acme-${count}`, name: ' Acme ' })
    await registry.members.add(operator, { teamId: team.id, accountId: id, role: 'member' })
    expect(await registry.teams.membershipsOf(id)).toEqual([
      { id: team.id, slug: team.slug, name: 'Acme', role: 'member' },
    ])
  })

  it('have one slug each and each member once', async () => {
    const { id } = await person()
    const team = await registry.teams.create(operator, { slug: `acme-${count}`, name: 'Acme' })
    await expect(registry.teams.create(operator, { slug: team.slug, name: 'Other' })).rejects.toMatchObject({
      code: 'team_slug_taken',
    })
    const member = { teamId: team.id, accountId: id, role: 'member' } as const
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => registry.members.add(operator, member)),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(refusalsIn(outcomes)).toEqual(['already_member'])
  })

  it('take in nobody who is disabled or unknown', async () => {
    const { id } = await person()
    await registry.accounts.disable(operator, id)
    const team = await registry.teams.create(operator, { slug: `acme-${count}`, name: 'Acme' })
    for (const accountId of [id, newId(registry.clock.now())]) {
      const member = { teamId: team.id, accountId, role: 'member' } as const
      await expect(registry.members.add(operator, member)).rejects.toMatchObject({ kind: 'not_found' })
    }
  })

  it.each(['', 'Acme', 'a b', '-a', 'a-', 'a'.repeat(64), 'ä', 'a/b'])('are not called %j', async (slug) => {
    await expect(registry.teams.create(operator, { slug, name: 'Team' })).rejects.toMatchObject({
      details: { errors: [{ pointer: '/slug' }] },
    })
  })
})
