// FAPI 2.0: what `profile: fapi2` makes of a client at each request (Security Profile §5.3.2, Message Signing §5).
import { randomUUID } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson, leftOf } from '../support/browser-less.ts'
import {
  type Claims,
  createSignedRp,
  dpop,
  type Key,
  makeKey,
  postForm,
  type SignedRp,
} from '../support/signed-rp.ts'

const redirect_uri = 'https://bank.example/callback'
const client_id = 'bank'

let app: TestApp
let rp: SignedRp
let key: Key
let tokenUrl = ''

beforeAll(async () => {
  app = await startApp()
  key = await makeKey()
  tokenUrl = `${app.issuer}/oauth2/token`
  await app.addClient(client_id, {
    profile: 'fapi2',
    redirect_uris: [redirect_uri],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    jwks: { keys: [key.publicJwk] },
    first_party: true,
  })
  rp = createSignedRp(app.issuer, { client_id, redirect_uri, key })
})
afterAll(() => app.close())

const proven = async () => dpop(key, { url: tokenUrl })
const now = () => Math.floor(Date.now() / 1000)

async function signedIn() {
  const { code, verifier, callback } = await rp.signIn({ scope: 'openid email offline_access' })
  return { callback, form: rp.redemption(code, verifier) }
}

describe('a client with profile fapi2', () => {
  it('runs the code flow with a pushed request, an assertion and bound tokens', async () => {
    const { callback, form } = await signedIn()
    expect(callback.searchParams.get('iss')).toBe(app.issuer)
    const { status, body } = await rp.post('/oauth2/token', form, await proven())
    expect([status, body.token_type]).toEqual([200, 'DPoP'])
    expect(decodeProtectedHeader(body.id_token ?? '').alg).toBe('ES256')
  })

  it('keeps its refresh token: it is bound to the client, and is not rotated (§5.3.2.1)', async () => {
    const { form } = await signedIn()
    const { body } = await rp.post('/oauth2/token', form, await proven())
    const refresh_token = body.refresh_token ?? ''
    for (let turn = 0; turn < 3; turn += 1) {
      const renewed = await rp.post(
        '/oauth2/token',
        { grant_type: 'refresh_token', refresh_token },
        await proven(),
      )
      expect([renewed.status, renewed.body.refresh_token]).toEqual([200, refresh_token])
    }
    const stolen = await postForm(
      tokenUrl,
      { grant_type: 'refresh_token', refresh_token, client_id },
      await proven(),
    )
    expect(stolen.body.error).toBe('invalid_client')
  })

  it('has its requests and answers signed when it asks for it (Message Signing)', async () => {
    const { params, verifier } = rp.request({ response_mode: 'jwt' })
    const { body } = await rp.push({ request: await rp.requestObject(params) })
    const callback = await rp.walk(createPerson(), rp.addressOf({ request_uri: body.request_uri ?? '' }))
    const response = callback.searchParams.get('response') ?? ''
    expect(decodeProtectedHeader(response).alg).toBe('ES256')
    const { code } = decodeJwt<{ code: string }>(response)
    expect((await rp.post('/oauth2/token', rp.redemption(code, verifier), await proven())).status).toBe(200)
  })

  it('may be 10 seconds ahead, and not a minute (§5.3.2.1)', async () => {
    const ask = async (ahead: number) => {
      const proof = await rp.proof({ nbf: now() + ahead, iat: now() + ahead, exp: now() + ahead + 60 })
      return (await postForm(tokenUrl, { grant_type: 'client_credentials', ...proof }, await proven())).status
    }
    expect([await ask(8), await ask(75)]).toEqual([200, 401])
  })

  it('may have proofs of possession that are 10 seconds ahead, and not a minute (§5.3.2.1)', async () => {
    const ask = async (ahead: number) => {
      const headers = await dpop(key, { url: tokenUrl }, { claims: { iat: now() + ahead } })
      const { status, body } = await rp.post('/oauth2/token', { grant_type: 'client_credentials' }, headers)
      return [status, body.error]
    }
    expect(await ask(8)).toEqual([200, undefined])
    expect(await ask(75)).toEqual([400, 'invalid_dpop_proof'])
  })
})

describe('FAPI 2.0 refuses of it', () => {
  it('§5.3.2.2: a request that was not pushed', async () => {
    const refused = leftOf(await createPerson().go(rp.addressOf(rp.request().params)))
    expect(refused.searchParams.get('error')).toBe('invalid_request')
  })

  it('§5.3.2.2: a request without a challenge, and one without an address', async () => {
    for (const change of [
      { code_challenge: undefined, code_challenge_method: undefined },
      { redirect_uri: undefined },
    ]) {
      const { status, body } = await rp.push(rp.request(change).params)
      expect([status, body.error]).toEqual([400, 'invalid_request'])
    }
  })

  it('§5.3.2.1: a token that would be bound to nothing', async () => {
    const { form } = await signedIn()
    const { status, body } = await rp.post('/oauth2/token', form)
    expect([status, body.error]).toEqual([400, 'invalid_grant'])
  })

  it.each<[string, () => Claims]>([
    ['for the token endpoint', () => ({ aud: tokenUrl })],
    ['for a list', () => ({ aud: [app.issuer] })],
    ['from the future', () => ({ iat: now() + 90, exp: now() + 120 })],
  ])('§5.3.2.1: an assertion %s', async (_, claims) => {
    const form = { grant_type: 'client_credentials', ...(await rp.proof(claims())) }
    const { status, body } = await postForm(tokenUrl, form, await proven())
    expect([status, body.error]).toEqual([401, 'invalid_client'])
  })

  it('§5.4.1: RS256 of an assertion and of a request', async () => {
    const weak = await makeKey('RS256')
    const id = `bank-${randomUUID()}`
    await app.addClient(id, {
      profile: 'fapi2',
      redirect_uris: [redirect_uri],
      jwks: { keys: [weak.publicJwk, key.publicJwk] },
    })
    const weakly = createSignedRp(app.issuer, { client_id: id, redirect_uri, key: weak })
    expect((await weakly.push(weakly.request().params)).body.error).toBe('invalid_client')
    const strongly = createSignedRp(app.issuer, { client_id: id, redirect_uri, key })
    const request = await weakly.requestObject(weakly.request().params)
    expect((await strongly.push({ request })).body.error).toBe('invalid_request_object')
  })

  it.each<[string, () => Claims]>([
    ['no end', () => ({ exp: undefined })],
    ['no beginning', () => ({ nbf: undefined })],
    ['more than an hour between', () => ({ exp: now() + 7_200 })],
  ])('Message Signing §5.3.1: a request with %s', async (_, claims) => {
    const request = await rp.requestObject(rp.request().params, claims())
    expect((await rp.push({ request })).body.error).toBe('invalid_request_object')
  })
})
