// Join codes of a team through the management API. Who may do what is held in test/fast/team-policy.test.ts.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hours } from '../../src/kernel/time.ts'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createManagement } from '../support/management.ts'
import { ada, grace } from '../support/rp.ts'

let app: TestApp
let api: ReturnType<typeof createManagement>
let teamId: string
const tokens = { machine: '', reader: '', ada: '', grace: '' }
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  api = createManagement(app.issuer)
  tokens.machine = await api.machineToken('teams:read teams:write')
  tokens.reader = await api.machineToken('teams:read')
  tokens.ada = await api.personToken(ada)
  tokens.grace = await api.personToken(grace)
  const { data } = (await api.ask('GET', '/teams?search=acme', { as: tokens.machine })).body
  teamId = String(data[0]?.id)
})
afterAll(() => app.close())

type By = keyof typeof tokens
const ask = (method: string, path: string, { by = 'machine', json }: { by?: By; json?: object } = {}) =>
  api.ask(method, path, { as: tokens[by], json })
const inHours = (number: number) => new Date(app.services.clock.millis() + hours(number)).toISOString()
const make = (json: object = {}, by: By = 'machine') =>
  ask('POST', `/teams/${teamId}/join-codes`, {
    by,
    json: { max_uses: 2, expires_at: inHours(1), ...json },
  })

describe('join codes', () => {
  it('are made, shown with their link, and taken back', async () => {
    const made = await make({}, 'ada')
    expect(made.status).toBe(201)
    const { id, code, url } = made.body
    expect(made.headers.get('location')).toBe(`/api/v1/teams/${teamId}/join-codes/${id}`)
    expect(code).toMatch(/^[B-Z]{4}-[B-Z]{4}-[B-Z]{4}$/)
    expect(url).toBe(`${app.issuer}/join?code=${code}`)
    expect(made.body).toMatchObject({ role: 'member', uses: 0, max_uses: 2, state: 'open' })
    const { body } = await ask('GET', `/teams/${teamId}/join-codes`, { by: 'reader' })
    expect(body.data.find((each) => each.id === id)).toEqual(made.body)

    expect((await ask('DELETE', `/teams/${teamId}/join-codes/${id}`)).status).toBe(204)
    const again = await ask('DELETE', `/teams/${teamId}/join-codes/${id}`)
    expect([again.status, again.body.code]).toEqual([404, 'join_code_not_found'])
    const { data } = (await ask('GET', `/teams/${teamId}/join-codes`)).body
    expect(data.find((each) => each.id === id)?.state).toBe('revoked')
  })

  it('are paged', async () => {
    await Promise.all([make(), make()])
    const first = (await ask('GET', `/teams/${teamId}/join-codes?limit=1`)).body
    expect(first.data).toHaveLength(1)
    const next = `/teams/${teamId}/join-codes?limit=100&cursor=${first.next_cursor}`
    expect((await ask('GET', next)).body.data.map(({ id }) => id)).not.toContain(first.data[0]?.id)
  })

  it('are nothing that a plain member sees, makes or takes back', async () => {
    const { id } = (await make()).body
    const path = `/teams/${teamId}/join-codes`
    expect((await ask('GET', path, { by: 'grace' })).status).toBe(403)
    expect((await make({}, 'grace')).status).toBe(403)
    expect((await ask('DELETE', `${path}/${id}`, { by: 'grace' })).status).toBe(403)
    expect((await make({}, 'reader')).body.code).toBe('insufficient_scope')
  })

  it.each([
    [{ max_uses: 0 }, '/max_uses'],
    [{ max_uses: '2' }, '/max_uses'],
    [{ expires_at: 'tomorrow' }, '/expires_at'],
    [{ expires_at: '2999-01-01T00:00:00Z' }, '/expires_at'],
    [{ role: 'owner' }, '/role'],
    [{ role: 'nobody-at-all' }, '/role'],
    [{ code: 'BBBB-BBBB-BBBB' }, '/code'],
  ])('are not made with %j', async (json, pointer) => {
    const { status, body } = await make(json)
    expect([status, body.errors?.[0]?.pointer]).toEqual([400, pointer])
  })

  it('let in whom they say, by the service behind the page', async () => {
    const { code } = (await make({ max_uses: 1 })).body
    const { id } = await app.services.accounts.create({ kind: 'operator' }, { email: 'pupil@example.test' })
    await app.services.joinCodes.use({ kind: 'account', id }, { code: String(code) })
    const { data } = (await ask('GET', `/teams/${teamId}/join-codes?limit=100`)).body
    expect(data.find((each) => each.code === code)).toMatchObject({ uses: 1, state: 'used_up' })
    expect(decodeJwt(tokens.ada).sub).not.toBe(id)
  })
})
