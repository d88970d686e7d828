// The registry of upstreams through the management API: what is kept, what is never shown, and who may trust one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { managementScopes } from '../../src/features/clients/first-party.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { createManagement } from '../support/management.ts'
import { grace } from '../support/rp.ts'
import { allRows } from '../support/tables.ts'

let app: TestApp
let api: ReturnType<typeof createManagement>
const tokens = { writer: '', reader: '', all: '', grace: '' }
beforeAll(async () => {
  app = await startApp()
  api = createManagement(app.issuer)
  tokens.writer = await api.machineToken('clients:read clients:write')
  tokens.reader = await api.machineToken('clients:read')
  tokens.all = await api.machineToken(managementScopes.join(' '))
  tokens.grace = await api.personToken(grace)
})
afterAll(() => app.close())

type Sent = { by?: keyof typeof tokens; json?: object; headers?: Record<string, string> }
const ask = (method: string, path: string, { by = 'writer', json, headers = {} }: Sent = {}) =>
  api.ask(method, path, { as: tokens[by], json, headers })

let count = 0
const google = () => ({
  name: 'Google',
  issuer: 'https://accounts.google.example',
  client_id: `foyer-${++count}`,
  client_secret: `the-secret-of-upstream-${count}`,
})

describe('an upstream', () => {
  it('is registered, found, changed and removed; its secret is never shown and rests sealed', async () => {
    const json = google()
    const made = await ask('POST', '/upstreams', { json })
    const { client_secret, ...shown } = json
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      ...shown,
      has_secret: true,
      scopes: ['openid', 'email', 'profile'],
      enabled: true,
      trust_email_verified: false,
    })
    const path = `/upstreams/${made.body.id}`
    expect(made.headers.get('location')).toBe(`/api/v1${path}`)
    expect((await ask('GET', path, { by: 'reader' })).body).toEqual(made.body)
    expect((await ask('GET', '/upstreams?limit=100', { by: 'reader' })).body.data).toContainEqual(made.body)

    const changed = await ask('PATCH', path, { json: { enabled: false, scopes: ['openid'] } })
    expect(changed.body).toMatchObject({ ...shown, has_secret: true, enabled: false, scopes: ['openid'] })
    const bare = await ask('PATCH', path, { json: { client_secret: null } })
    expect(bare.body.has_secret).toBe(false)
    await ask('PATCH', path, { json: { client_secret } })
    const rest = JSON.stringify(await allRows(app.services.db), (_, value) =>
      value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
    )
    expect([rest.includes(json.client_id), rest.includes(client_secret)]).toEqual([true, false])

    expect((await ask('DELETE', path)).status).toBe(204)
    for (const method of ['GET', 'DELETE']) {
      const gone = await ask(method, path)
      expect([gone.status, gone.body.code]).toEqual([404, 'upstream_not_found'])
    }
    const types = (await app.auditTypes()).filter((type) => type.startsWith('upstream.'))
    expect(new Set(types)).toEqual(new Set(['upstream.created', 'upstream.updated', 'upstream.deleted']))
  })

  it('has a version, and one change of each is made', async () => {
    const { body, headers } = await ask('POST', '/upstreams', { json: google() })
    const path = `/upstreams/${body.id}`
    const etag = headers.get('etag') ?? ''
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        ask('PATCH', path, { json: { name: `Racer ${at}` }, headers: { 'if-match': etag } }),
      ),
    )
    const statuses = answers.map(({ status }) => status).filter((status) => status !== 503)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(new Set(statuses)).toEqual(new Set([200, 412]))
  })

  it('is registered once for an issuer and a client id, by however many at once', async () => {
    const json = google()
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask('POST', '/upstreams', { json })))
    const statuses = answers.map(({ status }) => status).filter((status) => status !== 503)
    expect(statuses.filter((status) => status === 201)).toHaveLength(1)
    expect(new Set(statuses)).toEqual(new Set([201, 409]))
    const other = await ask('POST', '/upstreams', { json: google() })
    const taken = await ask('PATCH', `/upstreams/${other.body.id}`, { json: { client_id: json.client_id } })
    expect([taken.status, taken.body.code]).toEqual([409, 'upstream_taken'])
  })

  it('is trusted with addresses only by who holds every scope there is', async () => {
    const json = { ...google(), trust_email_verified: true }
    const refused = await ask('POST', '/upstreams', { json })
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
    const made = await ask('POST', '/upstreams', { by: 'all', json })
    expect([made.status, made.body.trust_email_verified]).toEqual([201, true])
    // Nor is one that is trusted turned into another by who may not trust it
    const path = `/upstreams/${made.body.id}`
    const moved = await ask('PATCH', path, { json: { issuer: 'https://elsewhere.example' } })
    expect(moved.status).toBe(403)
    expect((await ask('GET', path)).body.issuer).toBe(json.issuer)
    expect((await ask('PATCH', path, { json: { trust_email_verified: false } })).status).toBe(200)
    expect((await ask('PATCH', path, { json: { trust_email_verified: true } })).status).toBe(403)
  })

  it('is nothing for people who administer nothing, and not to be written by who reads', async () => {
    expect((await ask('GET', '/upstreams', { by: 'grace' })).status).toBe(403)
    expect((await ask('POST', '/upstreams', { by: 'reader', json: google() })).body.code).toBe(
      'insufficient_scope',
    )
  })

  it.each([
    [{ issuer: 'http://accounts.google.example' }, '/issuer'],
    [{ issuer: 'https://accounts.google.example/?a=b' }, '/issuer'],
    [{ issuer: 'https://accounts.google.example#x' }, '/issuer'],
    [{ issuer: 'https://me:secret@accounts.google.example' }, '/issuer'],
    [{ issuer: 'javascript:alert(1)' }, '/issuer'],
    [{ scopes: ['email'] }, '/scopes'],
    [{ scopes: ['openid', 'openid'] }, '/scopes'],
    [{ scopes: ['openid', 'two words'] }, '/scopes/1'],
    [{ name: ' ' }, '/name'],
    [{ name: 'a\u202eb' }, '/name'],
    [{ client_id: 'ü' }, '/client_id'],
    [{ client_secret: '' }, '/client_secret'],
    [{ enabled: 'yes' }, '/enabled'],
    [{ token_endpoint: 'https://x.example' }, '/token_endpoint'],
  ])('is not registered with %j', async (wrong, pointer) => {
    const { status, body } = await ask('POST', '/upstreams', { json: { ...google(), ...wrong } })
    expect([status, body.errors?.[0]?.pointer]).toEqual([400, pointer])
  })

  it('may be on this machine without TLS, as a test bench is', async () => {
    const json = { ...google(), issuer: 'http://localhost:9999/idp' }
    expect((await ask('POST', '/upstreams', { json })).status).toBe(201)
  })
})
