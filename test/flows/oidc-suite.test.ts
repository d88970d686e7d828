// What modules of the OpenID Foundation's suites assert of plain sign-ins, as far as no test of a feature holds it.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp } from '../support/app.ts'
import { createPerson, formsOf } from '../support/browser-less.ts'
import { createRp, type Rp } from '../support/rp.ts'

const query = 'dummy1=lorem&dummy2=ipsum'
const redirect_uri = `https://shop.example/callback?${query}`

let app: TestApp
let rp: Rp
beforeAll(async () => {
  app = await startApp()
  await app.addClient('shop', {
    redirect_uris: [redirect_uri],
    grant_types: ['authorization_code', 'refresh_token'],
    first_party: true,
    require_pkce: false,
  })
  rp = createRp(app.issuer, { client_id: 'shop', client_secret: secretOf('shop'), redirect_uri })
})
afterAll(() => app.close())

/** Where an answer goes, with the address as it stands there. */
async function answeredAt(params: Record<string, string>): Promise<string> {
  const went = await createPerson().go(rp.authorizeUrl({ prompt: 'none', ...params }).url)
  return 'left' in went ? went.left.href : (formsOf(went)[0]?.action ?? '')
}

describe('oidcc-redirect-uri-query-OK', () => {
  it.each(['query', 'fragment', 'form_post', 'jwt'])('keeps the query in an answer by %s', async (mode) => {
    const address = await answeredAt({ response_mode: mode })
    expect(address.startsWith(redirect_uri)).toBe(true)
    expect(address.slice(redirect_uri.length)).toMatch(
      { query: /^&/, jwt: /^&/, fragment: /^#/ }[mode] ?? /^$/,
    )
  })
})

describe('a request goes on to a code', () => {
  it.each([
    ['oidcc-display-page', { display: 'page' }],
    ['oidcc-display-popup', { display: 'popup' }],
    ['oidcc-ui-locales', { ui_locales: 'se' }],
    ['oidcc-claims-locales', { claims_locales: 'se' }],
    ['oidcc-ensure-request-with-acr-values-succeeds', { acr_values: '1 2' }],
    ['oidcc-login-hint', { login_hint: 'buffy@example.com' }],
    ['oidcc-ensure-request-without-nonce-succeeds-for-code-flow', { nonce: '', state: '' }],
  ])('%s', async (_, params) => {
    const { code, verifier } = await rp.signIn({ params })
    expect((await rp.redeem(code, verifier)).status).toBe(200)
  })
})

describe('oidcc-refresh-token', () => {
  it('tells of the same person and the same sign-in', async () => {
    const params = { nonce: 'n-1', max_age: '1000' }
    const { refresh_token = '', id_token = '' } = await rp.tokens({ params })
    const { body } = await rp.refresh(refresh_token)
    const [{ iat: before, exp: _, ...first }, { iat: after, exp: __, ...second }] = [
      decodeJwt(id_token),
      decodeJwt(body.id_token ?? ''),
    ]
    expect(second).toEqual(first)
    expect(first).toMatchObject({ aud: 'shop', iss: app.issuer, auth_time: expect.any(Number) })
    expect(Number(after)).toBeGreaterThanOrEqual(Number(before))
  })
})

describe('oidcc-prompt-login and oidcc-max-age', () => {
  it('tell of the new sign-in, and of the old one while it is young enough', async () => {
    const person = createPerson()
    const timeOf = async (params: Record<string, string>) => {
      const { id_token = '' } = await rp.tokens({ person, params })
      return Number(decodeJwt(id_token).auth_time)
    }
    const first = await timeOf({ max_age: '15000' })
    await new Promise((resolve) => setTimeout(resolve, 2_100))
    expect(await timeOf({ max_age: '10000' })).toBe(first)
    const second = await timeOf({ max_age: '1' })
    expect(second).toBeGreaterThan(first)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect(await timeOf({ prompt: 'login' })).toBeGreaterThan(second)
  })
})
