// Token exchange (RFC 8693): a client trades a person's token for one of another API, and acts for them there.
import { createRemoteJWKSet, decodeJwt, type JWTPayload, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { all, createManagement } from '../support/management.ts'
import {
  basic,
  createRp,
  demoMachine,
  demoThirdParty,
  demoWeb,
  grace,
  type Rp,
  type Who,
} from '../support/rp.ts'
import { dpop, makeKey, postForm } from '../support/signed-rp.ts'
import { allRows } from '../support/tables.ts'

const grant_type = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessToken = 'urn:ietf:params:oauth:token-type:access_token'
const quests = 'urn:demo:quests'

let app: TestApp
let api: ReturnType<typeof createManagement>
let rp: Rp
let broker: Rp
let machine: Rp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  api = createManagement(app.issuer)
  rp = createRp(app.issuer)
  machine = createRp(app.issuer, demoMachine)
  broker = await addBroker('broker')
  await app.services.apis.save(
    { kind: 'system' },
    { identifier: trips, name: 'Trips', scopes: ['trips:plan', 'trips:book'], openToAll: true },
  )
})
afterAll(() => app.close())

async function addBroker(id: string, more: object = {}): Promise<Rp> {
  await app.addClient(id, { grant_types: [grant_type], ...more })
  return createRp(app.issuer, { client_id: id, client_secret: secretOf(id), redirect_uri: '' })
}

const exchange = (by: Rp, subject_token: string, more: Record<string, string> = {}) =>
  by.post('/oauth2/token', {
    grant_type,
    subject_token,
    subject_token_type: accessToken,
    resource: quests,
    ...more,
  })

/** For userinfo alone, so it is opaque. */
const subject = async (who?: Who, params: Record<string, string | undefined> = { scope: 'openid' }) =>
  (await rp.tokens({ params, ...(who && { who }) })).access_token
const trips = 'urn:test:trips'
const questToken = () => subject(undefined, { scope: 'openid quests:read', resource: quests })

async function traded(by: Rp, token: string, more: Record<string, string> = {}): Promise<string> {
  const { status, body } = await exchange(by, token, more)
  if (status !== 200) throw new Error(JSON.stringify(body))
  return body.access_token
}
const isActive = async (token: string) => (await machine.introspect(token)).body.active

describe('a token that is traded', () => {
  it('is for the other API, the same person and the client that asked, which it names as the actor', async () => {
    const { status, headers, body } = await exchange(broker, await subject(), { scope: 'quests:read' })
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(body).toMatchObject({
      issued_token_type: accessToken,
      token_type: 'Bearer',
      scope: 'quests:read',
      expires_in: expect.any(Number),
    })
    const keys = createRemoteJWKSet(new URL(`${app.issuer}/oauth2/jwks`))
    const { payload } = await jwtVerify(body.access_token, keys, { typ: 'at+jwt', audience: quests })
    const ada = await app.services.accounts.findByIdentifier('ada@example.test')
    expect(payload).toMatchObject({
      iss: app.issuer,
      sub: ada?.id,
      client_id: 'broker',
      act: { sub: 'broker' },
      scope: 'quests:read',
    })
    const { body: seen } = await machine.introspect(body.access_token)
    expect(seen).toMatchObject({ active: true, sub: ada?.id, act: { sub: 'broker' }, aud: quests })
  })

  it('may be a structured one, named by audience or resource, and called a JWT', async () => {
    const jwt = 'urn:ietf:params:oauth:token-type:jwt'
    const more = { subject_token_type: jwt, requested_token_type: jwt, audience: quests }
    const { status, body } = await exchange(broker, await questToken(), more)
    expect([status, body]).toMatchObject([200, { issued_token_type: jwt, scope: 'quests:read' }])
  })

  it('names all who act, the last one outermost', async () => {
    const second = await addBroker('second')
    const token = await traded(second, await traded(broker, await subject()))
    expect(decodeJwt(token)).toMatchObject({
      client_id: 'second',
      act: { sub: 'second', act: { sub: 'broker' } },
    })
    expect(await isActive(token)).toBe(true)
    // Of the client in the middle too the token hangs on its being there
    await app.services.clients.remove({ kind: 'system' }, 'broker')
    await expect.poll(() => isActive(token)).toBe(false)
    broker = await addBroker('broker')
  })

  it('lives no longer than the one it was traded for', async () => {
    const token = await subject()
    await app.advance(600)
    const { body } = await exchange(broker, token)
    expect(body.expires_in).toBeLessThanOrEqual(300)
    expect(body.expires_in).toBeGreaterThan(200)
  })

  it('is in the audit log, and leaves nothing else behind', async () => {
    const token = await subject()
    const before = await allRows(app.services.db)
    app.statements()
    const { body } = await exchange(broker, token)
    expect(app.statements().length).toBeLessThanOrEqual(3)
    const after = await allRows(app.services.db)
    const grown = Object.keys(after).filter((table) => after[table]?.length !== before[table]?.length)
    expect(grown.filter((table) => !table.includes('audit'))).toEqual([])
    const [fact] = (
      await api.ask('GET', '/audit?type=token.exchanged&limit=1', { as: await api.machineToken(all) })
    ).body.data
    expect(fact).toMatchObject({
      actor: { kind: 'client', id: 'broker' },
      user_id: decodeJwt(body.access_token).sub,
      details: { api: quests, from: 'demo-web' },
    })
  })
})

describe('its end', () => {
  it('comes with the session of the person', async () => {
    const token = await traded(broker, await subject())
    const [, , session] = String(decodeJwt(token).jti).split('.')
    const as = await api.machineToken(all)
    expect((await api.ask('DELETE', `/sessions/${session}`, { as })).status).toBe(204)
    expect(await isActive(token)).toBe(false)
  })

  it('comes with the grant of the client it was traded from', async () => {
    const { access_token, refresh_token = '' } = await rp.tokens({
      params: { scope: 'openid offline_access', prompt: 'consent' },
    })
    const token = await traded(broker, access_token)
    expect(await isActive(token)).toBe(true)
    await rp.revoke(refresh_token)
    expect(await isActive(token)).toBe(false)
  })

  it('comes with the account', async () => {
    const token = await traded(broker, await subject(grace))
    await app.services.accounts.disable({ kind: 'operator' }, String(decodeJwt(token).sub))
    expect(await isActive(token)).toBe(false)
    expect((await exchange(broker, token)).body.error).toBe('invalid_request')
    await app.services.accounts.enable({ kind: 'operator' }, String(decodeJwt(token).sub))
  })
})

describe('an API', () => {
  it('that lists its clients is closed to all others, and gives the listed ones what it lists', async () => {
    const resource = `${app.issuer}/api/v1`
    const token = await subject()
    expect(await exchange(broker, token, { resource })).toMatchObject({
      status: 400,
      body: { error: 'invalid_target' },
    })

    await app.services.apis.allow({ kind: 'system' }, 'broker', {
      identifier: resource,
      scopes: ['users:read'],
      serves: false,
    })
    await expect.poll(async () => (await exchange(broker, token, { resource })).status).toBe(200)
    const wide = await exchange(broker, token, { resource, scope: 'users:read users:write' })
    expect([wide.status, wide.body.error]).toEqual([400, 'invalid_scope'])
    const as = await traded(broker, token, { resource })
    const { sub } = decodeJwt(as) as JWTPayload & { sub: string }
    expect((await api.ask('GET', `/users/${sub}`, { as })).status).toBe(200)
    // It acts within the rights of the person
    expect((await api.ask('GET', '/users', { as })).status).toBe(403)
  })

  it('never gives back more of itself than the token had', async () => {
    const { status, body } = await exchange(broker, await questToken(), { scope: 'quests:read quests:write' })
    expect([status, body.error]).toEqual([400, 'invalid_scope'])
    expect((await exchange(broker, await questToken())).body.scope).toBe('quests:read')
  })

  it('gives back no more of itself on a way that led through another', async () => {
    const back = await traded(broker, await traded(broker, await questToken(), { resource: trips }))
    expect(decodeJwt(back)).toMatchObject({ aud: quests, scope: 'quests:read' })
    const wide = await exchange(broker, back, { scope: 'quests:write' })
    expect([wide.status, wide.body.error]).toEqual([400, 'invalid_scope'])
  })

  it('gives on a second way through another only what the first one had', async () => {
    const there = await traded(broker, await subject(), { resource: trips, scope: 'trips:plan' })
    const again = await traded(broker, await traded(broker, there), { resource: trips })
    expect(decodeJwt(again)).toMatchObject({ aud: trips, scope: 'trips:plan' })
  })

  it('gives what the person granted there when they granted something, whatever this token is for', async () => {
    const { refresh_token = '' } = await rp.tokens({
      params: { scope: 'openid quests:read', resource: quests },
    })
    const { body } = await rp.refresh(refresh_token, { scope: 'openid' })
    expect(body.scope).toBe('openid')
    expect((await exchange(broker, body.access_token)).body.scope).toBe('quests:read')
  })

  it('gives what that API grants the client where the person was asked nothing about it', async () => {
    const theirs = createRp(app.issuer, demoThirdParty)
    const { access_token: token } = await theirs.tokens({ params: { scope: 'openid' } })
    expect((await exchange(broker, token)).body.scope).toBe('quests:read quests:write')
  })
})

describe('a token is traded', () => {
  const stranger = {
    status: 400,
    body: { error: 'invalid_request', error_description: expect.stringContaining('trades no tokens of') },
  }
  const alone = { token_exchange_clients: [] }

  it('by a client that names nobody, or the client it was issued to', async () => {
    const named = await addBroker('named', { token_exchange_clients: ['demo-web'] })
    for (const by of [broker, named]) expect((await exchange(by, await questToken())).status).toBe(200)
  })

  it('by no client that names others', async () => {
    const passerBy = await addBroker('passer-by', { token_exchange_clients: ['demo-third-party'] })
    for (const token of [await subject(), await questToken()])
      expect(await exchange(passerBy, token)).toMatchObject(stranger)
  })

  it('by the client that it was issued to, once it was traded too', async () => {
    const redirect_uri = 'https://own.example/callback'
    const own = await addBroker('own', {
      ...alone,
      grant_types: [grant_type, 'authorization_code'],
      redirect_uris: [redirect_uri],
      first_party: true,
    })
    const asRp = createRp(app.issuer, { client_id: 'own', client_secret: secretOf('own'), redirect_uri })
    const { access_token } = await asRp.tokens({ params: { scope: 'openid' } })
    const there = await traded(own, access_token, { resource: trips })
    expect((await exchange(own, there)).body.scope).toBe('quests:read quests:write')
  })

  it('by the client that is the API it is for, and not by one of another', async () => {
    const served = await addBroker('served', alone)
    const elsewhere = await addBroker('elsewhere', alone)
    const serves = (identifier: string) => ({ identifier, scopes: [], serves: true })
    await app.services.apis.allow({ kind: 'system' }, 'served', serves(quests))
    await app.services.apis.allow({ kind: 'system' }, 'elsewhere', serves(trips))
    const token = await questToken()
    await expect.poll(async () => (await exchange(served, token, { resource: trips })).status).toBe(200)
    expect(await exchange(elsewhere, token, { resource: trips })).toMatchObject(stranger)
    expect(await exchange(served, await subject(), { resource: trips })).toMatchObject(stranger)
  })
})

describe('a request is refused', () => {
  const invalid = 'invalid_request'
  it.each([
    ['without a subject token', { subject_token: '' }, invalid],
    ['without its type', { subject_token_type: '' }, invalid],
    ['with an ID token', { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' }, invalid],
    [
      'that wants a refresh token',
      { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      invalid,
    ],
    ['with an actor token', { actor_token: 'x', actor_token_type: accessToken }, invalid],
    ['with a token that nobody knows', { subject_token: 'nobody-knows-it' }, invalid],
    ['with a token that somebody else signed', { subject_token: 'e30.e30.e30' }, invalid],
    ['for an API that nobody knows', { resource: 'urn:no:api' }, 'invalid_target'],
    ['for two APIs', { audience: 'urn:other' }, 'invalid_target'],
    ['for a scope that is not there', { scope: 'quests:burn' }, 'invalid_scope'],
    ['for scopes one of which is not there', { scope: 'quests:read quests:burn' }, 'invalid_scope'],
    ['for a scope that is none', { scope: '"' }, 'invalid_scope'],
  ])('%s', async (_, more: Record<string, string>, error) => {
    const answer = await exchange(broker, await subject(), more)
    expect([answer.status, answer.body.error]).toEqual([400, error])
  })

  it('for no API, by a client without one of its own', async () => {
    const { status, body } = await broker.post('/oauth2/token', {
      grant_type,
      subject_token: await subject(),
      subject_token_type: accessToken,
    })
    expect([status, body.error]).toEqual([400, 'invalid_target'])
  })

  it('for a token that has expired, was revoked, or is a machine’s own', async () => {
    const [old, revoked] = [await subject(), await questToken()]
    await rp.revoke(revoked)
    await app.advance(901)
    const own = await machine.post('/oauth2/token', { grant_type: 'client_credentials', resource: quests })
    for (const token of [old, revoked, own.body.access_token])
      expect(await exchange(broker, token)).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })

  it('for a client that is not open to that person', async () => {
    const closed = await addBroker('closed', { access: { roles: ['admin'], teams: [] } })
    expect(await exchange(closed, await subject())).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    })
    const admin = { email: 'admin@example.test', password: 'difference-engine-1822' }
    expect((await exchange(closed, await subject(admin))).status).toBe(200)
  })

  it('for a client that takes bound tokens alone', async () => {
    const bound = await addBroker('bound', { dpop_bound_access_tokens: true })
    expect(await exchange(bound, await subject())).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    })
  })

  it.each([
    ['opaque', {}],
    ['structured', { scope: 'openid quests:read', resource: quests }],
  ])('for a token that is bound to a key, %s', async (_, params) => {
    const { code, verifier } = await rp.signIn({ params })
    const url = `${app.issuer}/oauth2/token`
    const form = {
      grant_type: 'authorization_code',
      redirect_uri: demoWeb.redirect_uri,
      code,
      code_verifier: verifier,
    }
    const authorization = basic(demoWeb.client_id, demoWeb.client_secret)
    const { body } = await postForm(url, form, { authorization, ...(await dpop(await makeKey(), { url })) })
    expect(body.token_type).toBe('DPoP')
    const answer = await exchange(broker, body.access_token)
    expect(answer.body).toMatchObject({
      error: 'invalid_request',
      error_description: expect.stringContaining('bound'),
    })
  })

  it('when too many clients act for one another', async () => {
    let token = await subject()
    for (const _ of [1, 2, 3, 4, 5]) token = await traded(broker, token)
    expect(await exchange(broker, token)).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })

  it('for a client without the grant, or with a wrong secret', async () => {
    expect((await exchange(rp, await subject())).body.error).toBe('unauthorized_client')
    const wrong = createRp(app.issuer, { client_id: 'broker', client_secret: 'wrong', redirect_uri: '' })
    expect(await exchange(wrong, await subject())).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    })
  })

  it('at the registration of a client that names others and has not the grant', async () => {
    const json = { grant_types: ['client_credentials'], token_exchange_clients: ['demo-web'] }
    const { status, body } = await api.ask('POST', '/clients', { as: await api.machineToken(all), json })
    expect([status, body.errors?.[0]?.pointer]).toEqual([400, '/token_exchange_clients'])
  })

  it('at the registration of a client that can keep no secret', async () => {
    const json = { grant_types: [grant_type], token_endpoint_auth_method: 'none' }
    const { status, body } = await api.ask('POST', '/clients', { as: await api.machineToken(all), json })
    expect([status, body.errors?.[0]?.pointer]).toEqual([400, '/grant_types'])
  })
})

describe('clients of others', () => {
  it('openid-client trades by its generic grant', async () => {
    const insecure = { execute: [openid.allowInsecureRequests] }
    const auth = openid.ClientSecretBasic(secretOf('broker'))
    const config = await openid.discovery(new URL(app.issuer), 'broker', undefined, auth, insecure)
    expect(config.serverMetadata().grant_types_supported).toContain(grant_type)
    const tokens = await openid.genericGrantRequest(config, grant_type, {
      subject_token: await subject(),
      subject_token_type: accessToken,
      resource: quests,
    })
    expect(tokens).toMatchObject({ token_type: 'bearer', issued_token_type: accessToken })
  })

  it('oauth4webapi trades by its generic request', async () => {
    const options = { [oauth.allowInsecureRequests]: true } as const
    const issuer = new URL(app.issuer)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
    const client = { client_id: 'broker' }
    const response = await oauth.genericTokenEndpointRequest(
      as,
      client,
      oauth.ClientSecretBasic(secretOf('broker')),
      grant_type,
      { subject_token: await subject(), subject_token_type: accessToken, audience: quests },
      options,
    )
    const tokens = await oauth.processGenericTokenEndpointResponse(as, client, response)
    expect(tokens.issued_token_type).toBe(accessToken)
  })
})
