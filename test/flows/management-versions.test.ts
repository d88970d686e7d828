// ETag and If-Match where a thing is changed, the same everywhere: of two who read one version the second is told.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createManagement } from '../support/management.ts'

let app: TestApp
let api: ReturnType<typeof createManagement>
let machine: string
beforeAll(async () => {
  app = await startApp()
  api = createManagement(app.issuer)
  machine = await api.machineToken('teams:read teams:write roles:read roles:write clients:read clients:write')
})
afterAll(() => app.close())

const ask = (method: string, path: string, json?: object, headers: Record<string, string> = {}) =>
  api.ask(method, path, { as: machine, json, headers })

let count = 0
const newTeam = async () => (await ask('POST', '/teams', { slug: `v-${++count}`, name: 'Versions' })).body.id
const newRole = async () => (await ask('POST', '/roles', { name: `role-${++count}` })).body.name
const anApi = { name: 'Games', scopes: ['games:read'] }

type Thing = { path: string; method: string; change: (text: string) => object; made?: Headers }
const things: [string, () => Promise<Thing>][] = [
  [
    'a team',
    async () => ({
      path: `/teams/${await newTeam()}`,
      method: 'PATCH',
      change: (text) => ({ name: text }),
    }),
  ],
  [
    'a role of the installation',
    async () => ({
      path: `/roles/${await newRole()}`,
      method: 'PATCH',
      change: (text) => ({ description: text }),
    }),
  ],
  [
    'a role in a team',
    async () => {
      const path = `/teams/${await newTeam()}/roles`
      await ask('POST', path, { name: 'steward' })
      return { path: `${path}/steward`, method: 'PATCH', change: (text) => ({ description: text }) }
    },
  ],
  [
    'an API',
    async () => {
      const path = `/apis/urn:versions:${++count}`
      await ask('PUT', path, anApi)
      return { path, method: 'PUT', change: (text) => ({ ...anApi, name: text }) }
    },
  ],
]

describe.each(things)('%s', (_, open) => {
  it('has a version, which every change moves on, and a change of another version is refused', async () => {
    const { path, method, change } = await open()
    const first = (await ask('GET', path)).headers.get('etag') ?? ''
    expect(first).toMatch(/^"[0-9a-z]+"$/)
    const changed = await ask(method, path, change('one'), { 'if-match': first })
    const second = changed.headers.get('etag') ?? ''
    expect([changed.status, second === first]).toEqual([200, false])
    expect((await ask('GET', path)).headers.get('etag')).toBe(second)
    for (const stale of [first, `W/${second}`, '"zz"', 'x']) {
      const refused = await ask(method, path, change('two'), { 'if-match': stale })
      expect([stale, refused.status, refused.body.code]).toEqual([stale, 412, 'precondition_failed'])
    }
    expect((await ask('GET', path)).headers.get('etag')).toBe(second)
    expect((await ask(method, path, change('three'))).status).toBe(200)
    expect((await ask(method, path, change('four'), { 'if-match': '*' })).status).toBe(200)
  })

  it('is changed by one of many who read the same version', async () => {
    const { path, method, change } = await open()
    const etag = (await ask('GET', path)).headers.get('etag') ?? ''
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => ask(method, path, change(`racer ${at}`), { 'if-match': etag })),
    )
    // On a busy machine some waits are too long
    const statuses = answers.map(({ status }) => status).filter((status) => status !== 503)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(new Set(statuses)).toEqual(new Set([200, 412]))
  })
})

describe('a version', () => {
  it('of a team stays while members come and go', async () => {
    const id = await newTeam()
    const etag = (await ask('GET', `/teams/${id}`)).headers.get('etag')
    const { id: accountId } = await app.services.accounts.create(
      { kind: 'operator' },
      { email: 'member@example.test' },
    )
    await ask('POST', `/teams/${id}/members`, { user_id: accountId, role: 'owner' })
    expect((await ask('GET', `/teams/${id}`)).headers.get('etag')).toBe(etag)
  })

  it('of an API that is not there is none to start from', async () => {
    const refused = await ask('PUT', '/apis/urn:not:there', anApi, { 'if-match': '"abc"' })
    expect([refused.status, (await ask('GET', '/apis/urn:not:there')).status]).toEqual([412, 404])
  })

  it('of a built-in role is none, and nobody changes it', async () => {
    const shown = await ask('GET', '/roles/admin')
    expect([shown.status, shown.headers.get('etag'), shown.body.name]).toEqual([200, null, 'admin'])
    expect((await ask('PATCH', '/roles/admin', { description: 'x' })).status).toBe(404)
    expect((await ask('GET', '/roles/nothing')).body.code).toBe('role_not_found')
  })
})
