// Each fact says who did it, to whom, from where, on what and by which request; and is found by each of these.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { createDoor } from '../support/door.ts'
import { admin, all, createManagement } from '../support/management.ts'
import { ada, createRp, demoThirdParty } from '../support/rp.ts'

const device = 'Audit test/1.0'
let app: TestApp
let api: ReturnType<typeof createManagement>
let machine = ''
let seeded = 0
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  seeded = (await app.auditTypes()).length
  api = createManagement(app.issuer)
  machine = await api.machineToken(`${all} teams:read teams:write`)
})
afterAll(() => app.close())

type Fact = Record<string, unknown> & { type: string; actor: { kind: string; id?: string } }
const facts = async (query: string): Promise<Fact[]> =>
  (await api.ask('GET', `/audit?${query}`, { as: machine })).body.data as Fact[]

describe('a fact', () => {
  it('carries actor, address, device and request, whatever door the request came through', async () => {
    const headers = { 'user-agent': device }
    const door = createDoor(app.issuer)
    const ask = (method: string, path: string, json?: object, as?: string) =>
      door.ask(method, path, { headers, json, ...(as && { as }) })

    await ask('POST', '/auth/login', { email: ada.email, password: 'a wrong password' })
    const { body } = await ask('POST', '/auth/login', ada)
    await ask('PATCH', '/auth/me', { name: 'Ada' }, body.access_token)
    await ask('POST', '/auth/password/forgot', { email: ada.email })
    await ask('POST', '/auth/register', { email: 'new@example.test', password: 'difference-engine-1822' })
    const person = createPerson({ headers })
    const third = createRp(app.issuer, demoThirdParty)
    await createRp(app.issuer).signIn({ person })
    const page = await person.open(third.authorizeUrl({ scope: 'openid email' }).url)
    await person.submit(page, {}, { button: { name: 'decision', value: 'allow' } })
    const robot = { grant_types: ['client_credentials'], client_name: 'Robot' }
    await ask('POST', '/api/v1/clients', robot, machine)
    await ask('POST', '/api/v1/teams', { slug: 'origin', name: 'Origin' }, machine)
    await ask('POST', '/auth/logout', undefined, body.access_token)

    const told = (await facts('limit=100')).toReversed().slice(seeded)
    const kinds = new Set(told.map(({ type }) => type))
    for (const kind of ['authn.failed', 'account.updated', 'mail.requested', 'account.registered'])
      expect(kinds).toContain(kind)
    for (const kind of ['consent.granted', 'client.created', 'team.created', 'session.ended'])
      expect(kinds).toContain(kind)
    for (const fact of told) {
      expect(fact, fact.type).toMatchObject({
        request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        address: '127.0.0.1',
        device: fact.type === 'authn.succeeded' ? expect.any(String) : expect.stringContaining('/'),
        actor: { kind: expect.stringMatching(/^(account|client|stranger)$/) },
      })
    }
    const ofClient = told.find(({ type }) => type === 'client.created')
    expect(ofClient).toMatchObject({ device, actor: { kind: 'client', id: 'demo-machine' } })
  })

  it('of a request that names no device has none, and a very long name is cut', async () => {
    const json = { grant_types: ['client_credentials'], client_name: 'Robot' }
    const create = async (agent: string) => {
      const { body } = await api.ask('POST', '/clients', {
        as: machine,
        json,
        headers: { 'user-agent': agent },
      })
      return (await facts(`client_id=${body.client_id}`))[0]?.device
    }
    expect(await create('')).toBeNull()
    expect(await create('x'.repeat(5000))).toBe('x'.repeat(200))
  })

  it('of the command line or a job is nobody’s request', async () => {
    await app.services.teams.create({ kind: 'operator' }, { slug: 'by-hand', name: 'By hand' })
    expect((await facts('type=team.created'))[0]).toMatchObject({
      actor: { kind: 'operator' },
      request_id: null,
      address: null,
      device: null,
    })
  })
})

describe('facts are found', () => {
  it('by who did it, the team, and the request', async () => {
    const { body: team } = await api.ask('POST', '/teams', {
      as: machine,
      json: { slug: 'found', name: 'Found' },
    })
    const id = decodeJwt(await api.personToken(ada)).sub ?? ''
    await api.ask('PUT', `/teams/${team.id}/members/${id}`, { as: machine, json: { role: 'owner' } })
    await api.ask('POST', `/teams/${team.id}/members`, { as: machine, json: { user_id: id, role: 'owner' } })

    const ofTeam = await facts(`team_id=${team.id}`)
    expect(ofTeam.map(({ type }) => type)).toEqual(['team.member_added', 'team.created'])
    expect(new Set(ofTeam.map(({ team_id }) => team_id))).toEqual(new Set([team.id]))
    const [added] = ofTeam
    expect(await facts(`request_id=${added?.request_id}`)).toEqual([added])
    expect(await facts(`actor_id=demo-machine&team_id=${team.id}&type=team.created`)).toHaveLength(1)
    expect(await facts(`actor_id=${id}&team_id=${team.id}`)).toEqual([])

    const as = await api.personToken(admin)
    const by = decodeJwt(as).sub
    await api.ask('PATCH', `/teams/${team.id}`, { as, json: { name: 'Renamed' } })
    expect((await facts(`actor_id=${by}&team_id=${team.id}`)).map(({ type }) => type)).toEqual([
      'team.updated',
    ])
  })

  it.each(['team_id=x', 'actor_id=', 'request_id=', 'device=x'])('%s is refused', async (query) => {
    expect((await api.ask('GET', `/audit?${query}`, { as: machine })).status).toBe(400)
  })

  it.each([
    ['actor_id', "actor->>'id' = 'x'", 'audit_events_actor_id_at_idx'],
    ['team_id', "details->>'team' = 'x'", 'audit_events_team_at_idx'],
    ['request_id', "request_id = 'x'", 'audit_events_request_id_idx'],
    ['user_id', "account_id = '01a22e30-0000-7000-8000-000000000000'", 'audit_events_account_id_at_idx'],
    ['client_id', "client_id = 'x'", 'audit_events_client_id_at_idx'],
    ['type', "type = 'x'", 'audit_events_type_at_idx'],
  ])('by %s through an index', async (_, condition, index) => {
    const [{ oid } = { oid: 0 }] = await app.services.db.query<{ oid: number }>({
      text: `SELECT inhparent::int AS oid FROM pg_inherits WHERE inhparent = '${index}'::regclass LIMIT 1`,
      values: [],
    })
    const parts = await app.services.db.query<{ name: string }>({
      text: `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = ${oid}`,
      values: [],
    })
    const plan = await app.services.db.inTransaction(async (tx) => {
      await tx.$executeRaw`SET LOCAL enable_seqscan = off`
      await tx.$executeRaw`SET LOCAL enable_bitmapscan = off`
      await tx.$executeRaw`SET LOCAL enable_sort = off`
      const rows = await tx.$queryRawUnsafe<Record<string, string>[]>(
        `EXPLAIN SELECT id FROM audit_events WHERE ${condition}`,
      )
      return rows.map((row) => row['QUERY PLAN']).join('\n')
    })
    expect(parts.some(({ name }) => plan.includes(name))).toBe(true)
  })
})
