// Client-initiated backchannel authentication (CIBA Core 1.0) from outside: an app asks, the person answers in a browser.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, headingOf, type Page, type Person, pageOf } from '../support/browser-less.ts'
import { mailboxOf, type SmtpCatcher, startSmtp } from '../support/mails.ts'
import { ada, createRp, type TokenAnswer } from '../support/rp.ts'
import { allRows } from '../support/tables.ts'

const cibaGrant = 'urn:openid:params:grant-type:ciba'
let app: TestApp
let smtp: SmtpCatcher
const pings: { authorization: string | undefined; body: string }[] = []
/** What the next ping is answered with. */
let answers: number[] = []
const bank = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk) => {
    body += chunk
  })
  request.on('end', () => {
    pings.push({ authorization: request.headers.authorization, body })
    const [status = 204, ...rest] = answers
    answers = rest
    response.writeHead(status, status === 301 ? { location: '/elsewhere' } : {}).end()
  })
})

beforeAll(async () => {
  smtp = await startSmtp()
  app = await startApp({ env: { ...testHooks, SMTP_URL: smtp.url }, jobs: true })
  await new Promise<void>((resolve) => bank.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(bank.address() as AddressInfo).port}/ping`
  const asks = { client_name: 'Counter', grant_types: [cibaGrant, 'refresh_token'] }
  await app.addClient('counter', asks)
  await app.addClient('bell', {
    ...asks,
    backchannel_token_delivery_mode: 'ping',
    backchannel_client_notification_endpoint: endpoint,
  })
  await app.addClient('closed-counter', { ...asks, access: { roles: ['admin'] } })
})
afterAll(async () => {
  await app.close()
  await smtp.close()
  bank.close()
})

const rp = (client_id = 'counter') =>
  createRp(app.issuer, { client_id, client_secret: secretOf(client_id), redirect_uri: '' })
type Asked = { auth_req_id: string; expires_in: number; interval: number }
const ask = (params: Record<string, string> = {}, client_id?: string) =>
  rp(client_id).post('/oauth2/ciba', { scope: 'openid profile', login_hint: ada.email, ...params })
async function asked(params: Record<string, string> = {}, client_id?: string): Promise<Asked> {
  const { status, body } = await ask(params, client_id)
  expect(status, JSON.stringify(body)).toBe(200)
  return body as unknown as Asked
}
const poll = (auth_req_id: string, client_id?: string): Promise<TokenAnswer> =>
  rp(client_id).post('/oauth2/token', { grant_type: cibaGrant, auth_req_id })
const dev = (auth_req_id: string, body: unknown) =>
  fetch(`${app.issuer}/dev/ciba/${auth_req_id}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

async function requestsOf(person: Person, who = ada): Promise<Page> {
  const page = await person.open(`${app.issuer}/account/requests`)
  return page.html.includes('name="password"') ? pageOf(await person.submit(page, who)) : page
}
const press = async (person: Person, page: Page, value: string) =>
  pageOf(await person.submit(page, {}, { button: { name: 'decision', value } }))

describe('an app that asks', () => {
  it('is let in once the person has compared its words and said yes', async () => {
    const { auth_req_id, expires_in, interval } = await asked({ binding_message: 'Counter 7, €12.50' })
    expect({ expires_in, interval }).toEqual({ expires_in: 300, interval: 5 })
    expect((await poll(auth_req_id)).body.error).toBe('authorization_pending')
    expect((await poll(auth_req_id)).body.error).toBe('slow_down')

    const mail = await mailboxOf(smtp).next(ada.email)
    expect(JSON.stringify(mail)).toContain('Counter asks to sign in as you')
    const person = createPerson()
    const page = await requestsOf(person)
    expect(page.html).toContain('Counter 7, €12.50')
    expect(page.html).toContain('Ada King Lovelace')
    const done = await press(person, page, 'allow')
    expect(headingOf(done)).toBe('Your answer was sent')

    const { status, body } = await poll(auth_req_id)
    expect(status, JSON.stringify(body)).toBe(200)
    expect(await (await rp().userinfo(body.access_token)).json()).toMatchObject({ name: 'Ada King Lovelace' })
    expect((await poll(auth_req_id)).body.error).toBe('invalid_grant')
  })

  it('is told that the person refused', async () => {
    const { auth_req_id } = await asked()
    const person = createPerson()
    await press(person, await requestsOf(person), 'deny')
    expect(await poll(auth_req_id)).toMatchObject({ status: 400, body: { error: 'access_denied' } })
  })

  it('is told that the request expired, at the time it asked for', async () => {
    const { auth_req_id, expires_in } = await asked({ requested_expiry: '60' })
    expect(expires_in).toBe(60)
    expect((await asked({ requested_expiry: '100000' })).expires_in).toBe(600)
    await app.advance(61)
    expect((await poll(auth_req_id)).body.error).toBe('expired_token')
  })

  it('is told when the person has decided, if it wants to be', async () => {
    const token = 'a-notification-token-of-chance'
    const { auth_req_id } = await asked({ client_notification_token: token }, 'bell')
    const text = JSON.stringify(await allRows(app.services.db))
    expect(text).not.toContain(token)
    expect(text).not.toContain(auth_req_id)
    expect((await dev(auth_req_id, { action: 'allow' })).status).toBe(200)
    await expect
      .poll(() => pings, { timeout: 10_000 })
      .toEqual([{ authorization: `Bearer ${token}`, body: JSON.stringify({ auth_req_id }) }])
    expect((await poll(auth_req_id, 'bell')).status).toBe(200)
  })

  it('is told once, whatever it answers: it need not hear of it to ask', async () => {
    for (const status of [200, 301, 401, 403]) {
      pings.length = 0
      answers = [status]
      const { auth_req_id } = await asked({ client_notification_token: 'a-token-of-chance' }, 'bell')
      await dev(auth_req_id, { action: 'allow' })
      await expect.poll(() => pings.length, { timeout: 10_000 }).toBe(1)
      expect((await poll(auth_req_id, 'bell')).status).toBe(200)
    }
    // The queue tries again after some three seconds where it does
    await new Promise((resolve) => setTimeout(resolve, 5_000))
    expect(pings).toHaveLength(1)
  })

  it('gets a token for an API, and may know the person by an ID token of before', async () => {
    const first = await asked()
    await dev(first.auth_req_id, { action: 'allow' })
    const { body } = await poll(first.auth_req_id)
    const { status, body: again } = await rp().post('/oauth2/ciba', {
      scope: 'openid quests:read',
      resource: 'urn:demo:quests',
      id_token_hint: body.id_token ?? '',
    })
    expect(status).toBe(200)
    const { auth_req_id } = again as unknown as Asked
    await dev(auth_req_id, { action: 'allow' })
    const [, claims] = (await poll(auth_req_id)).body.access_token.split('.')
    expect(JSON.parse(Buffer.from(claims ?? '', 'base64url').toString())).toMatchObject({
      aud: 'urn:demo:quests',
      scope: 'quests:read',
    })
  })

  it('runs on openid-client', async () => {
    const config = await client.discovery(
      new URL(app.issuer),
      'counter',
      undefined,
      client.ClientSecretBasic(secretOf('counter')),
      { execute: [client.allowInsecureRequests] },
    )
    // Nobody has a code to give along, so none may be asked for
    expect(config.serverMetadata().backchannel_user_code_parameter_supported).toBe(false)
    const answer = await client.initiateBackchannelAuthentication(config, {
      scope: 'openid email',
      login_hint: ada.email,
    })
    await dev(answer.auth_req_id, { action: 'allow' })
    const tokens = await client.pollBackchannelAuthenticationGrant(config, { ...answer, interval: 1 })
    expect(tokens.claims()?.sub).toBeTruthy()
  })

  it.each([
    ['nobody', { login_hint: '' }, 'invalid_request'],
    ['somebody unknown', { login_hint: 'nobody@example.test' }, 'unknown_user_id'],
    ['somebody who cannot be written', { login_hint: 'a\u0000b' }, 'unknown_user_id'],
    ['two hints', { id_token_hint: 'x' }, 'invalid_request'],
    ['an ID token of nobody', { login_hint: '', id_token_hint: 'x.y.z' }, 'invalid_request'],
    ['a token of hints', { login_hint: '', login_hint_token: 'x' }, 'invalid_request'],
    ['long words', { binding_message: 'x'.repeat(65) }, 'invalid_binding_message'],
    ['words that turn around', { binding_message: 'a\u202eb' }, 'invalid_binding_message'],
    ['an expiry that is none', { requested_expiry: 'soon' }, 'invalid_request'],
    ['no scope', { scope: '' }, 'invalid_request'],
  ])('is refused with %s', async (_name, params, error) => {
    const { status, body } = await ask(params)
    expect([status, body.error]).toEqual([400, error])
  })

  it('is refused without the grant, the secret, or the token it wants to be told with', async () => {
    expect(
      (await createRp(app.issuer).post('/oauth2/ciba', { scope: 'openid', login_hint: ada.email })).status,
    ).toBe(400)
    const stranger = createRp(app.issuer, { client_id: 'counter', client_secret: 'wrong', redirect_uri: '' })
    expect((await stranger.post('/oauth2/ciba', { scope: 'openid', login_hint: ada.email })).status).toBe(401)
    expect((await ask({}, 'bell')).body.error).toBe('invalid_request')
  })

  it('is refused for a person it is not for, and for one whose account is off, then and later', async () => {
    expect((await ask({}, 'closed-counter')).body.error).toBe('unknown_user_id')
    const { accounts } = app.services
    const who = await accounts.create({ kind: 'system' }, { email: 'off@example.test', emailVerified: true })
    const { auth_req_id } = await asked({ login_hint: who.email })
    await dev(auth_req_id, { action: 'allow' })
    await accounts.disable({ kind: 'system' }, who.id)
    expect((await poll(auth_req_id)).body.error).toBe('invalid_grant')
    expect((await ask({ login_hint: who.email })).body.error).toBe('unknown_user_id')
  })

  it('asks one person so often and no more', async () => {
    const { accounts } = app.services
    const who = await accounts.create({ kind: 'system' }, { email: 'asked@example.test' })
    const answers = []
    for (let turn = 0; turn < 11; turn += 1) answers.push(await ask({ login_hint: who.email }))
    expect(answers.map(({ status }) => status).slice(0, 10)).toEqual(Array(10).fill(200))
    expect(answers[10]?.body.error).toBe('access_denied')
  })
})

describe('the person', () => {
  it('answers only shortly after signing in, and only what asks them', async () => {
    const { auth_req_id } = await asked()
    const person = createPerson()
    const page = await requestsOf(person)
    await app.advance(11 * 60)
    expect((await person.open(`${app.issuer}/account/requests`)).html).toContain('name="password"')
    const { auth_req_id: other } = await asked()
    const thief = createPerson()
    const theirs = await requestsOf(thief, {
      email: 'grace@example.test',
      password: 'nanoseconds-per-foot-11',
    })
    expect(theirs.html).toContain('No app is waiting')
    const mine = await requestsOf(createPerson())
    const id = /name="id" value="([^"]+)"/.exec(mine.html)?.[1] ?? ''
    const stolen = await thief.request(`${app.issuer}/account/requests`, {
      method: 'POST',
      body: new URLSearchParams({ id, decision: 'allow' }),
      headers: { origin: app.issuer },
    })
    expect(stolen.status).toBe(410)
    expect((await poll(other)).body.error).toBe('authorization_pending')
    expect(page.status).toBe(200)
    expect((await poll(auth_req_id)).body.error).toBe('expired_token')
  })

  it('answers with yes or no, from our own page', async () => {
    await asked()
    const person = createPerson()
    const page = await requestsOf(person)
    const id = /name="id" value="([^"]+)"/.exec(page.html)?.[1] ?? ''
    const post = (fields: Record<string, string>, origin = app.issuer) =>
      person.request(`${app.issuer}/account/requests`, {
        method: 'POST',
        body: new URLSearchParams({ id, ...fields }),
        headers: { origin },
      })
    expect((await post({ decision: 'maybe' })).status).toBe(400)
    expect((await post({ decision: 'allow' }, 'https://evil.example')).status).toBe(403)
    expect((await post({ decision: 'allow', id: 'not-an-id' })).status).toBe(410)
    expect((await post({ decision: 'deny' })).status).toBe(200)
    expect((await post({ decision: 'allow' })).status).toBe(410)
  })
})

describe('POST /dev/ciba', () => {
  it('takes allow and deny, of a request that is there, with test hooks alone', async () => {
    const { auth_req_id } = await asked()
    expect((await dev(auth_req_id, { action: 'perhaps' })).status).toBe(400)
    expect((await dev('nothing', { action: 'allow' })).status).toBe(404)
    expect((await dev(auth_req_id, { action: 'deny' })).status).toBe(200)
    expect((await dev(auth_req_id, { action: 'allow' })).status).toBe(404)
    expect((await poll(auth_req_id)).body.error).toBe('access_denied')
    const { auth_req_id: other } = await asked()
    const url = `${app.issuer}/dev/ciba/${other}`
    expect((await fetch(`${url}?action=perhaps`, { method: 'POST' })).status).toBe(400)
    expect((await fetch(`${url}?action=allow&action=deny`, { method: 'POST' })).status).toBe(400)
    expect((await fetch(`${url}?action=allow`, { method: 'POST' })).status).toBe(200)
    expect((await poll(other)).status).toBe(200)
    const plain = await startApp()
    const closed = await fetch(`${plain.issuer}/dev/ciba/${auth_req_id}`, { method: 'POST' })
    expect(closed.status).toBe(404)
    await plain.close()
  })
})
