// What a server must refuse by RFC 6749 (OAuth 2.0) and RFC 7636 (PKCE), by section. The other standards' refusals stand
// in the tests of what they add.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, leftOf, pageOf } from '../support/browser-less.ts'
import { basic, createRp, demoMachine, demoSpa, demoWeb, type Rp } from '../support/rp.ts'
import { postForm } from '../support/signed-rp.ts'

let app: TestApp
let rp: Rp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

const machine = { authorization: basic(demoMachine.client_id, demoMachine.client_secret) }
const token = async (form: Record<string, string>, headers: Record<string, string> = {}) => {
  const { status, body } = await postForm(`${app.issuer}/oauth2/token`, form, headers)
  return [status, body.error]
}
/** The error that the client is told, wherever its response type puts it. */
async function told(params: Record<string, string | undefined>): Promise<string | null> {
  const { search, hash } = leftOf(await createPerson().go(rp.authorizeUrl(params).url))
  return new URLSearchParams(search || hash.slice(1)).get('error')
}

describe('RFC 6749 refuses', () => {
  it('§2.3: a client that proves itself twice', async () => {
    const form = { grant_type: 'client_credentials', client_secret: demoMachine.client_secret }
    expect(await token(form, machine)).toEqual([400, 'invalid_request'])
  })

  it('§3.1: a parameter that is there twice', async () => {
    const { url } = rp.authorizeUrl()
    expect(leftOf(await createPerson().go(`${url}&scope=openid`)).searchParams.get('error')).toBe(
      'invalid_request',
    )
  })

  it('§3.1.1: no response type, and one that is not offered', async () => {
    expect(await told({ response_type: undefined })).toBe('invalid_request')
    expect(await told({ response_type: 'token' })).toBe('unsupported_response_type')
  })

  it('§3.1.2.4: an address that is not registered, without sending anybody there', async () => {
    const { url } = rp.authorizeUrl({ redirect_uri: 'https://evil.example/' })
    const page = pageOf(await createPerson().go(url))
    expect([page.status, page.html]).toEqual([400, expect.stringContaining('invalid_redirect_uri')])
  })

  it('§3.1.2.3: no address', async () => {
    const page = pageOf(await createPerson().go(rp.authorizeUrl({ redirect_uri: undefined }).url))
    expect(page.status).toBe(400)
  })

  it('§3.2: another method than POST', async () => {
    expect((await fetch(`${app.issuer}/oauth2/token`)).status).toBe(405)
  })

  it('§3.3: a scope that is none', async () => {
    expect(await told({ scope: 'openid "' })).toBe('invalid_scope')
    expect(await token({ grant_type: 'client_credentials', scope: 'nothing' }, machine)).toEqual([
      400,
      'invalid_scope',
    ])
  })

  it('§4.1.1: a client that nobody knows', async () => {
    const page = pageOf(await createPerson().go(rp.authorizeUrl({ client_id: 'nobody' }).url))
    expect([page.status, page.html]).toEqual([400, expect.stringContaining('invalid_client')])
  })

  it('§4.1.2: a code that has expired', async () => {
    const { code, verifier } = await rp.signIn()
    await app.advance(61)
    expect((await rp.redeem(code, verifier)).body.error).toBe('invalid_grant')
  })

  it('§4.1.2: a code that was used, and what it gave ends', async () => {
    const { code, verifier } = await rp.signIn()
    const { body } = await rp.redeem(code, verifier)
    expect((await rp.redeem(code, verifier)).body.error).toBe('invalid_grant')
    expect((await rp.introspect(body.access_token)).body.active).toBe(false)
  })

  it('§4.1.3: a code of another client, and one for another address', async () => {
    const { code, verifier } = await rp.signIn()
    const other = createRp(app.issuer, { ...demoMachine, redirect_uri: demoWeb.redirect_uri })
    expect([400, 401]).toContain((await other.redeem(code, verifier)).status)
    const { code: next, verifier: secret } = await rp.signIn()
    const answer = await rp.redeem(next, secret, { redirect_uri: 'http://localhost:3001/' })
    expect(answer.body.error).toBe('invalid_grant')
  })

  it('§4.4.2: client credentials of a client that is not registered for them', async () => {
    const { body } = await rp.post('/oauth2/token', { grant_type: 'client_credentials' })
    expect(body.error).toBe('unauthorized_client')
    const form = { grant_type: 'client_credentials', client_id: demoSpa.client_id }
    expect(await token(form)).toEqual([400, 'unauthorized_client'])
  })

  it('§5.2: a client that does not prove itself, with the scheme to do so', async () => {
    const { status, body, headers } = await postForm(
      `${app.issuer}/oauth2/token`,
      { grant_type: 'client_credentials' },
      { authorization: basic('demo-machine', 'wrong') },
    )
    expect([status, body.error]).toEqual([401, 'invalid_client'])
    expect(headers.get('www-authenticate')).toMatch(/^Basic /)
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('§5.2: no grant type, and one that is not offered', async () => {
    expect(await token({}, machine)).toEqual([400, 'invalid_request'])
    for (const grant_type of ['password', 'implicit', 'urn:nothing'])
      expect(await token({ grant_type }, machine)).toEqual([400, 'unsupported_grant_type'])
  })

  it('§6: a refresh token of another client, and more scope than it has', async () => {
    const { refresh_token = '' } = await rp.tokens({ params: { scope: 'openid email' } })
    const spa = createRp(app.issuer, demoSpa)
    expect((await spa.refresh(refresh_token)).body.error).toBe('invalid_grant')
    expect((await rp.refresh(refresh_token, { scope: 'openid email phone' })).body.error).toBe(
      'invalid_scope',
    )
  })
})

describe('RFC 7636 refuses', () => {
  it('§4.3: a plain challenge, and a method without a challenge', async () => {
    expect(await told({ code_challenge_method: 'plain' })).toBe('invalid_request')
    expect(await told({ code_challenge: undefined })).toBe('invalid_request')
  })

  it('§4.2: a challenge that is none', async () => {
    expect(await told({ code_challenge: 'short' })).toBe('invalid_request')
  })

  it('§4.4.1: no challenge at all', async () => {
    expect(await told({ code_challenge: undefined, code_challenge_method: undefined })).toBe(
      'invalid_request',
    )
  })

  it.each([
    ['another verifier', 'a'.repeat(43)],
    ['a verifier that is too short', 'a'.repeat(42)],
    ['a verifier with a space', ` ${'a'.repeat(42)}`],
  ])('§4.6: %s', async (_, verifier) => {
    const { code } = await rp.signIn()
    expect((await rp.redeem(code, verifier)).body.error).toMatch(/^invalid_(grant|request)$/)
  })

  it('§4.6: no verifier, and one where there was no challenge', async () => {
    const { code } = await rp.signIn()
    const form = { grant_type: 'authorization_code', code, redirect_uri: demoWeb.redirect_uri }
    expect((await rp.post('/oauth2/token', form)).body.error).toBe('invalid_grant')
    const redirect_uri = 'https://old.example/callback'
    await app.addClient('old', { redirect_uris: [redirect_uri], require_pkce: false, first_party: true })
    const old = createRp(app.issuer, { client_id: 'old', client_secret: 'secret-of-old', redirect_uri })
    const { code: plain } = await old.signIn({
      params: { code_challenge: undefined, code_challenge_method: undefined },
    })
    expect((await old.redeem(plain, 'a'.repeat(43))).body.error).toBe('invalid_grant')
  })
})
