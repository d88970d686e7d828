// How often a request goes to the database: the numbers of the issue, counted where the statements are sent.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { codeOf, createPerson } from '../support/browser-less.ts'
import { ada, createRp, demoMachine, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
let machine: Rp
beforeAll(async () => {
  app = await startApp({ env: { FOYER_LOGIN_LAYOUT: 'single' } })
  rp = createRp(app.issuer)
  machine = createRp(app.issuer, demoMachine)
  // Clients and APIs are read once and kept; what is counted is every request after that
  await rp.tokens({ params: { scope: 'openid quests:read', resource: 'urn:demo:quests' } })
  await machine.post('/oauth2/token', { grant_type: 'client_credentials', resource: 'urn:demo:quests' })
})
afterAll(() => app.close())
beforeEach(() => {
  app.statements()
})

const quests = { scope: 'openid quests:read', resource: 'urn:demo:quests' }

describe('round trips to the database', () => {
  it('client_credentials: none for a JWT', async () => {
    for (const resource of ['urn:demo:quests', undefined]) {
      const params = { grant_type: 'client_credentials', ...(resource && { resource }) }
      expect((await machine.post('/oauth2/token', params)).status).toBe(200)
    }
    expect(app.statements()).toEqual([])
  })

  it('client_credentials: one write for an opaque token', async () => {
    await app.addClient('plain-machine', { grant_types: ['client_credentials'] })
    const plain = createRp(app.issuer, {
      client_id: 'plain-machine',
      client_secret: 'secret-of-plain-machine',
      redirect_uri: '',
    })
    async function statementsOfToken(): Promise<number> {
      app.statements()
      const { status, body } = await plain.post('/oauth2/token', { grant_type: 'client_credentials' })
      expect([status, body.access_token.length]).toEqual([200, 43])
      return app.statements().length
    }
    // The word that there is a new client may come only after the client has been read once
    await expect.poll(statementsOfToken).toBe(1)
    expect(await statementsOfToken()).toBe(1)
  })

  it.each([
    ['an opaque token', {}],
    ['a JWT', quests],
    ['offline access', { scope: 'openid offline_access', prompt: 'consent' }],
  ])('code redemption for %s: two', async (_, params) => {
    const { code, verifier } = await rp.signIn({ params })
    app.statements()
    expect((await rp.redeem(code, verifier)).status).toBe(200)
    expect(app.statements()).toHaveLength(2)
  })

  it.each([
    ['an opaque token', {}],
    ['a JWT', quests],
    ['offline access', { scope: 'openid offline_access', prompt: 'consent' }],
  ])('refresh of %s: two, also inside the grace', async (_, params) => {
    const { refresh_token = '' } = await rp.tokens({ params })
    app.statements()
    expect((await rp.refresh(refresh_token)).status).toBe(200)
    expect(app.statements()).toHaveLength(2)
    expect((await rp.refresh(refresh_token)).status).toBe(200)
    expect(app.statements().length).toBeLessThanOrEqual(2)
  })

  it('introspection: one', async () => {
    const opaque = await rp.tokens()
    const jwt = await rp.tokens({ params: quests })
    for (const token of [opaque.access_token, opaque.refresh_token ?? '', jwt.access_token, 'a-stranger']) {
      app.statements()
      await rp.introspect(token)
      expect(app.statements()).toHaveLength(1)
    }
  })

  it('userinfo: one', async () => {
    const { access_token } = await rp.tokens({ params: { scope: 'openid profile teams roles' } })
    app.statements()
    expect((await rp.userinfo(access_token)).status).toBe(200)
    expect(app.statements()).toHaveLength(1)
  })

  it('discovery and keys: none', async () => {
    await fetch(`${app.issuer}/.well-known/openid-configuration`)
    await fetch(`${app.issuer}/oauth2/jwks`)
    expect(app.statements()).toEqual([])
  })

  it('a code flow with sign-in, from the first request to the tokens: eight', async () => {
    const person = createPerson()
    const { url, verifier } = rp.authorizeUrl({ scope: 'openid profile email' })
    const page = await person.open(url)
    const went = await person.submit(page, ada)
    const code = codeOf(went)
    expect((await rp.redeem(code, verifier)).status).toBe(200)
    expect(app.statements().length).toBeLessThanOrEqual(8)
  })

  it('a code flow of somebody who is signed in: two, and two for the tokens', async () => {
    const { person } = await rp.signIn()
    app.statements()
    const { url, verifier } = rp.authorizeUrl()
    const went = await person.go(url)
    const code = codeOf(went)
    expect((await rp.redeem(code, verifier)).status).toBe(200)
    expect(app.statements().length).toBeLessThanOrEqual(4)
  })
})
