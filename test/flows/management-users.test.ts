// People through the management API: found, made, changed, disabled, deleted, their sessions and roles.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { searchSql } from '../../src/features/accounts/store.ts'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createDoor } from '../support/door.ts'
import { admin, all, createManagement } from '../support/management.ts'
import { grace } from '../support/rp.ts'

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

let count = 0
const email = () => `user-${++count}@people.example`
const ask = (method: string, path: string, json?: object) => api.ask(method, path, { as: machine, json })
const create = async (json: object = {}) => (await ask('POST', '/users', { email: email(), ...json })).body
const password = 'a-rather-long-password'
async function registered() {
  const person = { email: email(), password }
  const { body } = await door.post('/auth/register', person)
  return { ...person, token: body.access_token, id: decodeJwt(body.access_token).sub ?? '' }
}
const signIn = ({ email }: { email: string }) => door.signIn({ email, password })
const factsOf = async (id: string) =>
  (await app.services.audit.listFor(id)).map(({ type, actor }) => [type, actor])
const machineActor = { kind: 'client', id: 'demo-machine' }

describe('a person', () => {
  it('is made without a password, shown, and changed', async () => {
    const address = email()
    const made = await ask('POST', '/users', {
      email: address,
      username: `made-${count}`,
      name: 'Mary Somerville',
      locale: 'fr',
      address: { country: 'UK' },
      roles: ['organizer'],
    })
    expect(made.status).toBe(201)
    expect(made.headers.get('location')).toBe(`/api/v1/users/${made.body.id}`)
    expect(made.body).toMatchObject({
      email: address,
      email_verified: false,
      username: `made-${count}`,
      name: 'Mary Somerville',
      locale: 'fr',
      address: { country: 'UK' },
      roles: ['organizer'],
      status: 'active',
      has_password: false,
    })
    const { id } = made.body
    const changed = await ask('PATCH', `/users/${id}`, { name: 'Mary Greig', username: null, locale: null })
    expect(changed.body).toMatchObject({ name: 'Mary Greig', username: null, locale: null })
    expect((await ask('GET', `/users/${id}`)).body).toEqual(changed.body)
    expect(await factsOf(id)).toEqual([
      ['account.created', machineActor],
      ['account.updated', machineActor],
    ])
    const [fact] = await app.services.audit.listFor(id)
    expect(fact).toMatchObject({ requestId: made.headers.get('x-request-id'), address: '127.0.0.1' })
  })

  it('has an address and a user name that nobody else has', async () => {
    const { email: taken } = await create({ username: 'only-one' })
    expect(await ask('POST', '/users', { email: taken })).toMatchObject({
      status: 409,
      body: { code: 'email_taken' },
    })
    const again = await ask('POST', '/users', { email: email(), username: 'only-one' })
    expect(again).toMatchObject({ status: 409, body: { code: 'username_taken' } })
    const { id } = await create()
    expect((await ask('PATCH', `/users/${id}`, { username: 'only-one' })).status).toBe(409)
  })

  it.each([
    'email',
    'password',
    'email_verified',
    'roles',
    'status',
    'phone_number_verified',
    'id',
    'system',
  ])('keeps %s from being changed as a field', async (field) => {
    const { id } = await create()
    const { status, body } = await ask('PATCH', `/users/${id}`, { [field]: true })
    expect({ status, pointer: body.errors?.[0]?.pointer }).toEqual({ status: 400, pointer: `/${field}` })
  })

  it('made with roles takes a token that may give them', async () => {
    const as = await api.machineToken('users:write')
    const json = { email: email(), roles: ['admin'] }
    expect(await api.ask('POST', '/users', { as, json })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    })
    expect((await api.ask('POST', '/users', { as, json: { email: json.email } })).status).toBe(201)
  })

  it('is out once disabled, and may come back once enabled', async () => {
    const person = await registered()
    const disabled = await ask('POST', `/users/${person.id}/disable`)
    expect(disabled).toMatchObject({ status: 200, body: { status: 'disabled' } })
    expect((await door.me(person.token)).status).toBe(401)
    expect((await door.login({ email: person.email, password })).status).toBe(401)
    expect((await ask('POST', `/users/${person.id}/password-reset`)).status).toBe(423)
    expect((await ask('POST', `/users/${person.id}/enable`)).body.status).toBe('active')
    expect((await door.login({ email: person.email, password })).status).toBe(200)
    expect(await factsOf(person.id)).toEqual(
      expect.arrayContaining([
        ['account.disabled', machineActor],
        ['account.enabled', machineActor],
      ]),
    )
  })

  it('is deleted with thirty days to come back', async () => {
    const person = await registered()
    const { status, body } = await ask('DELETE', `/users/${person.id}`)
    expect({ status, ...body }).toMatchObject({ status: 'deleted', id: person.id })
    expect(status).toBe(202)
    const days = (Date.parse(String(body.erased_at)) - app.services.clock.millis()) / 86_400_000
    expect(days).toBeGreaterThan(29.9)
    expect((await door.login({ email: person.email, password })).status).toBe(401)
    expect((await ask('GET', `/users/${person.id}`)).body.status).toBe('deleted')
    expect((await ask('POST', `/users/${person.id}/restore`)).body.status).toBe('active')
    expect((await ask('POST', `/users/${person.id}/restore`)).status).toBe(410)
    expect((await door.login({ email: person.email, password })).status).toBe(200)
  })

  it('gets a mail by which a new password is chosen', async () => {
    const person = await create()
    const { status, body } = await ask('POST', `/users/${person.id}/password-reset`)
    expect({ status, body }).toEqual({ status: 202, body: { status: 'accepted' } })
    expect(await factsOf(person.id)).toContainEqual(['mail.requested', machineActor])
  })

  it('that is not there is a 404 in every position', async () => {
    const id = '01a22e30-0000-7000-8000-000000000000'
    for (const [method, path, json] of [
      ['GET', `/users/${id}`],
      ['PATCH', `/users/${id}`, { name: 'x' }],
      ['DELETE', `/users/${id}`],
      ['POST', `/users/${id}/disable`],
      ['POST', `/users/${id}/enable`],
      ['POST', `/users/${id}/restore`],
      ['POST', `/users/${id}/password-reset`],
      ['GET', `/users/${id}/sessions`],
      ['DELETE', `/users/${id}/sessions`],
      ['DELETE', `/users/${id}/sessions/x`],
      ['GET', `/users/${id}/roles`],
      ['POST', `/users/${id}/roles`, { role: 'organizer' }],
      ['DELETE', `/users/${id}/roles/organizer`],
    ] as const) {
      const answer = await ask(method, path, json)
      expect([path, answer.status, answer.body.code]).toEqual([path, 404, 'account_not_found'])
    }
  })
})

describe('sessions of a person', () => {
  it('are listed, and ended one by one or together', async () => {
    const person = await registered()
    const [one, two] = [await signIn(person), await signIn(person)]
    const path = `/users/${person.id}/sessions`
    const { body } = await ask('GET', path)
    expect(body.data).toHaveLength(3)
    expect(body.data[0]).toMatchObject({ id: expect.any(String), user_id: person.id })

    expect((await ask('DELETE', `${path}/${body.data[0]?.id}`)).status).toBe(204)
    const alive = async (token: string) => (await door.me(token)).status
    const left = [await alive(one.access_token), await alive(two.access_token)]
    expect(left.filter((status) => status === 401)).toHaveLength(1)
    expect((await ask('DELETE', `${path}/${body.data[0]?.id}`)).status).toBe(404)

    expect((await ask('DELETE', path)).status).toBe(204)
    expect((await ask('GET', path)).body.data).toEqual([])
    expect(await alive(person.token)).toBe(401)
    expect(await factsOf(person.id)).toContainEqual(['session.ended', machineActor])
  })

  it('of somebody else are not ended by way of one’s own', async () => {
    const [mine, theirs] = [await registered(), await registered()]
    const { body } = await ask('GET', `/users/${theirs.id}/sessions`)
    const path = `/users/${mine.id}/sessions/${body.data[0]?.id}`
    expect((await api.ask('DELETE', path, { as: mine.token })).status).toBe(404)
    expect((await door.me(theirs.token)).status).toBe(200)
  })
})

describe('roles of a person', () => {
  it('are given and taken, seen by the next request, and written down', async () => {
    const person = await registered()
    const path = `/users/${person.id}/roles`
    expect((await api.ask('GET', '/users', { as: person.token })).status).toBe(403)
    expect((await ask('POST', path, { role: 'admin' })).body.data).toEqual(['admin'])
    expect((await ask('POST', path, { role: 'admin' })).body.data).toEqual(['admin'])
    expect((await api.ask('GET', '/users', { as: person.token })).status).toBe(200)
    await ask('POST', path, { role: 'organizer' })
    const first = await ask('GET', `${path}?limit=1`)
    expect(first.body).toMatchObject({ data: ['admin'], next_cursor: expect.any(String) })
    expect((await ask('GET', `${path}?limit=1&cursor=${first.body.next_cursor}`)).body).toEqual({
      data: ['organizer'],
      next_cursor: null,
    })
    await ask('DELETE', `${path}/organizer`)
    expect((await door.me(person.token)).body.roles).toEqual(['admin'])
    expect((await ask('DELETE', `${path}/admin`)).status).toBe(204)
    expect((await api.ask('GET', '/users', { as: person.token })).status).toBe(403)
    const facts = (await factsOf(person.id)).filter(([type]) => String(type).includes('role'))
    expect(facts).toEqual([
      ['role.assigned', machineActor],
      ['role.assigned', machineActor],
      ['role.unassigned', machineActor],
      ['role.unassigned', machineActor],
    ])
  })

  it('leave one administrator whatever two of them do at once', async () => {
    const as = await api.personToken(admin)
    const first = decodeJwt(as).sub ?? ''
    const second = (await registered()).id
    await ask('POST', `/users/${second}/roles`, { role: 'admin' })
    // A busy database is waited for, so that all six are decided
    const decided = async (method: string, path: string): Promise<Awaited<ReturnType<typeof ask>>> => {
      const answer = await ask(method, path)
      return answer.status === 503 ? decided(method, path) : answer
    }
    const answers = await Promise.all([
      decided('DELETE', `/users/${first}/roles/admin`),
      decided('DELETE', `/users/${second}/roles/admin`),
      decided('POST', `/users/${first}/disable`),
      decided('POST', `/users/${second}/disable`),
      decided('DELETE', `/users/${first}`),
      decided('DELETE', `/users/${second}`),
    ])
    expect(answers.some(({ body }) => body.code === 'last_administrator')).toBe(true)
    const [left] = await app.services.db.query<{ count: number }>({
      text: `SELECT count(*)::int AS count FROM accounts WHERE 'admin' = ANY (roles) AND status = 'active'`,
      values: [],
    })
    expect(left?.count).toBe(1)
  })
})

describe('the list of people', () => {
  // In statements short enough for a busy machine
  beforeAll(async () => {
    const { db } = app.services
    for (let first = 1; first <= 20_000; first += 1000) {
      await db.unhurried(() =>
        db.query({
          text: `INSERT INTO accounts (id, email, email_canonical, username, profile, created_at, updated_at)
            SELECT gen_random_uuid(), 'bulk' || n || '@bulk.example', 'bulk' || n || '@bulk.example', 'bulk-' || n,
              jsonb_build_object('name', 'Person Number' || n), now(), now()
            FROM generate_series($1::int, $1::int + 999) AS n`,
          values: [first],
        }),
      )
    }
    await db.unhurried(() => db.query({ text: 'ANALYZE accounts', values: [] }))
  }, 60_000)

  const found = async (search: string, more = '') =>
    (await ask('GET', `/users?search=${encodeURIComponent(search)}${more}`)).body.data

  it('finds by how an address, a user name or a word of a name begins', async () => {
    expect((await found('GRACE@ex')).map((one) => one.email)).toEqual([grace.email])
    expect((await found('bulk-1777')).map((one) => one.username)).toEqual(
      expect.arrayContaining(['bulk-1777', 'bulk-17770']),
    )
    expect((await found('number12345')).map((one) => one.name)).toEqual(['Person Number12345'])
    expect((await found('person number12345')).length).toBe(1)
    expect(await found('%')).toEqual([])
    expect(await found("a'b & !x:*")).toEqual([])
    expect(await found('grace', '&status=disabled')).toEqual([])
  })

  it.each(['/users?limit=100', '/users?limit=100&search=bulk', '/users?search=number1'])(
    'takes three statements whatever the size: %s',
    async (path) => {
      await ask('GET', path)
      app.statements()
      const { status, body } = await ask('GET', path)
      expect(status).toBe(200)
      expect(body.data.length).toBeGreaterThanOrEqual(50)
      expect(app.statements().length).toBeLessThanOrEqual(3)
    },
  )

  it('is answered by indexes, under a plan that is made once for every value', async () => {
    const { db } = app.services
    const plan = await db.prisma.$transaction(async (tx) => {
      await tx.$executeRawUnsafe(`PREPARE seen AS ${searchSql}`)
      return tx.$queryRawUnsafe<Record<string, string>[]>(
        `EXPLAIN EXECUTE seen ('00000000-0000-0000-0000-000000000000', NULL, 51, 'bulk-1', 'bulk-1~', 'bulk:*')`,
      )
    })
    const lines = plan.flatMap((row) => Object.values(row)).join('\n')
    expect(lines).toContain('accounts_email_canonical_idx')
    expect(lines).toContain('accounts_username_idx')
    expect(lines).toContain('accounts_name_idx')
    expect(lines).not.toContain('Seq Scan')
  })
})
