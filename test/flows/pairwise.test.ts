// Pairwise subjects (OIDC Core §8): clients of two sectors know one person by two names, wherever the name stands, and
// Foyer still knows whose token comes back.
import { decodeJwt } from 'jose'
import * as client from 'openid-client'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, pageOf } from '../support/browser-less.ts'
import { createManagement } from '../support/management.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { ada, createRp, type RpClient } from '../support/rp.ts'
import { createSignedRp, makeKey } from '../support/signed-rp.ts'

const quests = 'urn:demo:quests'

let app: TestApp
let receiver: Receiver
beforeAll(async () => {
  app = await startApp({ env: testHooks, jobs: true })
})
afterAll(() => app.close())
beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(() => receiver.close())

const publicSub = async () => (await app.services.accounts.findByIdentifier(ada.email))?.id ?? ''

async function newClient(client_id: string, host: string, more: Record<string, unknown> = {}) {
  const redirect_uri = `https://${host}/${client_id}`
  await app.addClient(client_id, {
    subject_type: 'pairwise',
    redirect_uris: [redirect_uri],
    grant_types: ['authorization_code', 'refresh_token'],
    first_party: true,
    ...more,
  })
  await app.services.clients.allowApi(client_id, {
    identifier: quests,
    scopes: ['quests:read'],
    serves: false,
  })
  return { client_id, client_secret: secretOf(client_id), redirect_uri } satisfies RpClient
}

/** Signs in with openid-client, which holds `sub` of userinfo and of a refreshed ID token against the first one. */
async function signIn(rp: RpClient, params: Record<string, string> = {}, person = createPerson()) {
  const config = await client.discovery(
    new URL(app.issuer),
    rp.client_id,
    undefined,
    client.ClientSecretBasic(rp.client_secret),
    { execute: [client.allowInsecureRequests] },
  )
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: rp.redirect_uri,
    scope: 'openid email',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...params,
  })
  const callback = await createRp(app.issuer, rp).walk(person, url.href)
  const tokens = await client.authorizationCodeGrant(config, callback, {
    pkceCodeVerifier,
    idTokenExpected: true,
  })
  return { config, tokens, person, sub: tokens.claims()?.sub ?? '' }
}

describe('a person', () => {
  it('has one name in a sector, another in the next, and the same tomorrow', async () => {
    const [one, two, other] = await Promise.all([
      newClient('one', 'shop.example'),
      newClient('two', 'shop.example'),
      newClient('three', 'news.example'),
    ])
    const first = await signIn(one)
    expect(first.sub).toMatch(/^[\w-]{43}$/)
    expect((await signIn(one)).sub).toBe(first.sub)
    expect((await signIn(two)).sub).toBe(first.sub)
    expect((await signIn(other)).sub).not.toBe(first.sub)
    expect((await signIn(one, {}, createPerson())).sub).not.toContain(await publicSub())
  })

  it('has that name in userinfo, refreshed ID tokens and introspection, and the account’s id nowhere', async () => {
    const rp = await newClient('everywhere', 'every.example')
    const { config, tokens, sub } = await signIn(rp)
    const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub)
    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '')
    const introspected = await client.tokenIntrospection(config, refreshed.access_token)
    const kept = await client.tokenIntrospection(config, refreshed.refresh_token ?? '')
    expect([userinfo.sub, refreshed.claims()?.sub, introspected.sub, kept.sub]).toEqual([sub, sub, sub, sub])
    const told = [userinfo, refreshed.claims(), tokens.claims(), introspected, kept]
    expect(JSON.stringify(told)).not.toContain(await publicSub())
  })

  it('has it in tokens for an API, which are still known, and end with the session', async () => {
    const rp = await newClient('calling', 'calling.example')
    const { config, tokens, sub, person } = await signIn(rp, {
      resource: quests,
      scope: 'openid quests:read',
    })
    expect(decodeJwt(tokens.access_token).sub).toBe(sub)
    expect(JSON.stringify(decodeJwt(tokens.access_token))).not.toContain(await publicSub())
    expect(await client.tokenIntrospection(config, tokens.access_token)).toMatchObject({ active: true, sub })
    await person.submit(await person.open(`${app.issuer}/oauth2/logout`))
    expect(await client.tokenIntrospection(config, tokens.access_token)).toEqual({ active: false })
  })

  it('is known by the account again at Foyer’s own API, until the token is revoked', async () => {
    const rp = await newClient('managing', 'managing.example')
    const resource = `${app.issuer}/api/v1`
    await app.services.clients.allowApi(rp.client_id, {
      identifier: resource,
      scopes: ['users:read'],
      serves: false,
    })
    const { config, tokens } = await signIn(rp, { resource, scope: 'openid users:read' })
    const own = async () => {
      const headers = { authorization: `Bearer ${tokens.access_token}` }
      return (await fetch(`${resource}/users/${await publicSub()}`, { headers })).status
    }
    expect(await own()).toBe(200)
    await client.tokenRevocation(config, tokens.access_token)
    expect(await own()).toBe(401)
  })

  it('is not found out by what two tokens say of the browser’s session', async () => {
    const [left, right] = await Promise.all([
      newClient('left', 'left.example'),
      newClient('right', 'right.example'),
    ])
    const asked = { resource: quests, scope: 'openid quests:read' }
    const first = await signIn(left, asked)
    const second = await signIn(right, asked, first.person)
    const again = await signIn(left, asked, first.person)
    const said = [first, second, again].flatMap(({ tokens }) =>
      String(decodeJwt(tokens.access_token).jti).split('.').slice(1),
    )
    // The grant of one app stays; nothing else is there twice
    expect(new Set(said).size).toBe(said.length - 1)
    expect(said).toHaveLength(6)
  })

  it('has it in logout tokens', async () => {
    const rp = await newClient('told', 'told.example', { backchannel_logout_uri: receiver.url })
    const { sub, person } = await signIn(rp)
    await person.submit(await person.open(`${app.issuer}/oauth2/logout`))
    const [got] = await receiver.next(1)
    const token = new URLSearchParams(got?.body).get('logout_token') ?? ''
    expect(decodeJwt(token).sub).toBe(sub)
  })

  it('is asked for by that name, and by no other', async () => {
    const rp = await newClient('asking', 'asking.example')
    const { sub, person, tokens } = await signIn(rp)
    const ask = async (params: Record<string, string>) => {
      const went = await person.go(createRp(app.issuer, rp).authorizeUrl({ prompt: 'none', ...params }).url)
      return 'left' in went ? went.left.searchParams.get('error') : 'page'
    }
    const named = (value: string) => ({ claims: JSON.stringify({ id_token: { sub: { value } } }) })
    expect(await ask(named(sub))).toBeNull()
    expect(await ask(named(await publicSub()))).toBe('login_required')
    expect(await ask({ id_token_hint: tokens.id_token ?? '' })).toBeNull()
  })

  it('signs out without a question by a hint with that name', async () => {
    const { person, tokens } = await signIn(await newClient('leaving', 'leaving.example'))
    const query = new URLSearchParams({ id_token_hint: tokens.id_token ?? '' })
    const page = pageOf(await person.go(`${app.issuer}/oauth2/logout?${query}`))
    expect(new URL(page.url).pathname).toBe('/oauth2/logout/success')
  })
})

/** The document at `sector_identifier_uri`. */
const answers = (body: unknown, status = 200) =>
  receiver.answer((_, response) => response.writeHead(status).end(JSON.stringify(body)))

it('a token that is traded names the person as the client knows them that gets it', async () => {
  answers([])
  const client_id = 'back'
  await app.addClient(client_id, {
    subject_type: 'pairwise',
    sector_identifier_uri: receiver.url,
    grant_types: ['urn:ietf:params:oauth:grant-type:token-exchange'],
  })
  await app.services.clients.allowApi(client_id, {
    identifier: quests,
    scopes: ['quests:read'],
    serves: false,
  })
  const { tokens, sub } = await signIn(await newClient('front', 'front.example'), {
    resource: quests,
    scope: 'openid quests:read',
  })
  const back = createRp(app.issuer, { client_id, client_secret: secretOf(client_id), redirect_uri: '' })
  const { body } = await back.post('/oauth2/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: tokens.access_token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    resource: quests,
  })
  const traded = decodeJwt(body.access_token)
  expect(traded.sub).toMatch(/^[\w-]{43}$/)
  expect(traded.sub).not.toBe(sub)
  expect((await back.introspect(body.access_token)).body).toMatchObject({ active: true, sub: traded.sub })
})

describe('an app that registers by itself', () => {
  const redirect_uris = ['https://one.example/callback', 'https://two.example/callback']
  const register = (metadata: Record<string, unknown>) =>
    fetch(`${app.issuer}/oauth2/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris, subject_type: 'pairwise', ...metadata }),
    }).then(async (response) => ({ status: response.status, body: await response.json() }))

  it('is offered both types of names', async () => {
    const response = await fetch(`${app.issuer}/.well-known/openid-configuration`)
    expect(await response.json()).toMatchObject({ subject_types_supported: ['public', 'pairwise'] })
  })

  it('shows with several hosts that they belong together, once', async () => {
    answers(['https://more.example/', ...redirect_uris])
    const { status, body } = await register({ sector_identifier_uri: receiver.url })
    expect([status, body.subject_type, body.sector_identifier_uri]).toEqual([201, 'pairwise', receiver.url])
    expect(receiver.got).toHaveLength(1)

    const put = (metadata: Record<string, unknown>, token: string) =>
      fetch(body.registration_client_uri, {
        method: 'PUT',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({
          client_id: body.client_id,
          subject_type: 'pairwise',
          sector_identifier_uri: receiver.url,
          redirect_uris,
          ...metadata,
        }),
      }).then(async (response) => ({ status: response.status, body: await response.json() }))
    const renamed = await put({ client_name: 'Shop' }, body.registration_access_token)
    expect([renamed.status, receiver.got.length]).toEqual([200, 1])
    const token = renamed.body.registration_access_token
    const widened = await put({ redirect_uris: [...redirect_uris, 'https://evil.example/'] }, token)
    expect([widened.status, widened.body.error]).toEqual([400, 'invalid_client_metadata'])
    expect(receiver.got).toHaveLength(2)
  })

  it.each<[string, unknown, number]>([
    ['that names one of two addresses', redirect_uris.slice(1), 200],
    ['that is empty', [], 200],
    ['that is an object', { redirect_uris }, 200],
    ['with more than texts in it', [...redirect_uris, 7], 200],
    ['that is not there', redirect_uris, 404],
    ['that is elsewhere', redirect_uris, 302],
  ])('is refused with a document %s (OIDC Registration §5)', async (_, document, status) => {
    answers(document, status)
    const answer = await register({ sector_identifier_uri: receiver.url })
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_client_metadata'])
    expect(answer.body.error_description).toMatch(/^sector_identifier_uri /)
  })

  it('is refused without a document that it needs, and with one in a private network', async () => {
    for (const metadata of [
      {},
      { sector_identifier_uri: 'https://10.0.0.1/sector' },
      { sector_identifier_uri: 'https://sector.example/x#y' },
      { redirect_uris: ['com.example.app:/callback'], application_type: 'native' },
      // Whoever claims a scheme writes somebody's host behind it
      { redirect_uris: ['com.example.app://shop.example/callback'], application_type: 'native' },
      { redirect_uris: ['http://127.0.0.1/callback'], application_type: 'native' },
      { redirect_uris: [], grant_types: ['urn:ietf:params:oauth:grant-type:device_code'] },
    ]) {
      const { status, body } = await register(metadata)
      expect([metadata, status, body.error]).toEqual([metadata, 400, 'invalid_client_metadata'])
    }
  })

  it('for devices shows by its keys who it is', async () => {
    const grant_types = ['urn:ietf:params:oauth:grant-type:device_code']
    const keys = { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://tv.example/jwks' }
    const device = { redirect_uris: [], response_types: [], grant_types, ...keys }
    expect((await register(device)).status).toBe(201)
    const { publicJwk } = await makeKey()
    const inline = { ...device, jwks_uri: undefined, jwks: { keys: [publicJwk] } }
    expect((await register(inline)).body.error).toBe('invalid_client_metadata')
  })
})

it('an app that asks people by CIBA has names of its own, and none of them is a hint', async () => {
  const key = await makeKey()
  answers({ keys: [key.publicJwk] })
  const client_id = 'elsewhere'
  await app.addClient(client_id, {
    subject_type: 'pairwise',
    grant_types: ['urn:openid:params:grant-type:ciba'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks_uri: receiver.url,
    first_party: true,
  })
  const rp = createSignedRp(app.issuer, { client_id, redirect_uri: '', key })
  const asked = await rp.post('/oauth2/ciba', { scope: 'openid', login_hint: ada.email })
  const { auth_req_id = '' } = asked.body as { auth_req_id?: string }
  const allowed = await fetch(`${app.issuer}/dev/ciba/${auth_req_id}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ action: 'allow' }),
  })
  expect(allowed.status).toBeLessThan(300)
  const { body } = await rp.post('/oauth2/token', {
    grant_type: 'urn:openid:params:grant-type:ciba',
    auth_req_id,
  })
  expect(decodeJwt(body.id_token ?? '').sub).toMatch(/^[\w-]{43}$/)
  const hinted = await rp.post('/oauth2/ciba', { scope: 'openid', id_token_hint: body.id_token ?? '' })
  expect([hinted.status, hinted.body.error]).toEqual([400, 'unknown_user_id'])
})

it('the management API says which member is refused', async () => {
  answers([])
  const api = createManagement(app.issuer)
  const as = await api.machineToken('clients:read clients:write')
  const json = {
    redirect_uris: ['https://one.example/callback'],
    subject_type: 'pairwise',
    sector_identifier_uri: receiver.url,
  }
  const { status, body } = await api.ask('POST', '/clients', { as, json })
  expect([status, body.errors?.[0]?.pointer, body.errors?.[0]?.code]).toEqual([
    400,
    '/sector_identifier_uri',
    'sector_incomplete',
  ])
  answers(json.redirect_uris)
  expect((await api.ask('POST', '/clients', { as, json })).status).toBe(201)
})
