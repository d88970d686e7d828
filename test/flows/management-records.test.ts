// Clients, APIs, sessions, facts and keys through the management API.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createDoor } from '../support/door.ts'
import { all, createManagement } from '../support/management.ts'
import { ada, grace } from '../support/rp.ts'
import { allRows } from '../support/tables.ts'

let app: TestApp
let api: ReturnType<typeof createManagement>
let door: ReturnType<typeof createDoor>
let machine = ''
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  api = createManagement(app.issuer)
  door = createDoor(app.issuer)
  machine = await api.machineToken(all)
})
afterAll(() => app.close())

const ask = (method: string, path: string, json?: object, headers?: Record<string, string>) =>
  api.ask(method, path, { as: machine, json, ...(headers && { headers }) })
const robot = { grant_types: ['client_credentials'], client_name: 'Robot' }
const createClient = async (json: object = robot) => {
  const { status, body } = await ask('POST', '/clients', json)
  if (status !== 201) throw new Error(JSON.stringify(body))
  return { client_id: String(body.client_id), client_secret: String(body.client_secret), redirect_uri: '' }
}

describe('a client', () => {
  it('is registered by its metadata, with a secret that is shown once and works', async () => {
    const { status, headers, body } = await ask('POST', '/clients', {
      redirect_uris: ['https://app.example/callback'],
      client_name: 'App',
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      client_id: expect.any(String),
      client_secret: expect.stringMatching(/^foyer_cs_/),
      client_secret_expires_at: 0,
      client_id_issued_at: expect.any(Number),
      client_name: 'App',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      redirect_uris: ['https://app.example/callback'],
    })
    expect(headers.get('location')).toBe(`/api/v1/clients/${body.client_id}`)
    const shown = await ask('GET', `/clients/${body.client_id}`)
    expect(shown.body).not.toHaveProperty('client_secret')
    expect(shown.body).toMatchObject({ client_name: 'App', enabled: true })
    const listed = await ask('GET', '/clients?limit=100')
    expect(listed.body.data).toContainEqual(shown.body)
  })

  it.each([
    ['a wildcard', { redirect_uris: ['https://*.example/x'] }, '/redirect_uris/0'],
    ['no address', {}, '/redirect_uris'],
    ['an unknown member', { ...robot, admin: true }, '/admin'],
    ['a grant of ours', { grant_types: ['urn:foyer:params:oauth:grant-type:first-party'] }, '/grant_types/0'],
    ['an object for a string', { ...robot, client_name: { not: '' } }, '/client_name'],
    ['a string for a list', { redirect_uris: 'https://app.example/x' }, '/redirect_uris'],
  ])('is refused with a pointer: %s', async (_, json, pointer) => {
    const { status, body } = await ask('POST', '/clients', json)
    expect(status).toBe(400)
    expect(body.errors?.map((error) => error.pointer)).toContain(pointer)
  })

  it('is changed by member or as a whole, from the version it names', async () => {
    const { client_id } = await createClient()
    const path = `/clients/${client_id}`
    const first = (await ask('GET', path)).headers.get('etag') ?? ''
    const changed = await ask('PATCH', path, { client_name: 'Changed' }, { 'if-match': first })
    expect(changed).toMatchObject({
      status: 200,
      body: { client_name: 'Changed', grant_types: robot.grant_types },
    })
    expect((await ask('PATCH', path, { client_name: 'Late' }, { 'if-match': first })).status).toBe(412)
    expect((await ask('PATCH', path, { client_name: null })).body).not.toHaveProperty('client_name')
    expect((await ask('PATCH', path, { client_id: 'x' })).body.errors?.[0]?.pointer).toBe('/client_id')
    expect((await ask('PUT', path, robot, { 'if-match': first })).status).toBe(412)
    expect((await ask('PUT', path, { ...robot, client_name: 'Whole' })).body.client_name).toBe('Whole')
  })

  it('has two live secrets at most', async () => {
    const client = await createClient()
    const works = async (client_secret: string) =>
      api.machineToken('quests:read', { ...client, client_secret }).then(
        () => true,
        () => false,
      )
    await ask('PUT', `/apis/urn:demo:quests/clients/${client.client_id}`, { scopes: ['quests:read'] })
    await ask('PATCH', `/clients/${client.client_id}`, { default_resource: 'urn:demo:quests' })
    const rotate = async () =>
      String((await ask('POST', `/clients/${client.client_id}/rotate-secret`)).body.client_secret)
    const second = await rotate()
    await expect.poll(() => works(second)).toBe(true)
    expect(await works(client.client_secret)).toBe(true)
    const third = await rotate()
    await expect.poll(() => works(client.client_secret)).toBe(false)
    expect([await works(second), await works(third)]).toEqual([true, true])
  })

  it('is removed with its tokens', async () => {
    const client = await createClient()
    expect((await ask('DELETE', `/clients/${client.client_id}`)).status).toBe(204)
    expect((await ask('GET', `/clients/${client.client_id}`)).status).toBe(404)
    await expect.poll(() => api.machineToken(undefined, client).then(String, String)).toContain('401')
  })

  it('that is disabled gets nothing, and all of it again when it is enabled', async () => {
    const client = await createClient({ grant_types: ['client_credentials'] })
    await ask('PUT', `/apis/urn:demo:quests/clients/${client.client_id}`, { scopes: ['quests:read'] })
    const asked = () => api.machineToken('quests:read', client, 'urn:demo:quests').then(() => 'given', String)
    await expect.poll(asked).toBe('given')
    const path = `/clients/${client.client_id}`
    const etag = (await ask('GET', path)).headers.get('etag')
    const disabled = await ask('POST', `${path}/disable`)
    expect([disabled.status, disabled.body.enabled]).toEqual([200, false])
    expect(disabled.headers.get('etag')).not.toBe(etag)
    await expect.poll(asked).toMatch(/401/)
    const again = await ask('POST', `${path}/disable`)
    expect(again.headers.get('etag')).toBe(disabled.headers.get('etag'))
    expect((await ask('POST', `${path}/enable`)).body.enabled).toBe(true)
    await expect.poll(asked).toBe('given')
    expect((await ask('POST', '/clients/nobody/enable')).body.code).toBe('client_not_found')
    expect((await ask('POST', '/clients/foyer-first-party/disable')).status).toBe(403)
    const types = await app.auditTypes()
    expect(types.filter((type) => /^client\.(dis|en)abled$/.test(type))).toEqual([
      'client.disabled',
      'client.enabled',
    ])
  })

  it('of the JSON door is nobody’s to change', async () => {
    const path = '/clients/foyer-first-party'
    expect((await ask('PUT', path, robot)).status).toBe(403)
    expect((await ask('DELETE', path)).status).toBe(403)
    expect((await ask('POST', `${path}/rotate-secret`)).status).toBe(403)
    const opened = await ask('PUT', '/apis/urn:demo:quests/clients/foyer-first-party', { scopes: [] })
    expect(opened.status).toBe(403)
  })

  it('that may ask for more of this API than the caller holds is not the caller’s to take over', async () => {
    const as = await api.machineToken('clients:write clients:read')
    const attempt = async (method: string, path: string, json?: object) =>
      (await api.ask(method, path, { as, json })).status
    expect(await attempt('POST', '/clients/demo-machine/rotate-secret')).toBe(403)
    expect(await attempt('PUT', '/clients/demo-machine', robot)).toBe(403)
    expect(await attempt('PATCH', '/clients/demo-machine', { client_name: 'Mine' })).toBe(403)
    const { client_id } = await createClient()
    const path = `/apis/${encodeURIComponent(`${app.issuer}/api/v1`)}/clients/${client_id}`
    expect(await attempt('PUT', path, { scopes: ['roles:write'] })).toBe(403)
    expect(await attempt('PUT', path, { scopes: ['clients:read'] })).toBe(200)
    expect(await attempt('POST', `/clients/${client_id}/rotate-secret`)).toBe(201)
    expect((await ask('PUT', path, { scopes: ['roles:write'] })).status).toBe(200)
    await expect.poll(() => attempt('POST', `/clients/${client_id}/rotate-secret`)).toBe(403)
  })

  it('is made once for one Idempotency-Key, and its secret rests sealed', async () => {
    const headers = { 'idempotency-key': 'one-client' }
    const [first, second] = [
      await ask('POST', '/clients', robot, headers),
      await ask('POST', '/clients', robot, headers),
    ]
    expect(second.text).toBe(first.text)
    const rest = JSON.stringify(await allRows(app.services.db), (_, value) =>
      value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
    )
    expect(rest).toContain(String(first.body.client_id))
    expect(rest).not.toContain(String(first.body.client_secret))
  })
})

describe('an API', () => {
  it('is registered, opened to a client, and asked for by it', async () => {
    const client = await createClient()
    const id = encodeURIComponent('https://games.example/api')
    const saved = await ask('PUT', `/apis/${id}`, { name: 'Games', scopes: ['games:read', 'games:write'] })
    expect(saved).toMatchObject({
      status: 200,
      body: { identifier: 'https://games.example/api', open_to_all: false },
    })
    expect((await ask('GET', `/apis/${id}`)).body).toEqual(saved.body)
    expect((await ask('GET', '/apis?limit=100')).body.data).toContainEqual(saved.body)
    const path = `/apis/${id}/clients/${client.client_id}`
    expect((await ask('PUT', path, { scopes: ['games:read'] })).status).toBe(200)
    await ask('PATCH', `/clients/${client.client_id}`, { default_resource: 'https://games.example/api' })
    await expect
      .poll(() => api.machineToken('games:read', client).then((token) => decodeJwt(token).aud, String))
      .toBe('https://games.example/api')
  })

  it('is removed with what clients could ask for there, once it is nobody’s default', async () => {
    const client = await createClient({ grant_types: ['client_credentials'] })
    await ask('PUT', '/apis/urn:chess', { name: 'Chess', scopes: ['chess:play'], wants_permissions: true })
    expect((await ask('GET', '/apis/urn:chess')).body.wants_permissions).toBe(true)
    await ask('PUT', `/apis/urn:chess/clients/${client.client_id}`, { scopes: ['chess:play'] })
    await ask('PATCH', `/clients/${client.client_id}`, { default_resource: 'urn:chess' })
    const kept = await ask('DELETE', '/apis/urn:chess')
    expect([kept.status, kept.body.code]).toEqual([409, 'api_in_use'])
    await ask('PATCH', `/clients/${client.client_id}`, { default_resource: null })
    expect((await ask('DELETE', '/apis/urn:chess')).status).toBe(204)
    expect([
      (await ask('GET', '/apis/urn:chess')).status,
      (await ask('DELETE', '/apis/urn:chess')).status,
    ]).toEqual([404, 404])
    await expect.poll(() => api.machineToken('chess:play', client, 'urn:chess').catch(String)).toMatch(/400/)
    const own = encodeURIComponent(`${app.issuer}/api/v1`)
    expect((await ask('DELETE', `/apis/${own}`)).status).toBe(403)
  })

  it('takes back what it allowed a client', async () => {
    const client = await createClient({ grant_types: ['client_credentials'] })
    const path = `/apis/urn:demo:quests/clients/${client.client_id}`
    await ask('PUT', path, { scopes: ['quests:read'], serves: true })
    expect([(await ask('DELETE', path)).status, (await ask('DELETE', path)).status]).toEqual([204, 404])
    expect((await ask('DELETE', '/apis/urn:demo:quests/clients/foyer-first-party')).status).toBe(403)
  })

  it('that manages Foyer keeps its scopes; what is no address, or not there, is refused', async () => {
    const own = encodeURIComponent(`${app.issuer}/api/v1`)
    expect((await ask('PUT', `/apis/${own}`, { name: 'x', scopes: [] })).status).toBe(403)
    expect((await ask('PUT', '/apis/nothing', { name: 'x', scopes: [] })).body.errors?.[0]?.pointer).toBe(
      '/id',
    )
    expect((await ask('PUT', '/apis/urn:a', { name: 'x', scopes: ['a b'] })).body.errors?.[0]?.pointer).toBe(
      '/scopes/0',
    )
    expect((await ask('GET', '/apis/urn:a')).status).toBe(404)
    expect((await ask('PUT', '/apis/urn:demo:quests/clients/nobody', { scopes: [] })).status).toBe(404)
  })
})

describe('sessions', () => {
  it('are everybody’s to administrators, one’s own to everybody else', async () => {
    const mine = await api.personToken(ada)
    const theirs = await api.personToken(grace)
    const [adaId, graceId] = [decodeJwt(mine).sub, decodeJwt(theirs).sub]
    const owners = async (as: string, query = '') =>
      new Set((await api.ask('GET', `/sessions${query}`, { as })).body.data.map(({ user_id }) => user_id))
    expect(await owners(machine)).toEqual(new Set([adaId, graceId]))
    expect(await owners(machine, `?user_id=${graceId}`)).toEqual(new Set([graceId]))
    expect(await owners(mine)).toEqual(new Set([adaId]))
    expect(await owners(mine, `?user_id=${graceId}`)).toEqual(new Set([adaId]))

    const { body } = await api.ask('GET', `/sessions?user_id=${graceId}`, { as: machine })
    const path = `/sessions/${body.data[0]?.id}`
    expect((await api.ask('DELETE', path, { as: mine })).status).toBe(404)
    expect((await door.me(theirs)).status).toBe(200)
    expect((await ask('DELETE', path)).status).toBe(204)
    expect((await door.me(theirs)).status).toBe(401)
    expect((await ask('DELETE', path)).status).toBe(404)
  })

  it('page', async () => {
    for (let made = 0; made < 3; made += 1) await door.signIn(ada)
    const first = (await ask('GET', '/sessions?limit=2')).body
    const second = (await ask('GET', `/sessions?limit=2&cursor=${first.next_cursor}`)).body
    expect(first.data).toHaveLength(2)
    expect(second.data.map(({ id }) => id)).not.toContain(first.data[0]?.id)
  })
})

describe('the audit log', () => {
  it('is searched by kind, person, client and time, newest first', async () => {
    const { client_id } = await createClient()
    const facts = async (query: string) => (await ask('GET', `/audit?${query}`)).body.data
    const [created] = await facts(`client_id=${client_id}`)
    expect(created).toMatchObject({
      type: 'client.created',
      actor: { kind: 'client', id: 'demo-machine' },
      client_id,
    })
    const kinds = await facts('type=client.created&limit=100')
    expect(new Set(kinds.map(({ type }) => type))).toEqual(new Set(['client.created']))
    const times = (await facts('limit=100')).map(({ at }) => String(at))
    expect(times).toEqual(times.toSorted().toReversed())
    expect(await facts(`client_id=${client_id}&until=${created?.at}`)).toEqual([])
    expect(await facts(`client_id=${client_id}&since=${created?.at}`)).toHaveLength(1)
    const id = decodeJwt(await api.personToken(ada)).sub
    expect((await facts(`user_id=${id}&type=authn.succeeded`)).length).toBeGreaterThan(0)
  })

  it('leads through every page once', async () => {
    const seen: unknown[] = []
    let next: string | null = '/audit?limit=40'
    while (next !== null) {
      const body: { data: Record<string, unknown>[]; next_cursor: string | null } = (await ask('GET', next))
        .body
      seen.push(...body.data.map(({ id }) => id))
      next = body.next_cursor && `/audit?limit=40&cursor=${body.next_cursor}`
    }
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen.length).toBe((await app.auditTypes()).length)
  })

  it.each(['type=nothing', 'user_id=x', 'since=yesterday', 'client_id=', 'actor=x'])(
    'refuses %s',
    async (query) => {
      expect((await ask('GET', `/audit?${query}`)).status).toBe(400)
    },
  )

  it('is closed to people who administer nothing', async () => {
    expect((await api.ask('GET', '/audit', { as: await api.personToken(ada) })).status).toBe(403)
  })
})

describe('keys', () => {
  it('are listed as the JWKS has them, without their private part', async () => {
    const { body, text } = await ask('GET', '/keys')
    const jwks = (await (await fetch(`${app.issuer}/oauth2/jwks`)).json()) as { keys: { kid: string }[] }
    expect(body.data.map(({ kid }) => kid).toSorted()).toEqual(jwks.keys.map(({ kid }) => kid).toSorted())
    expect(text).not.toMatch(/private|"d"/)
  })
})
