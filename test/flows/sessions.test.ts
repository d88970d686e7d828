// Where somebody is signed in, as the service tells it: what ends with a session, and whose it has to be.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { createRp, demoThirdParty, type Who } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app.close())

let count = 0
async function newcomer(): Promise<Who & { id: string }> {
  count += 1
  const who = { email: `sessions-${count}@example.test`, password: 'a-password-of-their-own' }
  const { id } = await app.services.accounts.create({ kind: 'operator' }, who)
  return { ...who, id }
}

const uidsOf = async (accountId: string) =>
  (await app.services.sessions.listFor(accountId)).map(({ id }) => id)

describe('a session', () => {
  it('of another is as unknown as one that never was, and goes on', async () => {
    const { sessions } = app.services
    const [mine, theirs] = [await newcomer(), await newcomer()]
    const rp = createRp(app.issuer)
    await rp.tokens({ who: mine })
    const tokens = await rp.tokens({ who: theirs })
    const [uid = ''] = await uidsOf(theirs.id)
    for (const id of [uid, 'never-was', '', 'a\0b', "' OR '1'='1", 'x'.repeat(5000)]) {
      await expect(sessions.end(mine.id, id)).rejects.toThrow('session_not_found')
    }
    expect((await rp.userinfo(tokens.access_token)).status).toBe(200)
    expect(await uidsOf(theirs.id)).toEqual([uid])
  })

  it('ends with the tokens of every app that was signed in to from it, and with no others', async () => {
    const { sessions } = app.services
    const who = await newcomer()
    const first = createRp(app.issuer)
    const third = createRp(app.issuer, demoThirdParty)
    const person = createPerson()
    const here = await first.tokens({ who, person })
    const thirdHere = await third.tokens({
      who,
      person,
      params: { scope: 'openid offline_access', prompt: 'consent' },
    })
    const [uid = ''] = await uidsOf(who.id)
    const elsewhere = await first.tokens({ who })
    expect(await uidsOf(who.id)).toHaveLength(2)

    await sessions.end(who.id, uid)
    for (const [rp, tokens] of [
      [first, here],
      [third, thirdHere],
    ] as const) {
      expect((await rp.userinfo(tokens.access_token)).status).toBe(401)
      expect((await rp.refresh(tokens.refresh_token ?? '')).status).toBe(400)
    }
    expect((await first.userinfo(elsewhere.access_token)).status).toBe(200)
    expect((await first.refresh(elsewhere.refresh_token ?? '')).status).toBe(200)
    await expect(sessions.end(who.id, uid)).rejects.toThrow('session_not_found')
    expect(await app.auditTypes()).toContain('session.ended')
  })

  it('that is kept keeps its tokens; the others lose theirs', async () => {
    const { sessions } = app.services
    const who = await newcomer()
    const rp = createRp(app.issuer)
    const kept = await rp.tokens({ who })
    const [keep = ''] = await uidsOf(who.id)
    const others = [await rp.tokens({ who }), await rp.tokens({ who })]
    expect(await sessions.endOthers(who.id, keep)).toBe(2)
    expect(await sessions.endOthers(who.id, keep)).toBe(0)
    expect((await rp.userinfo(kept.access_token)).status).toBe(200)
    for (const { access_token } of others) expect((await rp.userinfo(access_token)).status).toBe(401)
    expect(await uidsOf(who.id)).toEqual([keep])
  })

  it('is one of many that all end together, offline access too', async () => {
    const { sessions } = app.services
    const who = await newcomer()
    const rp = createRp(app.issuer, demoThirdParty)
    const tokens = await rp.tokens({ who, params: { scope: 'openid offline_access', prompt: 'consent' } })
    await sessions.endAll(who.id)
    expect(await uidsOf(who.id)).toEqual([])
    expect(await sessions.listApps(who.id)).toEqual([])
    expect((await rp.refresh(tokens.refresh_token ?? '')).status).toBe(400)
  })
})

describe('an app', () => {
  it('is listed once for all its grants, and loses them together', async () => {
    const { sessions } = app.services
    const who = await newcomer()
    const rp = createRp(app.issuer)
    const all = [
      await rp.tokens({ who, params: { scope: 'openid' } }),
      await rp.tokens({ who, params: { scope: 'openid email' } }),
    ]
    expect(await sessions.listApps(who.id)).toMatchObject([
      { client_id: 'demo-web', scopes: ['openid', 'email'] },
    ])
    const other = await newcomer()
    await expect(sessions.revokeApp(other.id, 'demo-web')).rejects.toThrow('grant_not_found')
    await sessions.revokeApp(who.id, 'demo-web')
    for (const { access_token } of all) expect((await rp.userinfo(access_token)).status).toBe(401)
    expect(await uidsOf(who.id)).toHaveLength(2)
  })
})

describe('accounts', () => {
  it('are found by the beginning of address or user name, and by part of a name', async () => {
    const { accounts } = app.services
    const actor = { kind: 'operator' } as const
    const found = async (search: string) => (await accounts.list({ search })).data.map(({ email }) => email)
    await accounts.create(actor, { email: 'needle@example.test', username: 'haystack', name: 'Zoë Quill' })
    expect(await found('NEEDLE@')).toEqual(['needle@example.test'])
    expect(await found('hayst')).toEqual(['needle@example.test'])
    expect(await found('quill')).toEqual(['needle@example.test'])
    expect(await found('eedle')).toEqual([])
    expect(await found('%')).toEqual([])
    expect(await found('_')).toEqual([])
  })

  it('are paged within a search, and told apart by status', async () => {
    const { accounts } = app.services
    const actor = { kind: 'operator' } as const
    for (const name of ['a', 'b', 'c']) await accounts.create(actor, { email: `page-${name}@example.test` })
    const first = await accounts.list({ search: 'page-', limit: 2 })
    expect(first.data.map(({ email }) => email)).toEqual(['page-a@example.test', 'page-b@example.test'])
    const second = await accounts.list({ search: 'page-', limit: 2, cursor: first.nextCursor ?? '' })
    expect(second.data.map(({ email }) => email)).toEqual(['page-c@example.test'])
    expect(second.nextCursor).toBeNull()
    await accounts.disable(actor, second.data[0]?.id ?? '')
    const disabled = await accounts.list({ search: 'page-', status: 'disabled' })
    expect(disabled.data.map(({ email }) => email)).toEqual(['page-c@example.test'])
  })

  it('of programs have no password', async () => {
    const { accounts } = app.services
    const actor = { kind: 'operator' } as const
    const robot = await accounts.create(actor, { email: 'robot@example.test', system: true, locale: 'pt-BR' })
    expect(robot).toMatchObject({ system: true, hasPassword: false, locale: 'pt-BR' })
    const input = { email: 'robot-2@example.test', system: true, password: 'a-password-of-its-own' }
    await expect(accounts.create(actor, input)).rejects.toThrow('invalid_input')
  })

  it('keep what a change does not name, and lose what it takes off', async () => {
    const { accounts } = app.services
    const actor = { kind: 'operator' } as const
    const profile = { phone_number: '+44 20 7946 0958', phone_number_verified: true, nickname: 'N' }
    const { id } = await accounts.create(actor, {
      email: 'change@example.test',
      username: 'changing',
      profile,
    })
    const kept = await accounts.update(actor, id, { profile: { nickname: null } })
    expect(kept.profile).toEqual({ phone_number: '+44 20 7946 0958', phone_number_verified: true })
    expect(kept.username).toBe('changing')
    const moved = await accounts.update(actor, id, { profile: { phone_number: '+44 20 0000 0000' } })
    expect(moved.profile).toEqual({ phone_number: '+44 20 0000 0000' })
    expect((await accounts.update(actor, id, { username: null })).username).toBeNull()
    await expect(accounts.update(actor, id, { username: 'not a name' })).rejects.toThrow('invalid_input')
  })
})
