// Roles and permissions through the management API. What a role may do is test/fast/team-policy.test.ts, how it shows in
// tokens test/flows/roles.test.ts.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createManagement } from '../support/management.ts'
import { grace } from '../support/rp.ts'

let app: TestApp
let api: ReturnType<typeof createManagement>
let machine = ''
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  api = createManagement(app.issuer)
  machine = await api.machineToken('roles:read roles:write teams:read teams:write users:read')
})
afterAll(() => app.close())

const ask = (method: string, path: string, json?: object, as = machine) => api.ask(method, path, { as, json })

describe('a role of the installation', () => {
  it('is made, listed behind the built-in ones, given, changed, and removed when nobody has it', async () => {
    const made = await ask('POST', '/roles', { name: 'verifier', permissions: ['quests:verify'] })
    expect([made.status, made.body]).toMatchObject([
      201,
      { name: 'verifier', permissions: ['quests:verify'] },
    ])
    expect(made.headers.get('location')).toBe('/api/v1/roles/verifier')
    expect((await ask('POST', '/roles', { name: 'verifier' })).body.code).toBe('role_name_taken')
    const names = (await ask('GET', '/roles')).body.data.map(({ name, built_in }) => [name, built_in])
    expect(names).toEqual([
      ['admin', true],
      ['organizer', true],
      ['user', true],
      ['verifier', false],
    ])
    expect((await ask('GET', '/permissions')).body.data).toContain('quests:verify')

    const id = decodeJwt(await api.personToken(grace)).sub
    expect((await ask('POST', `/users/${id}/roles`, { role: 'verifier' })).body.data).toEqual(['verifier'])
    const inUse = await ask('DELETE', '/roles/verifier')
    expect([inUse.status, inUse.body.code]).toEqual([409, 'role_in_use'])
    const changed = await ask('PATCH', '/roles/verifier', {
      permissions: [],
      description: 'Checks people in',
    })
    expect(changed.body).toMatchObject({ permissions: [], description: 'Checks people in' })
    expect((await ask('DELETE', `/users/${id}/roles/verifier`)).status).toBe(204)
    expect((await ask('DELETE', '/roles/verifier')).status).toBe(204)
    expect((await ask('PATCH', '/roles/verifier', {})).status).toBe(404)
  })

  it('that there is not is given to nobody, and no person without rights sees any', async () => {
    const token = await api.personToken(grace)
    const id = decodeJwt(token).sub
    const unknown = await ask('POST', `/users/${id}/roles`, { role: 'emperor' })
    expect([unknown.status, unknown.body.errors]).toMatchObject([400, [{ pointer: '/role' }]])
    for (const path of ['/roles', '/permissions'])
      expect((await ask('GET', path, undefined, token)).status).toBe(403)
  })
})

describe('a role of a team', () => {
  it('counts there alone', async () => {
    const team = (await ask('POST', '/teams', { slug: 'with-roles', name: 'With roles' })).body.id
    const other = (await ask('POST', '/teams', { slug: 'without', name: 'Without' })).body.id
    const path = `/teams/${team}/roles`
    expect((await ask('POST', path, { name: 'scorer', permissions: ['scores:write'] })).status).toBe(201)
    expect((await ask('PATCH', `${path}/scorer`, { description: 'Keeps the score' })).status).toBe(200)
    const names = async (id: string) =>
      (await ask('GET', `/teams/${id}/roles`)).body.data.map(({ name }) => name)
    expect(await names(team)).toEqual(['owner', 'admin', 'member', 'scorer'])
    expect(await names(other)).toEqual(['owner', 'admin', 'member'])
    expect((await ask('DELETE', `/teams/${other}/roles/scorer`)).status).toBe(404)
    expect((await ask('DELETE', `${path}/scorer`)).status).toBe(204)
    const stranger = await ask('GET', path, undefined, await api.personToken(grace))
    expect([stranger.status, stranger.body.code]).toEqual([404, 'team_not_found'])
  })
})
