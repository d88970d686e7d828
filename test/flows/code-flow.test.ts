// The code and everything it is bound to. What may be asked for at the authorization endpoint is code-flow-requests.
import { createHash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { createRp, demoSpa, demoThirdParty, demoWeb, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

const challengeOf = (verifier: string) => createHash('sha256').update(verifier).digest('base64url')
const one = 'a-verifier-of-at-least-forty-three-characters-0001'
const another = 'a-verifier-of-at-least-forty-three-characters-0002'

describe('an authorization code', () => {
  it('becomes tokens once, with the issuer and the state of the request in the answer', async () => {
    const { callback, code, verifier, state } = await rp.signIn({ params: { nonce: 'n-0S6_WzA2Mj' } })
    expect(Object.fromEntries(callback.searchParams)).toEqual({ code, state, iss: app.issuer })
    const { status, body, headers } = await rp.redeem(code, verifier)
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]{43}$/),
      refresh_token: expect.stringMatching(/^[\w-]{43}$/),
      id_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'openid profile email',
    })
    const claims = decodeJwt(body.id_token ?? '')
    expect(claims).toMatchObject({ iss: app.issuer, aud: 'demo-web', nonce: 'n-0S6_WzA2Mj' })
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(3600)
  })

  it('ends what it gave when it is presented again', async () => {
    const { code, verifier } = await rp.signIn()
    const { body } = await rp.redeem(code, verifier)
    const again = await rp.redeem(code, verifier)
    expect(again).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })

    expect((await rp.introspect(body.access_token)).body).toEqual({ active: false })
    expect((await rp.refresh(body.refresh_token ?? '')).body.error).toBe('invalid_grant')
    expect((await rp.userinfo(body.access_token)).status).toBe(401)
    expect(await app.auditTypes()).toContain('token.reuse_detected')
  })

  it('is good for sixty seconds', async () => {
    const early = await rp.signIn()
    await app.advance(58)
    expect((await rp.redeem(early.code, early.verifier)).status).toBe(200)
    const late = await rp.signIn()
    await app.advance(61)
    expect(await rp.redeem(late.code, late.verifier)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
  })

  const mutations: [string, (code: string) => Record<string, string>][] = [
    ['another verifier', () => ({ code_verifier: another })],
    ['another redirect_uri', () => ({ redirect_uri: 'http://localhost:3001/' })],
    ['another registered redirect_uri', () => ({ redirect_uri: demoSpa.redirect_uri })],
    ['another code', (code) => ({ code: code.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) })],
    ['half the code', (code) => ({ code: code.slice(0, 20) })],
    ['a wider resource', () => ({ resource: 'urn:nobody' })],
  ]
  it.each(mutations)('is refused with %s, and still good for its client', async (_, mutate) => {
    const { code, verifier } = await rp.signIn()
    const { status, body } = await rp.redeem(code, verifier, mutate(code))
    expect(status).toBe(400)
    expect(['invalid_grant', 'invalid_target']).toContain(body.error)
    expect((await rp.redeem(code, verifier)).status).toBe(200)
  })

  it('is refused to another client, public or not, and still good for its own', async () => {
    const { code, verifier } = await rp.signIn()
    for (const thief of [demoThirdParty, demoSpa]) {
      const stolen = await createRp(app.issuer, thief).redeem(code, verifier, {
        redirect_uri: demoWeb.redirect_uri,
      })
      expect(stolen).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    }
    expect((await rp.redeem(code, verifier)).status).toBe(200)
  })

  it('is refused without the secret, and with a wrong one', async () => {
    const { code, verifier } = await rp.signIn()
    const params = {
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      redirect_uri: demoWeb.redirect_uri,
    }
    const asPublic = createRp(app.issuer, { client_id: 'demo-web', redirect_uri: '' })
    expect(await asPublic.post('/oauth2/token', params)).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    })
    const guessing = createRp(app.issuer, { ...demoWeb, client_secret: 'demo-web-secre' })
    const refused = await guessing.post('/oauth2/token', params)
    expect(refused).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    expect(refused.headers.get('www-authenticate')).toContain('Basic realm=')
    expect((await rp.redeem(code, verifier)).status).toBe(200)
  })

  it('gives nothing once the account is disabled or the session has ended', async () => {
    const first = await rp.signIn()
    const { sub } = decodeJwt((await rp.redeem(first.code, first.verifier)).body.id_token ?? '')
    const disabled = await rp.signIn()
    await app.services.accounts.disable({ kind: 'operator' }, sub ?? '')
    expect((await rp.redeem(disabled.code, disabled.verifier)).body.error).toBe('invalid_grant')
    await app.services.accounts.enable({ kind: 'operator' }, sub ?? '')

    const { code, verifier, person } = await rp.signIn()
    const question = await person.open(`${app.issuer}/oauth2/logout`)
    await person.submit(question)
    expect((await rp.redeem(code, verifier)).body.error).toBe('invalid_grant')
  })
})

describe('PKCE', () => {
  const lax = {
    client_id: 'no-pkce',
    client_secret: secretOf('no-pkce'),
    redirect_uri: 'https://lax.example.test/cb',
  }
  beforeAll(() =>
    app.addClient(lax.client_id, {
      grant_types: ['authorization_code'],
      redirect_uris: [lax.redirect_uri],
      require_pkce: false,
      first_party: true,
    }),
  )

  const without = { code_challenge: undefined, code_challenge_method: undefined }
  const combinations: [string, Record<string, string | undefined>, Record<string, string>, number][] = [
    ['no challenge, no verifier', without, {}, 200],
    ['no challenge, a verifier', without, { code_verifier: one }, 400],
    ['a challenge, its verifier', { code_challenge: challengeOf(one) }, { code_verifier: one }, 200],
    ['a challenge, no verifier', { code_challenge: challengeOf(one) }, {}, 400],
    ['a challenge, another verifier', { code_challenge: challengeOf(one) }, { code_verifier: another }, 400],
    [
      'a challenge, the challenge as verifier',
      { code_challenge: challengeOf(one) },
      { code_verifier: challengeOf(one) },
      400,
    ],
  ]
  it.each(combinations)('%s', async (_, start, end, status) => {
    const lenient = createRp(app.issuer, lax)
    const { code } = await lenient.signIn({ params: { scope: 'openid', ...start } })
    const params = { grant_type: 'authorization_code', code, redirect_uri: lax.redirect_uri, ...end }
    const answer = await lenient.post('/oauth2/token', params)
    expect(answer.status).toBe(status)
    if (status === 400) expect(answer.body.error).toBe('invalid_grant')
  })

  it.each([
    ['a request without a challenge', without],
    ['the method plain', { code_challenge: one, code_challenge_method: 'plain' }],
    ['no method, which means plain', { code_challenge: one, code_challenge_method: undefined }],
    ['a challenge that is too short', { code_challenge: 'short' }],
    ['a challenge with characters outside the alphabet', { code_challenge: `${challengeOf(one).slice(1)}!` }],
  ])('refuses %s', async (_, params) => {
    for (const client of [demoWeb, demoSpa]) {
      const { url } = createRp(app.issuer, client).authorizeUrl(params)
      const left = await createPerson().go(url)
      if (!('left' in left)) throw new Error('the error belongs to the client')
      expect(left.left.origin + left.left.pathname).toBe(client.redirect_uri)
      expect(left.left.searchParams.get('error')).toBe('invalid_request')
      expect(left.left.searchParams.get('code')).toBeNull()
    }
  })
})

describe('refresh tokens of a first sign-in', () => {
  it('are given to a first-party client without offline_access', async () => {
    const tokens = await rp.tokens({ params: { scope: 'openid' } })
    expect(tokens.refresh_token).toEqual(expect.any(String))
    expect(tokens.scope).toBe('openid')
  })

  it('are given to a third party only with prompt=consent and offline_access', async () => {
    const third = createRp(app.issuer, demoThirdParty)
    const scope = 'openid offline_access'
    expect((await third.tokens({ params: { scope } })).refresh_token).toBeUndefined()
    expect(
      (await third.tokens({ params: { scope: 'openid', prompt: 'consent' } })).refresh_token,
    ).toBeUndefined()
    const granted = await third.tokens({ params: { scope, prompt: 'consent' } })
    expect(granted.refresh_token).toEqual(expect.any(String))
    expect(granted.scope).toBe(scope)
    expect((await third.refresh(granted.refresh_token ?? '')).status).toBe(200)
  })

  it('are not given to a client without that grant', async () => {
    await app.addClient('code-only', {
      grant_types: ['authorization_code'],
      redirect_uris: ['https://code.example.test/cb'],
      first_party: true,
    })
    const client = {
      client_id: 'code-only',
      client_secret: secretOf('code-only'),
      redirect_uri: 'https://code.example.test/cb',
    }
    const tokens = await createRp(app.issuer, client).tokens({ params: { prompt: 'consent' } })
    expect(tokens.refresh_token).toBeUndefined()
  })
})
