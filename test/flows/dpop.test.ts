// Proofs of possession (RFC 9449): tokens that are good only with the key they were bound to.
import { createHash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createDoor } from '../support/barrier.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { basic, createRp, demoMachine, demoSpa, demoWeb } from '../support/rp.ts'
import { type Claims, dpop, type Key, makeKey, postForm } from '../support/signed-rp.ts'

let database: TestDatabase
let app: TestApp
let key: Key
let other: Key
let tokenUrl = ''
let userinfoUrl = ''
let apiUrl = ''
beforeAll(async () => {
  database = await createTestDatabase()
  app = await startApp({ env: testHooks, databaseUrl: database.url })
  key = await makeKey()
  other = await makeKey()
  tokenUrl = `${app.issuer}/oauth2/token`
  userinfoUrl = `${app.issuer}/oauth2/userinfo`
  apiUrl = `${app.issuer}/api/v1/users`
})
afterAll(async () => {
  await app.close()
  await database.drop()
})

const machine = { authorization: basic(demoMachine.client_id, demoMachine.client_secret) }
const grant = { grant_type: 'client_credentials', scope: 'users:read' }

type Spoiled = { claims?: Claims; header?: Claims; by?: Key }

const ask = async (spoiled: Spoiled = {}) =>
  postForm(tokenUrl, grant, { ...machine, ...(await dpop(spoiled.by ?? key, { url: tokenUrl }, spoiled)) })

async function boundToken(): Promise<string> {
  const { status, body } = await ask()
  expect([status, body.token_type]).toEqual([200, 'DPoP'])
  return body.access_token
}

/** A code flow of the public client, bound to the key. */
async function spaTokens(params: Record<string, string> = {}) {
  const spa = createRp(app.issuer, demoSpa)
  const { code, verifier } = await spa.signIn({ params })
  const form = {
    grant_type: 'authorization_code',
    client_id: demoSpa.client_id,
    redirect_uri: demoSpa.redirect_uri,
    code,
    code_verifier: verifier,
  }
  return { form, redeem: async (by: Key) => postForm(tokenUrl, form, await dpop(by, { url: tokenUrl })) }
}

describe('a bound token', () => {
  it('names its key, as a JWT and at introspection', async () => {
    const token = await boundToken()
    expect(decodeJwt(token).cnf).toEqual({ jkt: key.thumbprint })
    const { body } = await createRp(app.issuer, demoMachine).introspect(token)
    expect(body).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt: key.thumbprint } })
  })

  it('opens userinfo with a proof, and not without one (§7.2)', async () => {
    const { redeem } = await spaTokens()
    const { body } = await redeem(key)
    const token = body.access_token
    const asked = await fetch(userinfoUrl, {
      headers: await dpop(key, { url: userinfoUrl, method: 'GET', token }),
    })
    expect(asked.status).toBe(200)
    const bearer = await fetch(userinfoUrl, { headers: { authorization: `Bearer ${token}` } })
    expect([bearer.status, bearer.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
    const foreign = await dpop(other, { url: userinfoUrl, method: 'GET', token })
    expect((await fetch(userinfoUrl, { headers: foreign })).status).toBe(401)
  })

  it('is renewed by a public client with the same key alone (§5)', async () => {
    const { redeem } = await spaTokens()
    const { body } = await redeem(key)
    const form = {
      grant_type: 'refresh_token',
      client_id: demoSpa.client_id,
      refresh_token: body.refresh_token ?? '',
    }
    for (const headers of [{}, await dpop(other, { url: tokenUrl })]) {
      const refused = await postForm(tokenUrl, form, headers)
      expect([refused.status, refused.body.error]).toEqual([400, 'invalid_grant'])
    }
    const renewed = await postForm(tokenUrl, form, await dpop(key, { url: tokenUrl }))
    expect([renewed.status, renewed.body.token_type]).toEqual([200, 'DPoP'])
  })

  it('comes of the code that dpop_jkt bound to the key, and of no other key (§10)', async () => {
    const bound = await spaTokens({ dpop_jkt: key.thumbprint })
    const refused = await bound.redeem(other)
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_grant'])
    const { form } = await spaTokens({ dpop_jkt: key.thumbprint })
    expect((await postForm(tokenUrl, form)).body.error).toBe('invalid_grant')
    expect((await (await spaTokens({ dpop_jkt: key.thumbprint })).redeem(key)).status).toBe(200)
  })

  it('comes of the code whose request was pushed with a proof (§10.1)', async () => {
    const url = `${app.issuer}/oauth2/par`
    const web = createRp(app.issuer, demoWeb)
    const asked = Object.fromEntries(new URL(web.authorizeUrl().url).searchParams)
    const headers = { authorization: basic(demoWeb.client_id, demoWeb.client_secret) }
    const pushed = await postForm(url, asked, { ...headers, ...(await dpop(key, { url })) })
    expect(pushed.status, JSON.stringify(pushed.body)).toBe(201)
    const mismatch = await postForm(
      url,
      { ...asked, dpop_jkt: other.thumbprint },
      { ...headers, ...(await dpop(key, { url })) },
    )
    expect([mismatch.status, mismatch.body.error]).toEqual([400, 'invalid_request'])
  })

  it('is all that a client gets which registered dpop_bound_access_tokens (§5.2)', async () => {
    await app.addClient('always-bound', {
      grant_types: ['client_credentials'],
      dpop_bound_access_tokens: true,
    })
    const headers = { authorization: basic('always-bound', 'secret-of-always-bound') }
    const form = { grant_type: 'client_credentials' }
    const refused = await postForm(tokenUrl, form, headers)
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_grant'])
    const { body } = await postForm(tokenUrl, form, { ...headers, ...(await dpop(key, { url: tokenUrl })) })
    expect(body.token_type).toBe('DPoP')
  })
})

describe('a nonce', () => {
  it('is given with each answer, and is good at every process of the installation', async () => {
    const first = await ask()
    const nonce = first.headers.get('dpop-nonce') ?? ''
    expect(nonce).toMatch(/^[\w-]{43}$/)
    expect((await ask({ claims: { nonce } })).status).toBe(200)
    // Without hooks of its own: those would take the library's clock from the first one
    const env = { FOYER_ISSUER: app.issuer }
    const twin = await startApp({ databaseUrl: database.url, env })
    const door = createDoor({ port: Number(new URL(twin.listening).port), issuer: app.issuer })
    try {
      const proof = await dpop(key, { url: tokenUrl }, { claims: { nonce } })
      const headers = { ...machine, ...proof }
      expect((await door.ask({ path: '/oauth2/token', form: grant, headers })).status).toBe(200)
    } finally {
      door.close()
      await twin.close()
    }
  })

  it('is asked for by use_dpop_nonce of a client that must bring one (§8)', async () => {
    await app.addClient('with-nonce', { grant_types: ['client_credentials'], require_dpop_nonce: true })
    const headers = { authorization: basic('with-nonce', 'secret-of-with-nonce') }
    const form = { grant_type: 'client_credentials' }
    const asked = await postForm(tokenUrl, form, { ...headers, ...(await dpop(key, { url: tokenUrl })) })
    expect([asked.status, asked.body.error]).toEqual([400, 'use_dpop_nonce'])
    const nonce = asked.headers.get('dpop-nonce') ?? ''
    const proof = await dpop(key, { url: tokenUrl }, { claims: { nonce } })
    expect((await postForm(tokenUrl, form, { ...headers, ...proof })).status).toBe(200)
  })

  it('of another server, or of long ago, is answered by the one to use (§8)', async () => {
    const old = (await ask()).headers.get('dpop-nonce') ?? ''
    for (const nonce of ['a'.repeat(43), old]) {
      if (nonce === old) await app.advance(360)
      const { status, body, headers } = await ask({ claims: { nonce } })
      expect([status, body.error]).toEqual([400, 'use_dpop_nonce'])
      expect(headers.get('dpop-nonce')).not.toBe(nonce)
    }
  })
})

const stale = () => Math.floor(Date.now() / 1000) - 400

describe('RFC 9449 §4.3 refuses a proof', () => {
  it.each<[string, () => Promise<Spoiled>]>([
    ['of another type', async () => ({ header: { typ: 'JWT' } })],
    ['without a type', async () => ({ header: { typ: undefined } })],
    ['without its key', async () => ({ header: { jwk: undefined } })],
    ['with the private part of its key', async () => ({ header: { jwk: { ...key.publicJwk, d: 'AAAA' } } })],
    ['by another key than the one inside', async () => ({ header: { jwk: other.publicJwk } })],
    ['by an algorithm that is not offered', async () => ({ by: await makeKey('ES384') })],
    ['for another method', async () => ({ claims: { htm: 'GET' } })],
    ['for another address', async () => ({ claims: { htu: userinfoUrl } })],
    ['for no address', async () => ({ claims: { htu: undefined } })],
    ['without a jti', async () => ({ claims: { jti: undefined } })],
    ['without a time', async () => ({ claims: { iat: undefined } })],
  ])('%s', async (_, spoil) => {
    const { status, body } = await ask(await spoil())
    expect([status, body.error]).toEqual([400, 'invalid_dpop_proof'])
  })

  it('that was used before (§11.1)', async () => {
    const headers = { ...machine, ...(await dpop(key, { url: tokenUrl })) }
    expect((await postForm(tokenUrl, grant, headers)).status).toBe(200)
    const { status, body } = await postForm(tokenUrl, grant, headers)
    expect([status, body.error]).toEqual([400, 'invalid_grant'])
  })

  it('that was used before by a clock that is ahead, for as long as it is good', async () => {
    const claims = { iat: Math.floor(Date.now() / 1000) + 290 }
    const headers = { ...machine, ...(await dpop(key, { url: tokenUrl }, { claims })) }
    expect((await postForm(tokenUrl, grant, headers)).status).toBe(200)
    await app.advance(400)
    expect((await postForm(tokenUrl, grant, headers)).body.error).toBe('invalid_grant')
  })

  it.each([
    '',
    ' ',
    '.',
    '..',
    'a.b.c',
    'e30.e30.AA',
    '{}',
    'bnVsbA.bnVsbA.AA',
    'é'.repeat(3),
    'x'.repeat(4_000),
  ])('that is none: %s', async (text) => {
    const proof = Buffer.from(text).toString('latin1')
    const asked = await postForm(tokenUrl, grant, { ...machine, dpop: proof })
    expect([200, 400]).toContain(asked.status)
    if (asked.status === 200) expect(text.trim()).toBe('')
    const answer = await fetch(apiUrl, {
      headers: { authorization: `DPoP ${await boundToken()}`, dpop: proof },
    })
    expect(answer.status).toBe(401)
  })

  it('sent twice', async () => {
    const [one, two] = [await dpop(key, { url: tokenUrl }), await dpop(key, { url: tokenUrl })]
    const { status, body } = await postForm(tokenUrl, grant, { ...machine, dpop: `${one.dpop}, ${two.dpop}` })
    expect([status, body.error]).toEqual([400, 'invalid_dpop_proof'])
  })
})

describe('the management API', () => {
  const get = async (headers: Record<string, string>) => {
    const response = await fetch(`${apiUrl}?limit=1`, { headers })
    return [response.status, response.headers.get('www-authenticate')]
  }
  const proofFor = (token: string, spoiled: Spoiled = {}) =>
    dpop(spoiled.by ?? key, { url: apiUrl, method: 'GET', token }, spoiled)

  it('is open to a bound token with its proof', async () => {
    const token = await boundToken()
    expect(await get(await proofFor(token))).toEqual([200, null])
    expect(await get(await proofFor(token, { claims: { htu: `${apiUrl}?limit=1#top` } }))).toEqual([
      200,
      null,
    ])
  })

  it('refuses a bound token as a bearer token, and one that is not bound with a proof (§7.1)', async () => {
    const token = await boundToken()
    const [status, challenge] = await get({ ...(await proofFor(token)), authorization: `Bearer ${token}` })
    expect([status, challenge]).toEqual([401, expect.stringMatching(/^Bearer error="invalid_token"/)])
    const plain = await createRp(app.issuer, demoMachine).post('/oauth2/token', grant)
    const refused = await get(await proofFor(plain.body.access_token))
    expect(refused).toEqual([401, expect.stringMatching(/^DPoP error="invalid_token"/)])
  })

  it.each<[string, () => Promise<Spoiled>, string]>([
    ['of another key', async () => ({ by: other }), 'invalid_token'],
    ['for another method', async () => ({ claims: { htm: 'POST' } }), 'invalid_dpop_proof'],
    ['for another address', async () => ({ claims: { htu: userinfoUrl } }), 'invalid_dpop_proof'],
    ['for no address at all', async () => ({ claims: { htu: 'users' } }), 'invalid_dpop_proof'],
    ['of long ago', async () => ({ claims: { iat: stale() } }), 'invalid_dpop_proof'],
    ['without a jti', async () => ({ claims: { jti: undefined } }), 'invalid_dpop_proof'],
    ['with an endless jti', async () => ({ claims: { jti: 'j'.repeat(600) } }), 'invalid_dpop_proof'],
    [
      'for another token',
      async () => ({ claims: { ath: createHash('sha256').update('x').digest('base64url') } }),
      'invalid_dpop_proof',
    ],
    ['of another type', async () => ({ header: { typ: 'JWT' } }), 'invalid_dpop_proof'],
    ['without its key', async () => ({ header: { jwk: undefined } }), 'invalid_dpop_proof'],
    ['with a key that is none', async () => ({ header: { jwk: { kty: 'EC' } } }), 'invalid_dpop_proof'],
    [
      'with a private key inside',
      async () => ({ header: { jwk: { ...key.publicJwk, d: 'A' } } }),
      'invalid_dpop_proof',
    ],
    [
      'by another key than the one inside',
      async () => ({ header: { jwk: other.publicJwk } }),
      'invalid_dpop_proof',
    ],
    [
      'by an algorithm that is not offered',
      async () => ({ by: await makeKey('ES384') }),
      'invalid_dpop_proof',
    ],
  ])('refuses a proof %s', async (_, spoil, error) => {
    const token = await boundToken()
    const headers = await proofFor(token, await spoil())
    expect(await get(headers)).toEqual([401, expect.stringContaining(`DPoP error="${error}"`)])
  })

  it('refuses a proof that is missing, and one that was used before (§11.1)', async () => {
    const token = await boundToken()
    expect((await get({ authorization: `DPoP ${token}` }))[0]).toBe(401)
    const headers = await proofFor(token)
    expect((await get(headers))[0]).toBe(200)
    expect(await get(headers)).toEqual([401, expect.stringContaining('error="invalid_dpop_proof"')])
  })

  it.each(['EdDSA', 'PS256'])('takes proofs by %s', async (alg) => {
    const own = await makeKey(alg)
    const bound = await postForm(tokenUrl, grant, { ...machine, ...(await dpop(own, { url: tokenUrl })) })
    const token = bound.body.access_token
    expect((await get(await proofFor(token, { by: own })))[0]).toBe(200)
  })
})
