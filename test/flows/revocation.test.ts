// RFC 7009: who may end what, and what ends with it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createRp, demoMachine, demoSpa, demoThirdParty, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
let machine: Rp
beforeAll(async () => {
  app = await startApp()
  rp = createRp(app.issuer)
  machine = createRp(app.issuer, demoMachine)
})
afterAll(() => app.close())

const inactive = { active: false }
const quests = { scope: 'openid quests:read', resource: 'urn:demo:quests' }
const isActive = async (token: string | undefined) => (await rp.introspect(token ?? '')).body

describe('revocation', () => {
  it('of an opaque access token ends that token alone', async () => {
    const tokens = await rp.tokens()
    const answer = await rp.revoke(tokens.access_token)
    expect([answer.status, answer.body]).toEqual([200, {}])
    expect(await isActive(tokens.access_token)).toEqual(inactive)
    expect((await rp.userinfo(tokens.access_token)).status).toBe(401)
    expect(await isActive(tokens.refresh_token)).toMatchObject({ active: true })
    expect((await rp.refresh(tokens.refresh_token ?? '')).status).toBe(200)
  })

  it('of a JWT access token ends that token alone, also for the API', async () => {
    const tokens = await rp.tokens({ params: quests })
    const other = (await rp.refresh(tokens.refresh_token ?? '')).body
    expect((await rp.revoke(tokens.access_token)).status).toBe(200)
    expect(await isActive(tokens.access_token)).toEqual(inactive)
    expect((await machine.introspect(tokens.access_token)).body).toEqual(inactive)
    expect(await isActive(other.access_token)).toMatchObject({ active: true })
    expect(await isActive(other.refresh_token)).toMatchObject({ active: true })
  })

  it('of a refresh token ends everything of its grant', async () => {
    const { person, ...tokens } = await rp.tokens()
    const jwt = await rp.tokens({ person, params: quests })
    expect((await rp.revoke(tokens.refresh_token ?? '')).status).toBe(200)
    for (const token of [tokens.access_token, tokens.refresh_token, jwt.access_token, jwt.refresh_token]) {
      expect(await isActive(token)).toEqual(inactive)
    }
    expect(await app.auditTypes()).toContain('token.revoked')
  })

  it('of a spent refresh token ends its family', async () => {
    const tokens = await rp.tokens()
    const child = (await rp.refresh(tokens.refresh_token ?? '')).body
    expect((await rp.revoke(tokens.refresh_token ?? '')).status).toBe(200)
    expect(await isActive(child.refresh_token)).toEqual(inactive)
    expect(await isActive(child.access_token)).toEqual(inactive)
  })

  it('can be asked twice', async () => {
    for (const params of [{}, quests]) {
      const tokens = await rp.tokens({ params })
      expect((await rp.revoke(tokens.access_token)).status).toBe(200)
      expect((await rp.revoke(tokens.access_token)).status).toBe(200)
    }
    const { refresh_token = '' } = await rp.tokens()
    expect((await rp.revoke(refresh_token)).status).toBe(200)
    expect((await rp.revoke(refresh_token)).status).toBe(200)
  })

  it('works for a machine’s own token', async () => {
    const { body } = await machine.post('/oauth2/token', { grant_type: 'client_credentials' })
    expect((await machine.introspect(body.access_token)).body).toMatchObject({ active: true })
    expect((await machine.revoke(body.access_token)).status).toBe(200)
    expect((await machine.introspect(body.access_token)).body).toEqual(inactive)
  })

  it('works for a public client', async () => {
    const spa = createRp(app.issuer, demoSpa)
    const tokens = await spa.tokens()
    expect((await spa.revoke(tokens.refresh_token ?? '')).status).toBe(200)
    expect((await spa.refresh(tokens.refresh_token ?? '')).body.error).toBe('invalid_grant')
    expect((await rp.userinfo(tokens.access_token)).status).toBe(401)
  })

  it('by another client is refused and changes nothing', async () => {
    const opaque = await rp.tokens()
    const jwt = await rp.tokens({ params: quests })
    for (const token of [opaque.access_token, opaque.refresh_token ?? '', jwt.access_token]) {
      for (const thief of [demoThirdParty, demoMachine]) {
        const answer = await createRp(app.issuer, thief).revoke(token)
        expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
      }
      // A public client proves nothing about itself, so it is not even told that the token is another's
      expect((await createRp(app.issuer, demoSpa).revoke(token)).status).toBe(200)
      expect(await isActive(token)).toMatchObject({ active: true })
    }
  })

  it.each(['never-was-a-token', 'a.b.c', 'x'.repeat(4000)])(
    'of %.20s answers 200 (RFC 7009 §2.2)',
    async (token) => {
      expect((await rp.revoke(token)).status).toBe(200)
    },
  )

  it('without a token is a mistake', async () => {
    expect(await rp.post('/oauth2/revoke', {})).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    })
  })
})
