// Dynamic registration (RFC 7591) and management of what was registered (RFC 7592), from outside.
import { createHash } from 'node:crypto'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson, leftOf, pageOf } from '../support/browser-less.ts'
import { ada, createRp } from '../support/rp.ts'
import { allRows } from '../support/tables.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app.close())

const callback = 'https://shop.example/callback'
type Registered = {
  client_id: string
  client_secret?: string
  registration_access_token: string
  registration_client_uri: string
  error?: string
  error_description?: string
  [member: string]: unknown
}
type Answer = { status: number; body: Registered; headers: Headers }

async function send(
  url: string,
  method: string,
  { token, body }: { token?: string; body?: unknown } = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      accept: 'application/json',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text ? JSON.parse(text) : {}, headers: response.headers }
}
const register = (body: unknown, { at = app, token }: { at?: TestApp; token?: string } = {}) =>
  send(`${at.issuer}/oauth2/register`, 'POST', { body, ...(token !== undefined && { token }) })
const manage = (
  { registration_client_uri: uri, registration_access_token: token }: Registered,
  method: string,
  body?: unknown,
) => send(uri, method, { token, ...(body !== undefined && { body }) })

describe('an app that registers itself', () => {
  it('gets an id, a secret and a token, each shown this once and kept as a hash', async () => {
    const { status, body, headers } = await register({ redirect_uris: [callback], client_name: 'Shop' })
    expect(status).toBe(201)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toMatchObject({
      client_id: expect.any(String),
      client_secret: expect.stringMatching(/^foyer_cs_/),
      client_secret_expires_at: 0,
      client_id_issued_at: expect.any(Number),
      client_name: 'Shop',
      redirect_uris: [callback],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      require_pkce: false,
      first_party: false,
      registration_client_uri: `${app.issuer}/oauth2/register/${body.client_id}`,
    })
    const text = JSON.stringify(await allRows(app.services.db))
    expect(text).not.toContain(body.client_secret)
    expect(text).not.toContain(body.registration_access_token)
    expect((await manage(body, 'GET')).body).not.toHaveProperty('client_secret')
    expect(await app.auditTypes()).toContain('client.created')
  })

  it('signs people in without PKCE, and always asks them, as an app that nobody has checked', async () => {
    const { body } = await register({ redirect_uris: [callback], client_name: 'Shop', first_party: true })
    const rp = createRp(app.issuer, { ...body, redirect_uri: callback })
    const { url } = rp.authorizeUrl({
      scope: 'openid',
      code_challenge: undefined,
      code_challenge_method: undefined,
    })
    const person = createPerson()
    const question = pageOf(await person.submit(await person.open(url), ada))
    expect(question.html).toContain('Nobody here has checked this app.')
    expect(question.html).toContain('shop.example')
    const left = leftOf(await person.submit(question))
    const { status } = await rp.post('/oauth2/token', {
      grant_type: 'authorization_code',
      code: left.searchParams.get('code') ?? '',
      redirect_uri: callback,
    })
    expect(status).toBe(200)
  })

  it('may name scopes of an API, and is held to the others that it names', async () => {
    const { body } = await register({
      redirect_uris: [callback],
      token_endpoint_auth_method: 'none',
      scope: 'email quests:read',
    })
    expect(body).toMatchObject({ scope: 'email quests:read' })
    const rp = createRp(app.issuer, { ...body, redirect_uri: callback })
    const resource = 'urn:demo:quests'
    const { code } = await rp.signIn({ params: { scope: 'email quests:read', resource } })
    expect(code).not.toBe('')
    const wider = await createPerson().go(rp.authorizeUrl({ scope: 'openid' }).url)
    expect(leftOf(wider).searchParams.get('error')).toBe('invalid_scope')
  })

  it('needs PKCE when it keeps no secret', async () => {
    const { body } = await register({ redirect_uris: [callback], token_endpoint_auth_method: 'none' })
    expect(body).toMatchObject({ require_pkce: true })
    expect(body).not.toHaveProperty('client_secret')
  })

  it('cannot decide what is up to the owner, and what nobody knows is ignored', async () => {
    const { status, body } = await register({
      redirect_uris: [callback],
      first_party: true,
      default_resource: 'urn:demo:quests',
      access: { roles: ['admin'] },
      refresh_grace_seconds: 60,
      'client_name#de': 'Laden',
      favourite_colour: 'teal',
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({ first_party: false, refresh_grace_seconds: 10 })
    for (const member of ['default_resource', 'access', 'client_name#de', 'favourite_colour'])
      expect(body).not.toHaveProperty([member])
  })

  it.each([
    ['invalid_redirect_uri', 'another scheme', { redirect_uris: ['http://shop.example/'] }],
    ['invalid_redirect_uri', 'a pattern', { redirect_uris: ['https://*.shop.example/'] }],
    ['invalid_redirect_uri', 'no address', { redirect_uris: [] }],
    [
      'invalid_redirect_uri',
      '21 addresses',
      { redirect_uris: Array.from({ length: 21 }, (_, n) => `${callback}/${n}`) },
    ],
    ['invalid_redirect_uri', 'an address that is a number', { redirect_uris: [1] }],
    ['invalid_client_metadata', 'a long name', { redirect_uris: [callback], client_name: 'x'.repeat(201) }],
    [
      'invalid_client_metadata',
      'a name that turns around',
      { redirect_uris: [callback], client_name: 'a\u202eb' },
    ],
    [
      'invalid_client_metadata',
      'the implicit grant',
      { redirect_uris: [callback], grant_types: ['implicit'] },
    ],
    [
      'invalid_client_metadata',
      'a response type of its',
      { redirect_uris: [callback], response_types: ['token'] },
    ],
    [
      'invalid_client_metadata',
      'an unknown method',
      { redirect_uris: [callback], token_endpoint_auth_method: 'magic' },
    ],
    [
      'invalid_client_metadata',
      'keys on an http address',
      { redirect_uris: [callback], jwks_uri: 'http://shop.example/jwks' },
    ],
    ...[
      { jwks_uri: 'https://10.0.0.1/jwks' },
      { jwks_uri: 'https://[fd00::1]/jwks' },
      { jwks_uri: 'https://169.254.169.254/latest' },
      { jwks_uri: 'http://localhost:9200/jwks' },
      { jwks_uri: 'https://127.0.0.1/jwks' },
      { backchannel_logout_uri: 'https://192.168.1.1/logout' },
      { backchannel_logout_uri: 'http://127.0.0.1:9200/logout' },
    ].map((called): [string, string, object] => [
      'invalid_client_metadata',
      `a call to ${Object.values(called)}`,
      { redirect_uris: [callback], ...called },
    ]),
    [
      'invalid_client_metadata',
      'a logo of script',
      { redirect_uris: [callback], logo_uri: 'javascript:alert(1)' },
    ],
    [
      'invalid_client_metadata',
      'a machine without a secret',
      { grant_types: ['client_credentials'], token_endpoint_auth_method: 'none' },
    ],
    [
      'invalid_client_metadata',
      'the exchange of tokens',
      { redirect_uris: [callback], grant_types: ['urn:ietf:params:oauth:grant-type:token-exchange'] },
    ],
    [
      'invalid_client_metadata',
      'asking people who are elsewhere',
      { redirect_uris: [callback], grant_types: ['urn:openid:params:grant-type:ciba'] },
    ],
    [
      'invalid_client_metadata',
      'assertions of a platform',
      { redirect_uris: [callback], grant_types: ['urn:ietf:params:oauth:grant-type:jwt-bearer'] },
    ],
    [
      'invalid_software_statement',
      'a statement that is none',
      { redirect_uris: [callback], software_statement: 'trust me' },
    ],
    [
      'unapproved_software_statement',
      'a statement of somebody',
      { redirect_uris: [callback], software_statement: 'eyJhbGciOiJub25lIn0.e30.' },
    ],
    ['invalid_request', 'a list', []],
    ['invalid_request', 'no JSON', '{'],
    ['invalid_request', 'a name twice', '{"client_name":"a","client_name":"b"}'],
  ])('is told %s for %s', async (error, _, body) => {
    const answer = await register(body)
    expect(answer).toMatchObject({ status: 400, body: { error, error_description: expect.any(String) } })
    expect(answer.headers.get('content-type')).toContain('application/json')
  })

  it('is refused as a form, with another method and above the size', async () => {
    const form = await fetch(`${app.issuer}/oauth2/register`, {
      method: 'POST',
      body: new URLSearchParams({ a: 'b' }),
    })
    expect([form.status, (await form.json()).error]).toEqual([400, 'invalid_request'])
    expect((await send(`${app.issuer}/oauth2/register`, 'GET')).status).toBe(405)
    expect((await register({ client_name: 'x'.repeat(100_000) })).status).toBe(413)
  })
})

describe('what was registered', () => {
  const registered = async () => (await register({ redirect_uris: [callback], client_name: 'Shop' })).body

  it('is read, changed with a new token, and removed', async () => {
    const first = await registered()
    const read = await manage(first, 'GET')
    expect(read).toMatchObject({
      status: 200,
      body: { client_name: 'Shop', registration_access_token: first.registration_access_token },
    })
    const { client_id } = first
    const changed = await manage(first, 'PUT', { client_id, redirect_uris: [callback], client_name: 'Store' })
    expect(changed).toMatchObject({ status: 200, body: { client_id, client_name: 'Store' } })
    expect(changed.body.registration_access_token).not.toBe(first.registration_access_token)
    expect((await manage(first, 'GET')).status).toBe(401)
    const { status, body } = await manage(changed.body, 'PUT', {
      client_id,
      redirect_uris: [callback],
      client_name: null,
    })
    expect(status).toBe(200)
    expect(body).not.toHaveProperty('client_name')
    expect((await manage(body, 'DELETE')).status).toBe(204)
    expect((await manage(body, 'GET')).status).toBe(401)
    const events = await app.auditTypes()
    expect(events).toEqual(expect.arrayContaining(['client.updated', 'client.deleted']))
  })

  it('stays closed to whom the owner closed it meanwhile', async () => {
    const { body } = await register({ redirect_uris: [callback] })
    const id = body.client_id
    const { metadata } = await app.services.clients.get(id)
    const narrowed = { ...metadata, access: { roles: ['admin'], teams: [] }, email_methods: false }
    await app.services.clients.update({ kind: 'system' }, id, { metadata: narrowed })
    // Which roles and teams there are is nothing that an app is told
    const shown = await manage(body, 'GET')
    const changed = await manage(body, 'PUT', { client_id: id, redirect_uris: [callback] })
    expect([shown.status, changed.status]).toEqual([200, 200])
    for (const answer of [shown, changed])
      expect(Object.keys(answer.body).filter((name) => /^(access|email_methods)$/.test(name))).toEqual([])
    expect((await app.services.clients.get(id)).metadata).toMatchObject({
      access: { roles: ['admin'] },
      email_methods: false,
    })
  })

  it('keeps its secret through a change', async () => {
    const machine = (await register({ grant_types: ['client_credentials'], redirect_uris: [] })).body
    const { client_id, client_secret = '' } = machine
    await manage(machine, 'PUT', { client_id, grant_types: ['client_credentials'], client_name: 'Robot' })
    const rp = createRp(app.issuer, { client_id, client_secret, redirect_uri: '' })
    const params = { grant_type: 'client_credentials', resource: 'urn:demo:quests', scope: 'quests:read' }
    expect((await rp.post('/oauth2/token', params)).status).toBe(200)
  })

  it('may send its secret back with a change', async () => {
    const first = await registered()
    const { client_id, client_secret } = first
    const asked = { client_id, client_secret, redirect_uris: [callback], client_name: 'Store' }
    const changed = await manage(first, 'PUT', asked)
    expect(changed).toMatchObject({ status: 200, body: { client_name: 'Store' } })
    expect(changed.body).not.toHaveProperty('client_secret')
  })

  it('is nobody’s without its own token, whatever is wrong', async () => {
    const mine = await registered()
    const theirs = await registered()
    const refused = [
      await send(mine.registration_client_uri, 'GET'),
      await send(mine.registration_client_uri, 'GET', { token: 'foyer_reg_wrong' }),
      await send(mine.registration_client_uri, 'DELETE', { token: theirs.registration_access_token }),
      await send(`${app.issuer}/oauth2/register/demo-web`, 'GET', { token: mine.registration_access_token }),
      await send(`${app.issuer}/oauth2/register/nobody`, 'PUT', {
        token: mine.registration_access_token,
        body: {},
      }),
    ]
    for (const { status, body, headers } of refused) {
      expect([status, body]).toEqual([401, refused[0]?.body])
      expect(headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
    }
    expect((await manage(mine, 'GET')).status).toBe(200)
  })

  it.each([
    ['another id', { client_id: 'another' }],
    ['no id', { client_id: undefined }],
    ['another secret', { client_secret: 'mine' }],
    ['a secret that is no text', { client_secret: 1 }],
    ['its token', { registration_access_token: 'x' }],
    ['its address', { registration_client_uri: 'https://shop.example/' }],
    ['a time', { client_id_issued_at: 1 }],
    ['an expiry', { client_secret_expires_at: 0 }],
  ])('is not changed by a request with %s', async (_, more) => {
    const first = await registered()
    const { client_id } = first
    const answer = await manage(first, 'PUT', { client_id, redirect_uris: [callback], ...more })
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    expect((await manage(first, 'GET')).status).toBe(200)
  })

  it('stays public when it was, and refuses what a registration refuses', async () => {
    const first = (await register({ redirect_uris: [callback], token_endpoint_auth_method: 'none' })).body
    const { client_id } = first
    const confidential = await manage(first, 'PUT', { client_id, redirect_uris: [callback] })
    expect(confidential.body.error).toBe('invalid_client_metadata')
    const redirected = await manage(first, 'PUT', {
      client_id,
      redirect_uris: ['ftp://x/'],
      token_endpoint_auth_method: 'none',
    })
    expect(redirected.body.error).toBe('invalid_redirect_uri')
    expect((await manage(first, 'GET')).status).toBe(200)
  })

  it('is changed once by one token, however many show it', async () => {
    const first = await registered()
    const { client_id } = first
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        manage(first, 'PUT', { client_id, redirect_uris: [callback], client_name: `Shop ${n}` }),
      ),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(19)
  })
})

describe('who may register', () => {
  const initial = createHash('sha256').update('initial').digest('hex')

  it('is whoever shows the token', async () => {
    const env = { FOYER_CLIENT_REGISTRATION: 'token', FOYER_INITIAL_ACCESS_TOKEN: initial }
    const guarded = await startApp({ env })
    const body = { redirect_uris: [callback] }
    expect((await register(body, { at: guarded })).status).toBe(401)
    expect((await register(body, { at: guarded, token: 'another' })).body.error).toBe('invalid_token')
    expect((await register(body, { at: guarded, token: initial })).status).toBe(201)
    await guarded.close()
  })

  it('is nobody where it is closed, and nobody is told of an endpoint', async () => {
    const closed = await startApp({ env: { FOYER_CLIENT_REGISTRATION: 'closed' } })
    expect(await register({ redirect_uris: [callback] }, { at: closed })).toMatchObject({
      status: 403,
      body: { error: 'access_denied' },
    })
    const discovery = await send(`${closed.issuer}/.well-known/openid-configuration`, 'GET')
    expect(discovery.body).not.toHaveProperty('registration_endpoint')
    await closed.close()
  })

  it('is limited by address', async () => {
    const busy = await startApp()
    let refused: Answer | undefined
    for (let round = 0; round < 30 && !refused; round += 1) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => register([], { at: busy })))
      refused = answers.find(({ status }) => status === 429)
    }
    expect(refused?.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(refused?.headers.get('ratelimit-policy')).toContain('"clients.address";q=200')
    await busy.close()
  })
})

describe('clients that others wrote', () => {
  it('openid-client registers and signs in as itself', async () => {
    const config = await client.dynamicClientRegistration(
      new URL(app.issuer),
      { redirect_uris: [callback], grant_types: ['client_credentials', 'authorization_code'] },
      undefined,
      { execute: [client.allowInsecureRequests] },
    )
    const tokens = await client.clientCredentialsGrant(config, { resource: 'urn:demo:quests' })
    expect(tokens.access_token).toBeTruthy()
  })

  it('oauth4webapi registers, and manages what it has by its token', async () => {
    const options = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(app.issuer)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
    const metadata = { redirect_uris: [callback], token_endpoint_auth_method: 'none' }
    const response = await oauth.dynamicClientRegistrationRequest(as, metadata, options)
    const made = (await oauth.processDynamicClientRegistrationResponse(response)) as unknown as Registered
    const own = (method: string, token: string, body: string | null = null) =>
      oauth.protectedResourceRequest(
        token,
        method,
        new URL(made.registration_client_uri),
        new Headers({ 'content-type': 'application/json' }),
        body,
        options,
      )
    const changed = await own(
      'PUT',
      made.registration_access_token,
      JSON.stringify({ client_id: made.client_id, ...metadata, client_name: 'Shop' }),
    )
    const { registration_access_token } = await changed.json()
    expect((await own('DELETE', registration_access_token)).status).toBe(204)
  })
})
