// Operations that need a fresh sign-in (RFC 9470): what is answered to an old one, and the way to a new one.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, type Person } from '../support/browser-less.ts'
import { admin, createManagement } from '../support/management.ts'
import { createRp, type Rp } from '../support/rp.ts'

let app: TestApp
let api: ReturnType<typeof createManagement>
let rp: Rp
let person: Person
let resource = ''
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  api = createManagement(app.issuer)
  rp = createRp(app.issuer)
  person = createPerson()
  resource = `${app.issuer}/api/v1`
  const scopes = ['keys:rotate']
  await app.services.apis.allow({ kind: 'system' }, 'demo-web', {
    identifier: resource,
    scopes,
    serves: false,
  })
})
afterAll(() => app.close())

const tokens = (params: Record<string, string> = {}) =>
  rp.tokens({ person, who: admin, params: { scope: 'openid keys:rotate', resource, ...params } })
const rotate = (as: string) => api.ask('POST', '/keys/rotate', { as, json: { alg: 'EdDSA' } })

describe('a person who rotates keys', () => {
  it('signs in again when they did so long ago, and no refresh helps', async () => {
    const old = await tokens()
    await app.advance(301)
    const { status, headers, body } = await rotate(old.access_token)
    expect([status, body.code]).toEqual([401, 'insufficient_user_authentication'])
    expect(headers.get('www-authenticate')).toBe(
      `Bearer error="insufficient_user_authentication", max_age="300", resource_metadata="${app.issuer}/.well-known/oauth-protected-resource/api/v1"`,
    )
    // What needs no fresh one goes on
    expect((await api.ask('GET', '/keys', { as: old.access_token })).status).toBe(200)
    const refreshed = await rp.refresh(old.refresh_token ?? '')
    expect((await rotate(refreshed.body.access_token)).status).toBe(401)
    expect((await rotate((await tokens()).access_token)).status).toBe(401)

    const fresh = await tokens({ max_age: '300' })
    expect(Number(decodeJwt(fresh.access_token).auth_time)).toBeGreaterThan(
      Number(decodeJwt(old.access_token).auth_time),
    )
    expect((await rotate(fresh.access_token)).status).toBe(200)
  })

  it('at the JSON door has signed in just now', async () => {
    await app.advance(301)
    expect((await rotate(await api.personToken(admin))).status).toBe(200)
  })
})
