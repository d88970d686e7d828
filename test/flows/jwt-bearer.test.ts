// Workloads that become a client by an assertion of their own platform (RFC 7523 §2.1).
import { randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeJwt, type JWK } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { all, createManagement } from '../support/management.ts'
import { createRp, demoMachine, type Rp } from '../support/rp.ts'
import { type Claims, type Key, makeKey, sign } from '../support/signed-rp.ts'

const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const quests = 'urn:demo:quests'
const ci = 'https://ci.example'

let app: TestApp
let api: ReturnType<typeof createManagement>
let job: Rp
let machine: Rp
let key: Key
let server: Server
let published: JWK[] | undefined
let asked = 0
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  api = createManagement(app.issuer)
  machine = createRp(app.issuer, demoMachine)
  key = await makeKey('RS256')
  published = [key.publicJwk]
  server = createServer((_, response) => {
    asked += 1
    response.writeHead(published ? 200 : 503).end(JSON.stringify({ keys: published }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const jwks_uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
  job = await addWorkload('deploy', {
    issuer: ci,
    jwks_uri,
    subject: ['repo:hall:main', 'repo:hall:next'],
    claims: { environment: 'production' },
  })
})
afterAll(async () => {
  server.close()
  await app.close()
})
beforeEach(() => {
  published = [key.publicJwk]
})

/** It has no secret: what its platform says is all it brings. */
async function addWorkload(id: string, trusted: object, more: object = {}): Promise<Rp> {
  await app.addClient(id, {
    grant_types: [grant_type],
    token_endpoint_auth_method: 'none',
    assertion_issuers: [trusted],
    ...more,
  })
  return createRp(app.issuer, { client_id: id, redirect_uri: '' })
}

const now = () => app.services.clock.seconds()
const claims = (): Claims => ({
  iss: ci,
  sub: 'repo:hall:main',
  aud: app.issuer,
  jti: randomUUID(),
  iat: now(),
  exp: now() + 300,
  environment: 'production',
})
const assertion = (spoiled: Claims = {}, header: Claims = {}, by = key) =>
  sign(by, { ...claims(), ...spoiled }, header)

const bring = (text: string, more: Record<string, string> = {}, by = job) =>
  by.post('/oauth2/token', { grant_type, assertion: text, resource: quests, scope: 'quests:read', ...more })

describe('an assertion of a trusted issuer', () => {
  it('gives a token of the client, as for client_credentials, without a secret', async () => {
    const { status, body } = await bring(await assertion())
    expect([status, body]).toMatchObject([
      200,
      { token_type: 'Bearer', expires_in: 900, scope: 'quests:read' },
    ])
    expect(body).not.toHaveProperty('refresh_token')
    expect(decodeJwt(body.access_token)).toMatchObject({ sub: 'deploy', client_id: 'deploy', aud: quests })
    expect((await machine.introspect(body.access_token)).body).toMatchObject({
      active: true,
      client_id: 'deploy',
    })
  })

  it('is in the audit log, with whoever brought it', async () => {
    await bring(await assertion({ sub: 'repo:hall:next' }))
    const as = await api.machineToken(all)
    const { body } = await api.ask('GET', '/audit?type=token.asserted&limit=1', { as })
    expect(body.data[0]).toMatchObject({
      actor: { kind: 'client', id: 'deploy' },
      details: { issuer: ci, subject: 'repo:hall:next', api: quests },
    })
  })

  it('may be for the token endpoint, one of several audiences, or the one that was registered', async () => {
    expect((await bring(await assertion({ aud: `${app.issuer}/oauth2/token` }))).status).toBe(200)
    expect((await bring(await assertion({ aud: ['https://other.example', app.issuer] }))).status).toBe(200)
    const own = await makeKey('EdDSA')
    const cluster = await addWorkload('pod', {
      issuer: 'https://kubernetes.default.svc',
      jwks: { keys: [own.publicJwk] },
      audience: 'sts.hall',
      subject: 'system:serviceaccount:hall:worker',
    })
    const says = { iss: 'https://kubernetes.default.svc', sub: 'system:serviceaccount:hall:worker' }
    expect((await bring(await assertion({ ...says, aud: 'sts.hall' }, {}, own), {}, cluster)).status).toBe(
      200,
    )
    expect((await bring(await assertion(says, {}, own), {}, cluster)).body.error).toBe('invalid_grant')
  })

  it('is good once, by its jti or as a whole', async () => {
    const once = await assertion()
    expect((await bring(once)).status).toBe(200)
    expect((await bring(once)).body.error).toBe('invalid_grant')
    const nameless = await assertion({ jti: undefined })
    expect((await bring(nameless)).status).toBe(200)
    expect((await bring(nameless)).body.error).toBe('invalid_grant')
    const { jti } = decodeJwt(once)
    expect((await bring(await assertion({ jti, exp: now() + 200 }))).body.error).toBe('invalid_grant')
  })

  it('is not spent by a request that is refused for another reason', async () => {
    const text = await assertion()
    expect((await bring(text, { resource: 'urn:no:api' })).body.error).toBe('invalid_target')
    expect((await bring(text, { scope: 'quests:burn' })).body.error).toBe('invalid_scope')
    expect((await bring(text)).status).toBe(200)
  })
})

describe('an assertion is refused', () => {
  const minute = 60
  it.each<[string, () => Claims]>([
    ['of another issuer', () => ({ iss: 'https://other.example' })],
    ['of no issuer', () => ({ iss: undefined })],
    ['of Foyer itself', () => ({ iss: app.issuer })],
    ['with another subject', () => ({ sub: 'repo:hall:fork' })],
    ['with a subject that only begins alike', () => ({ sub: 'repo:hall:main2' })],
    ['without a subject', () => ({ sub: undefined })],
    ['for another audience', () => ({ aud: 'https://other.example' })],
    ['for no audience', () => ({ aud: undefined })],
    ['with another claim', () => ({ environment: 'test' })],
    ['without a claim that is asked for', () => ({ environment: undefined })],
    ['with a list for that claim', () => ({ environment: ['production'] })],
    ['that has expired', () => ({ iat: now() - 2 * minute, exp: now() - minute })],
    ['that never expires', () => ({ exp: undefined })],
    ['that expires as text', () => ({ exp: String(now() + minute) })],
    ['that is not good yet', () => ({ nbf: now() + minute })],
    ['that is issued later', () => ({ iat: now() + minute })],
    ['that does not say when it was issued', () => ({ iat: undefined })],
    ['that is good for more than a day', () => ({ exp: now() + 90_000 })],
  ])('%s', async (_, spoiled) => {
    const { status, body } = await bring(await assertion(spoiled()))
    expect([status, body.error]).toEqual([400, 'invalid_grant'])
  })

  it.each<[string, () => Promise<string>]>([
    ['that is no JWT', async () => 'nothing'],
    ['that nobody signed', async () => `${(await assertion()).split('.').slice(0, 2).join('.')}.`],
    [
      'whose algorithm is none',
      async () => {
        const [, payload] = (await assertion()).split('.')
        return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.AA`
      },
    ],
    [
      'that was changed',
      async () => {
        const [header, payload = '', signature] = (await assertion()).split('.')
        const other = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), jti: 'x' }
        return `${header}.${Buffer.from(JSON.stringify(other)).toString('base64url')}.${signature}`
      },
    ],
    ['that somebody else signed', async () => assertion({}, {}, await makeKey('RS256'))],
    [
      'that somebody else signed under the name of the key',
      async () => assertion({}, { kid: key.publicJwk.kid }, await makeKey('RS256')),
    ],
    ['that was made as an access token', () => assertion({}, { typ: 'at+jwt' })],
  ])('%s', async (_, make) => {
    const { status, body } = await bring(await make())
    expect([status, body.error]).toEqual([400, 'invalid_grant'])
  })

  it('that is missing', async () => {
    const { status, body } = await job.post('/oauth2/token', { grant_type, resource: quests })
    expect([status, body.error]).toEqual([400, 'invalid_request'])
  })

  it('of another client’s issuer, and by a client without the grant', async () => {
    const other = await addWorkload('other', {
      issuer: 'https://else.example',
      jwks: { keys: [key.publicJwk] },
      subject: 'x',
    })
    expect((await bring(await assertion(), {}, other)).body.error).toBe('invalid_grant')
    expect((await bring(await assertion(), {}, machine)).body.error).toBe('unauthorized_client')
  })
})

describe('the keys of an issuer', () => {
  it('are asked for once in a while, and again for a key that is new', async () => {
    await bring(await assertion())
    const before = asked
    for (const _ of [1, 2, 3]) expect((await bring(await assertion())).status).toBe(200)
    expect(asked).toBe(before)
    const next = await makeKey('ES256')
    published = [key.publicJwk, next.publicJwk]
    await app.advance(31)
    expect((await bring(await assertion({}, {}, next))).status).toBe(200)
    expect(asked).toBe(before + 1)
    // Keys that are nowhere do not make us ask without end
    for (const _ of [1, 2, 3]) await bring(await assertion({}, {}, await makeKey('ES256')))
    expect(asked).toBe(before + 1)
  })

  it('are still good while their address is down', async () => {
    await bring(await assertion())
    published = undefined
    await app.advance(301)
    const before = asked
    expect((await bring(await assertion())).status).toBe(200)
    expect(asked).toBe(before + 1)
  })
})

describe('a registration', () => {
  const trusted = { issuer: ci, jwks_uri: 'https://ci.example/jwks', subject: 'x' }
  it.each([
    ['says whose assertions are taken', { assertion_issuers: undefined }],
    ['has the grant for them', { grant_types: ['client_credentials'] }],
    ['says where the keys are', { assertion_issuers: [{ ...trusted, jwks_uri: undefined }] }],
    ['says which workloads are meant', { assertion_issuers: [{ ...trusted, subject: undefined }] }],
    ['names an issuer once', { assertion_issuers: [trusted, trusted] }],
    ['names no private network', { assertion_issuers: [{ ...trusted, jwks_uri: 'https://10.0.0.1/jwks' }] }],
    ['names public addresses', { assertion_issuers: [{ ...trusted, jwks_uri: 'http://ci.example/jwks' }] }],
  ])('%s', async (_, wrong) => {
    const as = await api.machineToken(all)
    const right = { grant_types: [grant_type], assertion_issuers: [trusted] }
    const { status, body } = await api.ask('POST', '/clients', { as, json: { ...right, ...wrong } })
    expect([status, body.errors?.[0]?.pointer]).toEqual([400, expect.stringMatching(/^\/assertion_issuers/)])
    const { status: made, body: shown } = await api.ask('POST', '/clients', { as, json: right })
    expect([made, shown.assertion_issuers]).toEqual([201, [{ ...trusted, subject: ['x'] }]])
  })
})
