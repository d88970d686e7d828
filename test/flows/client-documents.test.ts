// Apps whose id is the address of a document (draft-ietf-oauth-client-id-metadata-document), from outside.
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTransfer } from '../../src/transfer.ts'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, leftOf, pageOf } from '../support/browser-less.ts'
import { callback, type Documents, startDocuments } from '../support/documents.ts'
import { createManagement } from '../support/management.ts'
import { ada, createRp } from '../support/rp.ts'

let app: TestApp
let documents: Documents
beforeAll(async () => {
  documents = await startDocuments()
  app = await startOwn()
})
afterAll(async () => {
  await app?.close()
  await documents?.close()
})

const rpAt = (client_id: string, redirect_uri = callback, at = app) =>
  createRp(at.issuer, { client_id, redirect_uri })

const startOwn = (env = {}) => startApp({ env: { ...testHooks, FOYER_TRUSTED_PROXY_HOPS: '1', ...env } })

/** Everybody comes from an address of their own: how many documents one may name has a test below. */
let strangers = 0
function createStranger() {
  strangers += 1
  return createPerson({ headers: { 'x-forwarded-for': `203.0.113.${strangers}` } })
}

/** What a person sees whom the app sends here. */
const openedAt = async (client_id: string, { redirect_uri = callback, at = app } = {}) =>
  createStranger().open(rpAt(client_id, redirect_uri, at).authorizeUrl().url)

/** Asked without its cookies, which the moved clock of a test would end. */
async function isSignInAt(client_id: string, { redirect_uri = callback, at = app } = {}): Promise<boolean> {
  const { url } = rpAt(client_id, redirect_uri, at).authorizeUrl()
  const { headers } = await createStranger().request(url)
  return headers.get('location')?.startsWith('/interaction/') === true
}

describe('an app that a document describes', () => {
  it('is told of in discovery', async () => {
    const response = await fetch(`${app.issuer}/.well-known/oauth-authorization-server`)
    expect(await response.json()).toMatchObject({ client_id_metadata_document_supported: true })
  })

  it('signs people in and refreshes, and they are told where it says it comes from', async () => {
    const id = documents.describe('/agent', { grant_types: ['authorization_code', 'refresh_token'] })
    const rp = rpAt(id)
    const { url, verifier } = rp.authorizeUrl({ prompt: 'consent' })
    const person = createStranger()
    const question = pageOf(await person.submit(await person.open(url), ada))
    expect(question.html).toContain('Nobody here has checked this app.')
    expect(question.html).toContain(documents.host)
    expect(question.html).toContain('agent.example')

    const code = leftOf(await person.submit(question)).searchParams.get('code') ?? ''
    const { status, body } = await rp.redeem(code, verifier)
    expect(status).toBe(200)
    const refreshed = await rp.refresh(body.refresh_token ?? '')
    expect(refreshed.status).toBe(200)
    expect((await rp.userinfo(refreshed.body.access_token)).status).toBe(200)
    expect(documents.timesAsked('/agent')).toBe(1)
  })

  it('needs PKCE, whatever it says', async () => {
    const id = documents.describe('/no-pkce', { require_pkce: false })
    const { url } = rpAt(id).authorizeUrl({ code_challenge: undefined, code_challenge_method: undefined })
    expect(leftOf(await createStranger().go(url)).searchParams.get('error')).toBe('invalid_request')
  })

  it('comes back on any port of loopback', async () => {
    const id = documents.describe('/native', { redirect_uris: ['http://127.0.0.1/callback'] })
    expect(await isSignInAt(id, { redirect_uri: 'http://127.0.0.1:53682/callback' })).toBe(true)
  })

  it('gets no more grants than those of a person who signs in, and nothing that is the owner’s', async () => {
    const id = documents.describe('/greedy', {
      grant_types: [
        'authorization_code',
        'client_credentials',
        'urn:ietf:params:oauth:grant-type:token-exchange',
      ],
      first_party: true,
      default_resource: 'urn:demo:quests',
      client_uri: 'https://bank.example/',
    })
    expect(await isSignInAt(id)).toBe(true)
    const { metadata } = await app.services.clients.get(id)
    expect(metadata).toMatchObject({
      grant_types: ['authorization_code'],
      first_party: false,
      require_pkce: true,
    })
    expect(metadata).not.toHaveProperty('default_resource')
    expect(metadata).not.toHaveProperty('client_uri')
  })

  it('proves itself by a key of its document', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }
    const id = documents.describe('/keys', {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [jwk] },
    })
    const rp = rpAt(id)
    const signed = () =>
      new SignJWT({ jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .setIssuer(id)
        .setSubject(id)
        .setAudience(app.issuer)
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(privateKey)
    const { code, verifier } = await rp.signIn({ person: createStranger() })
    expect((await rp.redeem(code, verifier)).status).toBe(401)

    const again = await rp.signIn({ person: createStranger() })
    const { status } = await rp.redeem(again.code, again.verifier, {
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await signed(),
    })
    expect(status).toBe(200)
  })
})

describe('a document that is wrong', () => {
  const key = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' }
  it.each<[string, Record<string, unknown>]>([
    ['names another client', { client_id: 'https://other.example/client' }],
    ['names no client', { client_id: undefined }],
    ['has a secret', { client_secret: 'everybody can read it' }],
    ['tells when a secret ends', { client_secret_expires_at: 0 }],
    ['wants to prove itself by a secret', { token_endpoint_auth_method: 'client_secret_basic' }],
    ['wants to prove itself by a posted secret', { token_endpoint_auth_method: 'client_secret_post' }],
    ['wants to prove itself by a signature of a secret', { token_endpoint_auth_method: 'client_secret_jwt' }],
    ['wants to prove itself by a certificate', { token_endpoint_auth_method: 'tls_client_auth' }],
    ['wants keys without any', { token_endpoint_auth_method: 'private_key_jwt' }],
    ['shows its private key', { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key] } }],
    ['redirects nowhere', { redirect_uris: [] }],
    ['does not say where it redirects', { redirect_uris: undefined }],
    ['redirects over plain http', { redirect_uris: ['http://agent.example/callback', callback] }],
    ['redirects to a script', { redirect_uris: ['javascript:alert(1)', callback] }],
    ['redirects by a pattern', { redirect_uris: ['https://agent.example/*', callback] }],
    ['signs nobody in', { grant_types: ['client_credentials'] }],
    ['is answered with tokens', { response_types: ['token'] }],
    ['has a name that nobody could read', { client_name: 'A\u202ebad' }],
  ])('is none when it %s', async (how, changes) => {
    const id = documents.describe(`/wrong/${how.replaceAll(' ', '-')}`, changes)
    const page = await openedAt(id)
    expect([page.status, page.html.includes('invalid_client')]).toEqual([400, true])
    expect(await app.services.clients.find(id)).toBeNull()
  })

  it.each<[string, Parameters<Documents['put']>[1]]>([
    ['leads elsewhere', (response) => response.writeHead(302, { location: '/agent' }).end()],
    ['is not there', (response) => response.writeHead(410).end()],
    [
      'is longer than 8 KiB',
      (response, id) =>
        response.end(JSON.stringify({ client_id: id, redirect_uris: [callback], more: 'x'.repeat(8_200) })),
    ],
    ['is no JSON', (response) => response.end('<html>')],
    ['is no object', (response) => response.end('[]')],
    ['is null', (response) => response.end('null')],
    ['is empty', (response) => response.end()],
    [
      'breaks off',
      (response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('{')
        setTimeout(() => response.destroy(), 50)
      },
    ],
    ['takes longer than three seconds', (response) => response.writeHead(200).write('{')],
  ])('is none when it %s, and is left alone for half a minute', async (how, answer) => {
    const path = `/broken/${how.replaceAll(' ', '-')}`
    const id = documents.put(path, answer)
    for (const _ of [1, 2]) expect((await openedAt(id)).html).toContain('invalid_client')
    expect(documents.timesAsked(path)).toBe(1)
  })

  it('has no say about addresses that it does not list', async () => {
    const id = documents.describe('/listed')
    for (const redirect_uri of [
      'https://agent.example/callback/',
      'https://evil.example/',
      'http://127.0.0.1/',
    ])
      expect((await openedAt(id, { redirect_uri })).html).toContain('invalid_redirect_uri')
  })
})

describe('an address that nobody is asked at', () => {
  it.each([
    'http://169.254.169.254/latest/meta-data',
    'https://10.0.0.1/client',
    'https://192.168.1.1/client',
    'https://[fd00::1]/client',
    'https://[::ffff:10.0.0.1]/client',
    'https://2130706433/client',
    'https://0x7f.1/client',
    'https://user@agent.example/client',
    'https://agent.example/client#fragment',
    'https://agent.example/a/../client',
    'https://agent.example/%2e%2e/client',
    'https://AGENT.example/client',
    'https://agent.example',
    'https://agent.example:443/client',
    `https://agent.example/${'x'.repeat(500)}`,
    'file:///etc/passwd',
    'https://',
  ])('is %s', async (id) => {
    const before = performance.now()
    expect((await openedAt(id)).html).toContain('invalid_client')
    expect(await app.services.clients.find(id)).toBeNull()
    expect(performance.now() - before).toBeLessThan(3_000)
  })

  it('is loopback and plain http, where there are no test hooks', async () => {
    const plain = await startApp()
    const id = documents.describe('/hooks')
    try {
      for (const address of [id, id.replace('http:', 'https:'), id.replace('127.0.0.1', 'localhost')])
        expect((await openedAt(address, { at: plain })).html).toContain('invalid_client')
      expect(documents.timesAsked('/hooks')).toBe(0)
    } finally {
      await plain.close()
    }
  })
})

describe('the setting', () => {
  it('closed lets nobody in, those who were in included, and says so in discovery', async () => {
    const id = documents.describe('/closed')
    expect(await isSignInAt(id)).toBe(true)
    const closed = await startOwn({ FOYER_CLIENT_DOCUMENTS: 'closed' })
    try {
      expect((await openedAt(id, { at: closed })).html).toContain('invalid_client')
      expect(documents.timesAsked('/closed')).toBe(1)
      const response = await fetch(`${closed.issuer}/.well-known/openid-configuration`)
      expect(await response.json()).toMatchObject({ client_id_metadata_document_supported: false })
    } finally {
      await closed.close()
    }
  })

  it('with hosts lets those in and no others', async () => {
    const id = documents.describe('/named')
    const named = await startOwn({ FOYER_CLIENT_DOCUMENTS: `apps.example, ${documents.host}` })
    try {
      expect(await isSignInAt(id, { at: named })).toBe(true)
      expect((await openedAt('https://elsewhere.example/client', { at: named })).html).toContain(
        'invalid_client',
      )
    } finally {
      await named.close()
    }
  })
})

describe('what is kept', () => {
  // Each with a clock of its own
  let app: TestApp
  beforeEach(async () => {
    app = await startOwn()
  })
  afterEach(() => app.close())
  const isSignIn = (id: string, redirect_uri = callback) => isSignInAt(id, { redirect_uri, at: app })
  const openedWith = (id: string) => openedAt(id, { at: app })
  const rpOf = (id: string) => rpAt(id, callback, app)

  it('is read again when its server says, between five minutes and a day', async () => {
    const short = documents.describe('/short', {}, { 'cache-control': 'max-age=1' })
    const long = documents.describe('/long', {}, { 'cache-control': 'public, max-age=31536000' })
    for (const id of [short, long, short]) await isSignIn(id)
    expect(documents.timesAsked('/short')).toBe(1)
    await app.advance(301)
    for (const id of [short, long]) await isSignIn(id)
    expect([documents.timesAsked('/short'), documents.timesAsked('/long')]).toEqual([2, 1])
    await app.advance(86_400)
    await isSignIn(long)
    expect(documents.timesAsked('/long')).toBe(2)
  })

  it('follows its document, and keeps what the owner decided', async () => {
    const id = documents.describe('/changing')
    await isSignIn(id)
    const before = await app.services.clients.get(id)
    await app.services.clients.update({ kind: 'system' }, id, {
      metadata: { ...before.metadata, access: { roles: ['admin'], teams: [] } },
    })
    documents.describe('/changing', { client_name: 'Agent Two', redirect_uris: ['https://two.example/'] })
    await app.advance(301)
    await openedWith(id)
    await expect.poll(() => isSignIn(id, 'https://two.example/')).toBe(true)
    expect((await openedWith(id)).html).toContain('invalid_redirect_uri')
    expect((await app.services.clients.get(id)).metadata).toMatchObject({
      client_name: 'Agent Two',
      access: { roles: ['admin'] },
    })
  })

  it('counts for a day while its address does not answer, also for a process that starts then', async () => {
    const id = documents.describe('/gone')
    await isSignIn(id)
    documents.put('/gone', (response) => response.writeHead(500).end())
    await app.advance(301)
    expect(await isSignIn(id)).toBe(true)
    expect(documents.timesAsked('/gone')).toBe(2)
    const { databaseUrl = '' } = app.services.config
    const other = await startApp({ env: testHooks, databaseUrl })
    expect(await isSignInAt(id, { at: other })).toBe(true)
    await other.close()
    await app.advance(86_400)
    expect((await openedWith(id)).html).toContain('invalid_client')
    documents.describe('/gone')
    await app.advance(31)
    expect(await isSignIn(id)).toBe(true)
  })

  it('is off once the owner disabled it, and nobody asks for its document again', async () => {
    const id = documents.describe('/off')
    await isSignIn(id)
    const { ask, machineToken } = createManagement(app.issuer)
    const as = await machineToken('clients:write clients:read')
    const path = `/clients/${encodeURIComponent(id)}`
    expect((await ask('POST', `${path}/disable`, { as, json: {} })).status).toBe(200)
    await app.advance(90_000)
    expect((await openedWith(id)).html).toContain('invalid_client')
    expect(documents.timesAsked('/off')).toBe(1)
  })

  it('gives way to a client that the owner registered under the same id', async () => {
    const id = documents.describe('/owned')
    await app.addClient(id, { redirect_uris: ['https://owned.example/'], token_endpoint_auth_method: 'none' })
    expect(await isSignIn(id, 'https://owned.example/')).toBe(true)
    expect(documents.timesAsked('/owned')).toBe(0)
  })

  it('goes after a day in which nobody let it do anything', async () => {
    const used = documents.describe('/used')
    const unused = documents.describe('/unused')
    await rpOf(used).signIn({ person: createStranger() })
    await isSignIn(unused)
    const listed = documents.describe('/listed-at-an-api')
    await isSignIn(listed)
    const entry = { identifier: 'urn:demo:quests', scopes: ['quests:read'], serves: false }
    await app.services.clients.allowApi(listed, entry)
    await app.advance(86_400 + 60)
    await app.services.clientDocuments.sweep()
    expect(await app.services.clients.find(unused)).toBeNull()
    for (const id of [used, listed]) expect(await app.services.clients.find(id)).not.toBeNull()
    expect(await app.auditTypes()).toContain('client.deleted')
  })

  it('is read once for many who come at the same time', async () => {
    await isSignIn(documents.describe('/first'))
    const id = documents.describe('/crowd')
    const all = await Promise.all(Array.from({ length: 8 }, () => isSignIn(id)))
    expect(all).toEqual(all.map(() => true))
    expect(documents.timesAsked('/crowd')).toBe(1)
  })

  it('is not taken along by an export, but for what the owner turned off', async () => {
    const [on, off] = [documents.describe('/on'), documents.describe('/turned-off')]
    for (const id of [on, off]) await isSignIn(id)
    await app.services.clients.setEnabled({ kind: 'system' }, off, false)
    let lines = ''
    const { exports } = createTransfer(app.services)
    for await (const some of exports.run({ kind: 'system' }, { secrets: false })) lines += some
    const clients = lines.split('\n').filter((line) => line.includes(documents.origin))
    expect(clients.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ client_id: off, enabled: false }),
    ])
  })

  it('has room for 5,000: those that nobody used for an hour make it', async () => {
    const fill = (readAt: Date) =>
      app.services.db.query({
        text: `INSERT INTO clients (id, metadata, document_read_at, created_at, updated_at)
          SELECT 'https://many.example/' || n, '{}', $1, $1, $1 FROM generate_series(1, 5000) n
          ON CONFLICT (id) DO UPDATE SET document_read_at = $1`,
        values: [readAt],
      })
    const hoursAgo = (count: number) => new Date(app.services.clock.millis() - count * 3_600_000)
    const id = documents.describe('/full')
    await fill(hoursAgo(0.5))
    expect((await openedWith(id)).status).toBe(503)
    await fill(hoursAgo(1.1))
    expect(await isSignIn(id)).toBe(true)
  })

  it('is read anew when its row has gone, however long it was good for', async () => {
    const id = documents.describe('/removed')
    expect(await isSignIn(id)).toBe(true)
    await app.services.clients.remove({ kind: 'system' }, id)
    await expect.poll(() => isSignIn(id)).toBe(true)
    expect(documents.timesAsked('/removed')).toBe(2)
  })

  it('is let in by what was read before while ten addresses of strangers do not answer', async () => {
    const fresh = await startApp({ env: testHooks })
    try {
      const known = documents.describe('/patient')
      expect(await isSignInAt(known, { at: fresh })).toBe(true)
      await fresh.advance(360)
      const silent = Array.from({ length: 10 }, (_, each) =>
        documents.put(`/silent/${each}`, () => undefined),
      )
      const waiting = silent.map((id) => openedAt(id, { at: fresh }))
      await expect.poll(() => documents.timesAsked('/silent/9')).toBe(1)
      expect(await isSignInAt(known, { at: fresh })).toBe(true)
      expect(documents.timesAsked('/patient')).toBe(1)
      expect((await openedAt(documents.describe('/late'), { at: fresh })).status).toBe(503)
      await Promise.all(waiting)
    } finally {
      await fresh.close()
    }
  })

  it('is not added to without end: twenty new addresses for one stranger in a quarter of an hour', async () => {
    const fresh = await startApp({ env: testHooks })
    try {
      const known = documents.describe('/stranger/0')
      for (let each = 0; each < 20; each += 1)
        expect(await isSignInAt(documents.describe(`/stranger/${each}`), { at: fresh })).toBe(true)
      const page = await openedAt(documents.describe('/stranger/20'), { at: fresh })
      expect([page.status, page.html.includes('<h1>')]).toEqual([503, true])
      expect(documents.timesAsked('/stranger/20')).toBe(0)
      expect(await isSignInAt(known, { at: fresh })).toBe(true)
    } finally {
      await fresh.close()
    }
  })
})
