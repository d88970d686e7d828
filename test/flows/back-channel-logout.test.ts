// Back-Channel Logout 1.0: a relying party that knows nothing but discovery hears of every end of its sessions.
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { formsOf, type Person } from '../support/browser-less.ts'
import { createDoor } from '../support/door.ts'
import { codeIn, mailTo } from '../support/mails.ts'
import { createManagement } from '../support/management.ts'
import { type Got, type Receiver, startReceiver } from '../support/receiver.ts'
import { createRp, type RpClient, type Tokens } from '../support/rp.ts'

let app: TestApp
let receiver: Receiver
beforeAll(async () => {
  app = await startApp({ env: testHooks, jobs: true })
})
afterAll(() => app.close())
beforeEach(async () => {
  receiver = await startReceiver()
  receiver.answer(200)
})
afterEach(() => receiver.close())

const event = 'http://schemas.openid.net/event/backchannel-logout'
const callback = 'https://app.example/callback'

/** §2.6, from the issuer's address alone. */
async function readToken({ headers, body }: Got, client: RpClient): Promise<JWTPayload> {
  expect(headers['content-type']).toBe('application/x-www-form-urlencoded')
  const token = new URLSearchParams(body).get('logout_token') ?? ''
  const found = await fetch(`${app.issuer}/.well-known/openid-configuration`)
  const discovery = (await found.json()) as Record<string, string> & { issuer: string }
  expect(discovery).toMatchObject({
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
  })
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(discovery.jwks_uri ?? '')), {
    issuer: discovery.issuer,
    audience: client.client_id,
    typ: 'logout+jwt',
    requiredClaims: ['iat', 'exp', 'jti', 'sub', 'sid'],
    currentDate: new Date(Date.now()),
  })
  expect(payload.events).toEqual({ [event]: {} })
  expect(payload).not.toHaveProperty('nonce')
  return payload
}

let count = 0
async function newClient(metadata: Record<string, unknown> = {}): Promise<RpClient> {
  count += 1
  const client_id = `told-${count}`
  await app.addClient(client_id, {
    redirect_uris: [callback],
    grant_types: ['authorization_code', 'refresh_token'],
    backchannel_logout_uri: receiver.url,
    first_party: true,
    ...metadata,
  })
  return { client_id, client_secret: secretOf(client_id), redirect_uri: callback }
}

type SignedIn = {
  id: string
  email: string
  password: string
  person: Person
  client: RpClient
  tokens: Tokens
}

async function signedIn(metadata: Record<string, unknown> = {}): Promise<SignedIn> {
  const client = await newClient(metadata)
  const who = { email: `told-${count}@example.test`, password: 'a-password-of-their-own' }
  const { id } = await app.services.accounts.create({ kind: 'system' }, { ...who, emailVerified: true })
  const { person, ...tokens } = await createRp(app.issuer, client).tokens({ who })
  return { ...who, id, person, client, tokens }
}

const manage = async (method: string, path: string, json?: object) => {
  const api = createManagement(app.issuer)
  const as = await api.machineToken('users:read users:write sessions:read sessions:write')
  const answer = await api.ask(method, path, { as, json })
  expect(answer.status).toBeLessThan(300)
  return answer
}

const logoutUrl = (params: Record<string, string> = {}) =>
  `${app.issuer}/oauth2/logout?${new URLSearchParams(params)}`
const door = () => createDoor(app.issuer)

const ways: [string, (of: SignedIn) => Promise<unknown>][] = [
  [
    'the app signs them out',
    ({ person, tokens }) => person.go(logoutUrl({ id_token_hint: tokens.id_token ?? '' })),
  ],
  ['they sign out themselves', async ({ person }) => person.submit(await person.open(logoutUrl()))],
  [
    'they end the session elsewhere',
    async ({ email, password }) => {
      const { access_token } = await door().signIn({ email, password })
      const { data } = (await door().ask('GET', '/auth/sessions', { as: access_token })).body as never as {
        data: { id: string; current: boolean }[]
      }
      const other = data.find(({ current }) => !current)
      await door().ask('DELETE', `/auth/sessions/${other?.id}`, { as: access_token })
    },
  ],
  [
    'they end all others at /account',
    async (of) => {
      const page = await (await createRp(app.issuer).tokens({ who: of })).person
      const sessions = await page.open(`${app.issuer}/account/sessions`)
      const form = formsOf(sessions).findIndex(({ fields }) => fields.which === 'others')
      await page.submit(sessions, {}, { form })
    },
  ],
  [
    'an administrator ends the session',
    async ({ id }) => {
      const [session] = (await manage('GET', `/users/${id}/sessions`)).body.data
      await manage('DELETE', `/users/${id}/sessions/${session?.id}`)
    },
  ],
  ['an administrator ends all of theirs', ({ id }) => manage('DELETE', `/users/${id}/sessions`)],
  ['an administrator disables the account', ({ id }) => manage('POST', `/users/${id}/disable`)],
  ['the account is deleted', ({ id }) => manage('DELETE', `/users/${id}`)],
  [
    'the password is recovered',
    async ({ email }) => {
      const { flow } = (await door().post('/auth/password/forgot', { email })).body
      const body = { flow, code: codeIn(await mailTo(app, email)), new_password: 'another-password-41' }
      expect((await door().post('/auth/password/reset', body)).status).toBe(200)
    },
  ],
  [
    'the password is changed elsewhere',
    async ({ email, password }) => {
      const { access_token } = await door().signIn({ email, password })
      const json = { current_password: password, new_password: 'another-password-41' }
      const { status } = await door().ask('POST', '/auth/me/password', { as: access_token, json })
      expect(status).toBeLessThan(300)
    },
  ],
]

describe('an app is told when', () => {
  it.each(ways)('%s', async (_, end) => {
    const of = await signedIn()
    const { sid, sub } = decodeJwt(of.tokens.id_token ?? '')
    await end(of)
    const [got] = await receiver.next(1)
    if (!got) throw new Error('nothing came')
    const payload = await readToken(got, of.client)
    expect([payload.sid, payload.sub]).toEqual([sid, sub])
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(120)
    await expect.poll(async () => await factsOf(of.client)).toEqual(['logout.delivered'])
    expect(receiver.got).toHaveLength(1)
  })
})

const factsOf = async ({ client_id }: RpClient): Promise<string[]> => {
  const text = `SELECT type FROM audit_events WHERE client_id = $1 AND type LIKE 'logout.%' ORDER BY at`
  return (await app.services.db.query<{ type: string }>({ text, values: [client_id] })).map(
    ({ type }) => type,
  )
}

describe('a logout token', () => {
  it('goes to each app that took part, and to none that did not', async () => {
    const of = await signedIn()
    const second = await newClient({ id_token_signed_response_alg: 'ES256' })
    const silent = await newClient({ backchannel_logout_uri: undefined })
    const absent = await newClient()
    for (const client of [second, silent])
      await createRp(app.issuer, client).tokens({ who: of, person: of.person })
    await manage('DELETE', `/users/${of.id}/sessions`)
    const got = await receiver.next(2)
    const tokens = got.map(({ body }) => new URLSearchParams(body).get('logout_token') ?? '')
    const told = tokens.map((token) => decodeJwt(token).aud)
    expect(told.toSorted()).toEqual([of.client.client_id, second.client_id].toSorted())
    for (const each of got)
      await readToken(each, told[got.indexOf(each)] === second.client_id ? second : of.client)
    expect(new Set(tokens.map((token) => decodeProtectedHeader(token).alg))).toEqual(
      new Set(['RS256', 'ES256']),
    )
    for (const client of [silent, absent]) expect(await factsOf(client)).toEqual([])
  })

  it('is made anew for each try, until the app is back', async () => {
    const of = await signedIn()
    receiver.answer(503)
    await manage('DELETE', `/users/${of.id}/sessions`)
    const [first] = await receiver.next(1)
    await receiver.close()
    await app.advance(300)
    await receiver.open()
    receiver.answer(204)
    await app.advance(300)
    const [, second] = await receiver.next(2)
    if (!first || !second) throw new Error('nothing came')
    const payload = await readToken(second, of.client)
    const before = decodeJwt(new URLSearchParams(first.body).get('logout_token') ?? '')
    expect(payload.jti).not.toBe(before.jti)
    expect((payload.iat ?? 0) - (before.iat ?? 0)).toBeGreaterThanOrEqual(300)
    await expect.poll(() => factsOf(of.client)).toEqual(['logout.delivered'])
  })

  it('that never arrives is a fact in the end', async () => {
    const of = await signedIn()
    receiver.answer(400)
    await manage('DELETE', `/users/${of.id}/sessions`)
    for (let tried = 1; tried <= 11; tried += 1) {
      await receiver.next(tried)
      await expect
        .poll(() => app.services.queue.countWaiting('logout'), { timeout: 10_000 })
        .toBe(tried === 11 ? 0 : 1)
      await app.advance(9 * 3600)
    }
    await expect.poll(() => factsOf(of.client)).toEqual(['logout.failed'])
    expect(receiver.got).toHaveLength(11)
  }, 60_000)

  it('is not sent when nothing ended', async () => {
    const of = await signedIn()
    const page = await of.person.open(logoutUrl())
    const form = formsOf(page)[0]
    await of.person.go(form?.action ?? '', {
      method: 'POST',
      body: new URLSearchParams(form?.fields),
      headers: { origin: app.issuer },
    })
    await createRp(app.issuer, of.client).refresh(of.tokens.refresh_token ?? '')
    expect(await app.services.queue.countWaiting('logout')).toBe(0)
    expect(receiver.got).toEqual([])
  })

  it('is not followed to where the app redirects', async () => {
    const elsewhere = await startReceiver()
    const of = await signedIn()
    receiver.answer((_, response) => void response.writeHead(307, { location: elsewhere.url }).end())
    await manage('DELETE', `/users/${of.id}/sessions`)
    await receiver.next(1)
    await app.advance(6)
    await receiver.next(2)
    expect(elsewhere.got).toEqual([])
    expect(await factsOf(of.client)).toEqual([])
    await elsewhere.close()
  })
})

describe('an address for logout tokens', () => {
  it.each([
    ['a private network', 'https://10.1.2.3/logout'],
    ['the metadata of a cloud', 'https://169.254.169.254/'],
    ['plain http', 'http://app.example/logout'],
    ['a fragment', 'https://app.example/#logout'],
    ['a user', 'https://a:b@app.example/'],
    ['another scheme', 'ftp://app.example/'],
  ])('is refused: %s', async (_, backchannel_logout_uri) => {
    const api = createManagement(app.issuer)
    const as = await api.machineToken('clients:write')
    const json = { redirect_uris: [callback], backchannel_logout_uri }
    const { status, body } = await api.ask('POST', '/clients', { as, json })
    expect([status, body.errors?.[0]?.pointer]).toEqual([400, '/backchannel_logout_uri'])
  })

  it('on this machine is never called without test hooks', async () => {
    const strict = await startApp({ jobs: true })
    const metadata = { redirect_uris: [callback], backchannel_logout_uri: receiver.url, first_party: true }
    await strict.addClient('near', metadata)
    const near = { client_id: 'near', client_secret: secretOf('near'), redirect_uri: callback }
    const who = { email: 'near@example.test', password: 'a-password-of-their-own' }
    const { id } = await strict.services.accounts.create({ kind: 'system' }, who)
    await createRp(strict.issuer, near).tokens({ who })
    await strict.services.sessions.endAll(id)
    const waiting = () =>
      strict.services.db.query({
        text: `SELECT 1 FROM graphile_worker._private_jobs WHERE key LIKE 'logout:%'
          AND (payload->>'tries')::int = 1 AND run_at < now() + interval '10 seconds'`,
        values: [],
      })
    await expect.poll(waiting).toHaveLength(1)
    expect(receiver.got).toEqual([])
    await strict.close()
  })
})
