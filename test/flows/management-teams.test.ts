// Teams through the management API: made, changed, their members, owners and invitations. Who may do what is held case
// by case in test/fast/team-policy.test.ts; here it is asked through the front door.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApp, testHooks } from '../support/app.ts'
import { createDoor } from '../support/door.ts'
import { linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createManagement } from '../support/management.ts'
import { ada, grace } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
let api: ReturnType<typeof createManagement>
let machine = ''
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
  api = createManagement(app.issuer)
  machine = await api.machineToken('teams:read teams:write')
})
afterAll(() => app.close())

let count = 0
const slug = () => `team-${++count}`
const ask = (method: string, path: string, json?: object, as = machine) => api.ask(method, path, { as, json })
const idOf = (token: string) => decodeJwt(token).sub ?? ''
async function registered() {
  const person = { email: `member-${++count}@people.example`, password: 'a-rather-long-password' }
  const { body } = await createDoor(app.issuer).post('/auth/register', person)
  return { email: person.email, token: body.access_token, id: idOf(body.access_token) }
}
async function createTeam(as = machine): Promise<string> {
  return (await ask('POST', '/teams', { slug: slug(), name: 'Board' }, as)).body.id
}

describe('a team', () => {
  it('that a program makes starts empty, is found, changed and deleted', async () => {
    const name = slug()
    const made = await ask('POST', '/teams', { slug: name, name: 'Chess club', description: 'On Tuesdays' })
    expect(made.status).toBe(201)
    expect(made.headers.get('location')).toBe(`/api/v1/teams/${made.body.id}`)
    expect(made.body).toMatchObject({ slug: name, name: 'Chess club', description: 'On Tuesdays' })
    const path = `/teams/${made.body.id}`
    expect((await ask('GET', `${path}/members`)).body).toEqual({ data: [], next_cursor: null })
    expect((await ask('GET', `/teams?search=${name}`)).body.data.map(({ id }) => id)).toEqual([made.body.id])

    const changed = await ask('PATCH', path, { name: 'Go club', description: null })
    expect([changed.status, changed.body]).toMatchObject([
      200,
      { slug: name, name: 'Go club', description: null },
    ])
    expect((await ask('GET', path)).body).toEqual(changed.body)
    const taken = await ask('POST', '/teams', { slug: name, name: 'Another' })
    expect([taken.status, taken.body.code]).toEqual([409, 'team_slug_taken'])
    expect((await ask('DELETE', path)).status).toBe(204)
    expect([(await ask('GET', path)).status, (await ask('DELETE', path)).status]).toEqual([404, 404])
  })

  it('is owned by the organizer who makes it, and unknown to strangers', async () => {
    const [owner, stranger] = [await registered(), await registered()]
    const asStranger = await ask('POST', '/teams', { slug: slug(), name: 'Board' }, stranger.token)
    expect(asStranger.status).toBe(403)
    const operator = await api.machineToken('roles:write')
    await ask('POST', `/users/${owner.id}/roles`, { role: 'organizer' }, operator)
    const id = await createTeam(owner.token)
    const { body } = await ask('GET', `/teams/${id}/members`, undefined, owner.token)
    expect(body.data).toMatchObject([{ user_id: owner.id, role: 'owner' }])
    for (const [method, path, json] of [
      ['GET', `/teams/${id}`],
      ['PATCH', `/teams/${id}`, { name: 'Taken over' }],
      ['DELETE', `/teams/${id}`],
      ['GET', `/teams/${id}/members`],
      ['POST', `/teams/${id}/members`, { user_id: stranger.id, role: 'owner' }],
      ['PATCH', `/teams/${id}/members/${owner.id}`, { role: 'member' }],
      ['DELETE', `/teams/${id}/members/${owner.id}`],
      ['POST', `/teams/${id}/transfer`, { user_id: stranger.id }],
      ['GET', `/teams/${id}/invitations`],
      ['POST', `/teams/${id}/invitations`, { email: 'x@people.example' }],
    ] as const) {
      const refused = await ask(method, path, json, stranger.token)
      expect([path, refused.status, refused.body.code]).toEqual([path, 404, 'team_not_found'])
    }
    const mine = (await ask('GET', '/teams', undefined, stranger.token)).body.data
    expect(mine).toEqual([])
  })
})

describe('members', () => {
  it('are added, change roles and go; the last owner stays', async () => {
    const id = await createTeam()
    const [adaId, graceId] = [idOf(await api.personToken(ada)), idOf(await api.personToken(grace))]
    const members = `/teams/${id}/members`
    expect((await ask('POST', members, { user_id: adaId, role: 'owner' })).body).toEqual({
      user_id: adaId,
      role: 'owner',
    })
    expect((await ask('POST', members, { user_id: graceId })).body.role).toBe('member')
    expect((await ask('POST', members, { user_id: graceId })).body.code).toBe('already_member')
    const first = (await ask('GET', `${members}?limit=1`)).body
    const second = (await ask('GET', `${members}?limit=1&cursor=${first.next_cursor}`)).body
    expect(new Set([...first.data, ...second.data].map((each) => each.user_id))).toEqual(
      new Set([adaId, graceId]),
    )
    expect(second.next_cursor).toBeNull()

    for (const [method, json] of [['PATCH', { role: 'admin' }], ['DELETE']] as const) {
      const kept = await ask(method, `${members}/${adaId}`, json)
      expect([kept.status, kept.body.code]).toEqual([409, 'last_owner'])
    }
    expect((await ask('POST', `/teams/${id}/transfer`, { user_id: graceId })).status).toBe(200)
    const roles = (await ask('GET', members)).body.data.map(({ user_id, role }) => [user_id, role])
    expect(new Map(roles as [string, string][])).toEqual(
      new Map([
        [adaId, 'admin'],
        [graceId, 'owner'],
      ]),
    )
    const left = await ask('DELETE', `${members}/${adaId}`, undefined, await api.personToken(ada))
    expect(left.status).toBe(204)
    expect((await ask('PATCH', `${members}/${adaId}`, { role: 'admin' })).body.code).toBe('member_not_found')
  })

  it('of one team are not reached through another', async () => {
    const [one, other] = [await createTeam(), await createTeam()]
    const { id } = await registered()
    await ask('POST', `/teams/${one}/members`, { user_id: id })
    expect((await ask('DELETE', `/teams/${other}/members/${id}`)).status).toBe(404)
    const { body } = await ask('POST', `/teams/${one}/invitations`, { email: 'cross@people.example' })
    expect((await ask('DELETE', `/teams/${other}/invitations/${body.id}`)).status).toBe(404)
    expect((await ask('GET', `/teams/${other}/members`)).body.data).toEqual([])
  })
})

describe('an invitation', () => {
  it('is mailed, listed, sent again, and accepted once by whom it is for, in its own role', async () => {
    const id = await createTeam()
    const [invited, other] = [await registered(), await registered()]
    await app.services.db.prisma.account.updateMany({
      where: { id: { in: [invited.id, other.id] } },
      data: { emailVerifiedAt: app.services.clock.now() },
    })
    const sent = await ask('POST', `/teams/${id}/invitations`, { email: invited.email, role: 'admin' })
    expect([sent.status, sent.body]).toMatchObject([
      201,
      { email: invited.email, role: 'admin', state: 'pending' },
    ])
    const firstToken = tokenIn(await app.mails.next(invited.email))
    const again = await ask('POST', `/teams/${id}/invitations/${sent.body.id}/resend`)
    expect(again.status).toBe(200)
    const token = tokenIn(await app.mails.next(invited.email))

    const accept = (as: string, json: object) => ask('POST', '/invitations/accept', json, as)
    for (const [as, json] of [
      [other.token, { token }],
      [invited.token, { token: firstToken }],
      [invited.token, { token: 'foyer_invitation_unknown' }],
    ] as const) {
      const gone = await accept(as, json)
      expect([gone.status, gone.body.code]).toEqual([410, 'invitation_gone'])
    }
    const joined = await accept(invited.token, { token, role: 'owner' })
    expect([joined.status, joined.body]).toMatchObject([200, { team: { id }, role: 'admin' }])
    expect((await accept(invited.token, { token })).status).toBe(410)
    const { body } = await ask('GET', `/teams/${id}/invitations`)
    expect(body.data).toMatchObject([{ id: sent.body.id, state: 'accepted' }])
  })

  it('that was taken back is gone', async () => {
    const id = await createTeam()
    const { body } = await ask('POST', `/teams/${id}/invitations`, { email: `gone-${count}@people.example` })
    expect((await ask('DELETE', `/teams/${id}/invitations/${body.id}`)).status).toBe(204)
    const list = (await ask('GET', `/teams/${id}/invitations`)).body.data
    expect(list).toMatchObject([{ id: body.id, state: 'revoked' }])
  })
})

const tokenIn = (mail: Parameters<typeof linkIn>[0]): string =>
  new URL(linkIn(mail)).searchParams.get('token') ?? ''

describe('what is wrong', () => {
  it.each([
    ['POST', '/teams', { slug: 'x' }, '/name'],
    ['POST', '/teams', { slug: { not: '' }, name: 'X' }, '/slug'],
    ['POST', '/teams', { slug: ['x'], name: 'X' }, '/slug'],
    ['POST', '/teams', { slug: 'x', name: 'X', owner: 'me' }, '/owner'],
    ['POST', '/teams', { slug: 'Not A Slug', name: 'X' }, '/slug'],
    ['POST', '/teams/ID/members', { user_id: 7 }, '/user_id'],
    ['POST', '/teams/ID/members', { user_id: 'nobody', role: 'emperor' }, '/role'],
    ['POST', '/teams/ID/invitations', { email: 'a@b@c' }, '/email'],
    ['POST', '/invitations/accept', {}, '/token'],
  ])('is told of with its place: %s %s %j', async (method, path, json, pointer) => {
    const { status, body } = await ask(method, path.replace('ID', await createTeam()), json)
    expect([status, body.errors?.map((error) => error.pointer)]).toEqual([400, [pointer]])
  })

  it('a token that may only read changes nothing', async () => {
    const reader = await api.machineToken('teams:read')
    const id = await createTeam()
    expect((await ask('GET', `/teams/${id}`, undefined, reader)).status).toBe(200)
    const refused = await ask('PATCH', `/teams/${id}`, { name: 'No' }, reader)
    expect([refused.status, refused.body.code]).toEqual([403, 'insufficient_scope'])
  })
})
