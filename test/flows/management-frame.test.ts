// What every route of the management API has in common: who is let in, how input is refused, cursors, keys of
// idempotency, versions and limits.
import { randomUUID } from 'node:crypto'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noBody, type Route, route } from '../../src/api/route.ts'
import { createManagementRouter, type RouterDeps } from '../../src/api/router.ts'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { createDoor } from '../support/door.ts'
import { admin, all, createManagement } from '../support/management.ts'
import { internals, megabyte, unchanged } from '../support/refusals.ts'
import { ada, createRp, grace } from '../support/rp.ts'
import { allRows } from '../support/tables.ts'

let app: TestApp
let api: ReturnType<typeof createManagement>
let machine = ''
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  api = createManagement(app.issuer)
  machine = await api.machineToken(all)
})
afterAll(() => app.close())

let count = 0
const someone = () => ({ email: `frame-${++count}@example.test`, name: 'Somebody' })
const create = async (json: object = someone()) =>
  (await api.ask('POST', '/users', { as: machine, json })).body

describe('a route', () => {
  const broken = (changes: object) => ({ ...sample, ...changes }) as unknown as Route
  const sample = route({
    method: 'GET',
    path: '/users/:id',
    summary: 'A sample.',
    permission: { scope: 'users:read', reach: 'account' },
    limit: 'api.read',
    handle: async () => ({ body: undefined }),
    answer: { status: 200, schema: noBody },
  })
  const boot = (...routes: Route[]) => createManagementRouter(routes, {} as RouterDeps)

  it('that declares no permission ends the boot', () => {
    expect(() => boot(sample)).not.toThrow()
    expect(() => boot(broken({ permission: undefined }))).toThrow('GET /users/:id declares no permission')
    expect(() => boot(broken({ permission: { scope: 'users:all', reach: 'account' } }))).toThrow(
      'declares no permission',
    )
    expect(() => boot(broken({ path: '/users' }))).toThrow('no :id')
    expect(() => boot(sample, sample)).toThrow('declared twice')
  })
})

describe('the management API', () => {
  it('says where its tokens come from', async () => {
    const response = await fetch(`${app.issuer}/.well-known/oauth-protected-resource/api/v1`)
    expect(response.headers.get('cache-control')).toBe('public, max-age=300')
    expect(await response.json()).toMatchObject({
      resource: `${app.issuer}/api/v1`,
      authorization_servers: [app.issuer],
      bearer_methods_supported: ['header'],
    })
  })

  it('is named by its issuer', async () => {
    const response = await fetch(`${app.issuer}/.well-known/oauth-authorization-server`)
    expect(await response.json()).toMatchObject({ protected_resources: [`${app.issuer}/api/v1`] })
  })

  it('asks strangers for a token, and says where the metadata are', async () => {
    const { status, headers, body } = await api.ask('GET', '/users')
    expect({ status, code: body.code }).toEqual({ status: 401, code: 'unauthenticated' })
    expect(headers.get('www-authenticate')).toBe(
      `Bearer resource_metadata="${app.issuer}/.well-known/oauth-protected-resource/api/v1"`,
    )
    expect(headers.get('content-type')).toContain('application/problem+json')
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('takes no token of another audience, of userinfo, or that was changed', async () => {
    const rp = createRp(app.issuer)
    const other = await rp.tokens({ params: { scope: 'openid quests:read', resource: 'urn:demo:quests' } })
    const opaque = await rp.tokens()
    const signature = machine.slice(0, -4)
    for (const as of [other.access_token, opaque.access_token, opaque.id_token, `${signature}AAAA`]) {
      const { status, headers } = await api.ask('GET', '/users', { as: as ?? '' })
      expect(status).toBe(401)
      expect(headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_token", resource_metadata=/)
    }
  })

  it('names the scope that is missing', async () => {
    const as = await api.machineToken('audit:read')
    const { status, headers, body } = await api.ask('GET', '/users', { as })
    expect({ status, code: body.code }).toEqual({ status: 403, code: 'insufficient_scope' })
    expect(headers.get('www-authenticate')).toMatch(
      /^Bearer error="insufficient_scope", scope="users:read", /,
    )
  })

  it('lets a person touch what is their own, and an administrator everything', async () => {
    const own = await api.personToken(ada)
    const id = decodeJwt(own).sub ?? ''
    const other = decodeJwt(await api.personToken(grace)).sub ?? ''
    expect((await api.ask('GET', `/users/${id}`, { as: own })).body.email).toBe(ada.email)
    expect((await api.ask('PATCH', `/users/${id}`, { as: own, json: { nickname: 'Countess' } })).status).toBe(
      200,
    )
    for (const [method, path, status] of [
      ['GET', `/users/${other}`, 404],
      ['PATCH', `/users/${other}`, 404],
      ['GET', `/users/${other}/sessions`, 404],
      ['DELETE', `/users/${other}/sessions`, 404],
      ['GET', `/users/${other}/roles`, 404],
      ['GET', '/users', 403],
      ['POST', '/users', 403],
      ['DELETE', `/users/${id}`, 403],
      ['POST', `/users/${id}/disable`, 403],
      ['POST', `/users/${id}/roles`, 403],
    ] as const) {
      const answer = await api.ask(method, path, { as: own, ...(method !== 'GET' && { json: {} }) })
      expect([method, path, answer.status]).toEqual([method, path, status])
    }
    const as = await api.personToken(admin)
    expect((await api.ask('GET', '/users', { as })).status).toBe(200)
    expect((await api.ask('GET', `/users/${other}`, { as })).body.email).toBe(grace.email)
  })

  it('stops at once when the session, the account, the client or its leave to ask ends', async () => {
    const person = { email: someone().email, password: 'a-rather-long-password' }
    const door = createDoor(app.issuer)
    await door.post('/auth/register', person)
    const token = await api.personToken(person)
    const id = decodeJwt(token).sub ?? ''
    expect((await api.ask('GET', `/users/${id}`, { as: token })).status).toBe(200)
    await door.post('/auth/logout', undefined, { as: token })
    expect((await api.ask('GET', `/users/${id}`, { as: token })).status).toBe(401)

    const again = await api.personToken(person)
    await api.ask('POST', `/users/${id}/disable`, { as: machine })
    expect((await api.ask('GET', `/users/${id}`, { as: again })).status).toBe(401)

    await app.addClient('frame-machine', {
      grant_types: ['client_credentials'],
      default_resource: `${app.issuer}/api/v1`,
    })
    const identifier = `${app.issuer}/api/v1`
    const { clients } = app.services
    const allow = (scopes: string[]) =>
      clients.allowApi('frame-machine', { identifier, scopes, serves: false })
    await allow(['users:read'])
    const credentials = {
      client_id: 'frame-machine',
      client_secret: secretOf('frame-machine'),
      redirect_uri: '',
    }
    const own = await api.machineToken('users:read', credentials)
    expect((await api.ask('GET', '/users', { as: own })).status).toBe(200)
    await allow(['audit:read'])
    await expect.poll(async () => (await api.ask('GET', '/users', { as: own })).status).toBe(403)
    await clients.remove({ kind: 'operator' }, 'frame-machine')
    await expect.poll(async () => (await api.ask('GET', '/users', { as: own })).status).toBe(401)
  })

  it('answers unknown paths and methods as problems', async () => {
    const missing = await api.ask('GET', '/nothing', { as: machine })
    expect(missing).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect(missing.headers.get('content-type')).toContain('application/problem+json')
    const put = await api.ask('PUT', '/users', { as: machine })
    expect(put.status).toBe(405)
    expect(put.headers.get('allow')).toBe('GET, POST')
  })

  it('tells how its limits stand', async () => {
    const { headers } = await api.ask('GET', '/users', { as: machine })
    expect(headers.get('ratelimit-policy')).toBe('"api.read";q=1200;w=60')
    expect(headers.get('ratelimit')).toMatch(/^"api\.read";r=\d+;t=\d+$/)
  })

  it('says Retry-After when a limit is spent', async () => {
    const now = app.services.clock.now()
    await app.services.db.query({
      text: `UPDATE rate_limits SET tat = $1::timestamptz + interval '1 hour' WHERE key = 'api.read:demo-machine'`,
      values: [now],
    })
    const { status, headers } = await api.ask('GET', '/users', { as: machine })
    expect(status).toBe(429)
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    await app.services.db.query({ text: `DELETE FROM rate_limits WHERE key LIKE 'api.read:%'`, values: [] })
  })
})

describe('bad input', () => {
  const pointers = (body: { errors?: { pointer: string }[] }) => body.errors?.map(({ pointer }) => pointer)

  it.each([
    ['an unknown field', { email: 'a@b.example', admin: true }, '/admin'],
    ['a password', { email: 'a@b.example', password: 'x' }, '/password'],
    ['a verified flag', { email: 'a@b.example', email_verified: true }, '/email_verified'],
    ['an object where a string belongs', { email: { not: '' } }, '/email'],
    ['an array for a scalar', { email: ['a@b.example'] }, '/email'],
    ['a nested stranger', { email: 'a@b.example', address: { planet: 'x' } }, '/address/planet'],
    ['nothing', {}, '/email'],
  ])('is refused with a pointer: %s', async (_, json, pointer) => {
    await unchanged(app, async () => {
      const { status, body } = await api.ask('POST', '/users', { as: machine, json })
      expect({ status, code: body.code }).toEqual({ status: 400, code: 'invalid_input' })
      expect(pointers(body)).toContain(pointer)
      expect(body.errors?.[0]).toEqual({
        pointer: expect.any(String),
        code: expect.any(String),
        detail: expect.any(String),
      })
    })
  })

  it.each([
    ['__proto__', '{"email":"a@b.example","__proto__":{"roles":["admin"]}}'],
    ['a name twice', '{"email":"a@b.example","email":"c@d.example"}'],
    ['NUL', '{"email":"a\\u0000@b.example"}'],
    ['half a surrogate pair', '{"email":"a@b.example","name":"\\ud800"}'],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['depth', '['.repeat(5000)],
  ])('of the body as a whole is a 400 with errors: %s', async (_, raw) => {
    const { status, body, text } = await api.ask('POST', '/users', { as: machine, raw })
    expect(status).toBe(400)
    expect(body.errors?.length).toBeGreaterThan(0)
    expect(text).not.toMatch(internals)
  })

  it('of 1 MiB is a 413, of another kind a 415', async () => {
    const big = await api.ask('POST', '/users', { as: machine, raw: JSON.stringify(megabyte) })
    expect(big).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
    const headers = { 'content-type': 'text/plain' }
    expect((await api.ask('POST', '/users', { as: machine, raw: '{}', headers })).status).toBe(415)
  })

  it.each([
    'limit=0',
    'limit=101',
    'limit=x',
    'limit=1&limit=2',
    'limit[]=1',
    'unknown=1',
    'search=',
    'search=%00',
    'search=%ED%A0%80',
    'status=gone',
    '__proto__=1',
    'cursor=',
    'cursor=AAAA',
  ])('in a query is a 400 with errors: %s', async (query) => {
    const { status, body } = await api.ask('GET', `/users?${query}`, { as: machine })
    expect(status).toBe(400)
    expect(body.errors?.length).toBeGreaterThan(0)
  })

  it.each(['%00', '%ED%A0%80', '%ff', '..%2f', '__proto__', 'x'.repeat(300), "'--", '%20', '1e1'])(
    'in a path is a 400 or a 404: %s',
    async (id) => {
      for (const path of [`/users/${id}`, `/users/${id}/sessions`, `/users/${id}/roles`]) {
        const { status, text } = await api.ask('GET', path, { as: machine })
        expect([400, 404]).toContain(status)
        expect(text).not.toMatch(internals)
      }
    },
  )
})

describe('a cursor', () => {
  it.each(['/roles', '/permissions', '/keys'])(
    'pages %s, which is short, like any other list',
    async (path) => {
      const whole = (await api.ask('GET', path, { as: machine })).body
      expect(whole.next_cursor).toBeNull()
      const pages: unknown[] = []
      for (let next: string | null = `${path}?limit=2`; next; ) {
        const { status, body, headers } = await api.ask('GET', next, { as: machine })
        expect(status).toBe(200)
        expect(body.data.length).toBeLessThanOrEqual(2)
        expect(headers.get('link') === null).toBe(body.next_cursor === null)
        pages.push(...body.data)
        next = body.next_cursor && `${path}?limit=2&cursor=${body.next_cursor}`
      }
      expect(pages).toEqual(whole.data)
    },
  )

  it('leads through every page once', async () => {
    for (let made = 0; made < 4; made += 1) await create()
    const seen: unknown[] = []
    let next: string | null = '/users?limit=2'
    while (next !== null) {
      const { body, headers } = await api.ask('GET', next, { as: machine })
      seen.push(...body.data.map(({ id }) => id))
      const link = headers.get('link')
      expect(link === null).toBe(body.next_cursor === null)
      if (link) expect(link).toMatch(/^<\/api\/v1\/users\?limit=2&cursor=[\w-]+>; rel="next"$/)
      next = body.next_cursor && `/users?limit=2&cursor=${body.next_cursor}`
    }
    const { body } = await api.ask('GET', '/users?limit=100', { as: machine })
    expect(seen).toEqual(body.data.map(({ id }) => id))
  })

  it('is good for its own caller, list and filters only, and unchanged', async () => {
    const { body } = await api.ask('GET', '/users?limit=1', { as: machine })
    const cursor = body.next_cursor ?? ''
    const asks: [string, string][] = [
      [machine, `/users?limit=1&status=active&cursor=${cursor}`],
      [machine, `/users?limit=1&cursor=${cursor.slice(0, -2)}AA`],
      [machine, `/users?limit=1&cursor=${cursor.slice(2)}`],
      [await api.personToken(admin), `/users?limit=1&cursor=${cursor}`],
    ]
    for (const [as, path] of asks) {
      const answer = await api.ask('GET', path, { as })
      expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '/cursor' }] } })
    }
  })
})

describe('an idempotency key', () => {
  const post = (key: string, json: object, as = machine) =>
    api.ask('POST', '/users', { as, json, headers: { 'idempotency-key': key } })

  it('gives the first answer again and does nothing', async () => {
    const [key, json] = [randomUUID(), someone()]
    const first = await post(key, json)
    expect(first.status).toBe(201)
    await unchanged(app, async () => {
      const second = await post(key, json)
      expect(second.text).toBe(first.text)
      expect(second.headers.get('location')).toBe(first.headers.get('location'))
      expect(second.headers.get('idempotency-replayed')).toBe('true')
    })
  })

  it('with another body is refused with 422, and by another caller is another key', async () => {
    const key = randomUUID()
    expect((await post(key, someone())).status).toBe(201)
    const other = await post(key, someone())
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } })
    expect((await post(key, someone(), await api.personToken(admin))).status).toBe(201)
  })

  it('lets one of many at once through', async () => {
    const [key, json] = [randomUUID(), someone()]
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(key, json)))
    const fresh = answers.filter(
      ({ status, headers }) => status === 201 && !headers.has('idempotency-replayed'),
    )
    expect(fresh).toHaveLength(1)
    for (const { status, body } of answers) {
      if (status !== 201) expect([status, body.code]).toEqual([409, 'idempotency_in_flight'])
    }
  })

  it('of a refused request is free again, and of an old one too', async () => {
    const [key, json] = [randomUUID(), someone()]
    expect((await post(key, { ...json, email: 'nobody' })).status).toBe(400)
    expect((await post(key, json)).status).toBe(201)
    await app.services.db.query({ text: `UPDATE idempotency_keys SET expires_at = now()`, values: [] })
    expect(await post(key, json)).toMatchObject({ status: 409, body: { code: 'email_taken' } })
  })

  it('that is no key is refused', async () => {
    expect(await post('x'.repeat(256), someone())).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/Idempotency-Key' }] },
    })
  })

  it('leaves nothing of its answer readable at rest', async () => {
    const json = someone()
    await post(randomUUID(), json)
    const rows = (await allRows(app.services.db))['public.idempotency_keys'] ?? []
    expect(rows.length).toBeGreaterThan(0)
    for (const { sealed } of rows) expect(String(sealed)).not.toContain(json.email)
  })
})

describe('If-Match', () => {
  it('changes the version it names and no other', async () => {
    const { id } = await create()
    const read = await api.ask('GET', `/users/${id}`, { as: machine })
    const etag = read.headers.get('etag') ?? ''
    const patch = (match: string, nickname: string) =>
      api.ask('PATCH', `/users/${id}`, { as: machine, json: { nickname }, headers: { 'if-match': match } })
    const changed = await patch(etag, 'one')
    expect(changed.status).toBe(200)
    expect(changed.headers.get('etag')).not.toBe(etag)
    for (const stale of [etag, `W/${changed.headers.get('etag')}`, '"other"', 'x']) {
      expect(await patch(stale, 'two')).toMatchObject({ status: 412, body: { code: 'precondition_failed' } })
    }
    expect((await patch(`"zz", ${changed.headers.get('etag')}`, 'three')).status).toBe(200)
    expect((await patch('*', 'four')).status).toBe(200)
  })

  it('lets one of many changes of a version through', async () => {
    const { id } = await create()
    const etag = (await api.ask('GET', `/users/${id}`, { as: machine })).headers.get('etag') ?? ''
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, turn) =>
        api.ask('PATCH', `/users/${id}`, {
          as: machine,
          json: { nickname: `n${turn}` },
          headers: { 'if-match': etag },
        }),
      ),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(9)
  })
})
