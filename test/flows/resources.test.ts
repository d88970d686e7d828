// Resource indicators (RFC 8707): which API a token is for, and with which scopes.
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { createRp, demoMachine, demoThirdParty, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
let machine: Rp
beforeAll(async () => {
  app = await startApp()
  rp = createRp(app.issuer)
  machine = createRp(app.issuer, demoMachine)
})
afterAll(() => app.close())

const credentials = (params: Record<string, string> = {}) =>
  machine.post('/oauth2/token', { grant_type: 'client_credentials', ...params })

describe('a person’s token', () => {
  it('for an API is a JWT as RFC 9068 §2 wants it', async () => {
    const tokens = await rp.tokens({ params: { scope: 'openid quests:read', resource: 'urn:demo:quests' } })
    const { kid, ...header } = decodeProtectedHeader(tokens.access_token)
    expect([header, typeof kid]).toEqual([{ alg: 'ES256', typ: 'at+jwt' }, 'string'])
    const claims = decodeJwt(tokens.access_token)
    expect(Object.keys(claims).sort()).toEqual([
      'acr',
      'aud',
      'auth_time',
      'client_id',
      'exp',
      'iat',
      'iss',
      'jti',
      'scope',
      'sub',
    ])
    expect(claims).toMatchObject({
      iss: app.issuer,
      aud: 'urn:demo:quests',
      sub: decodeJwt(tokens.id_token ?? '').sub,
      client_id: 'demo-web',
      scope: 'quests:read',
      acr: 'urn:foyer:acr:pwd',
    })
    expect(tokens.scope).toBe('quests:read')
  })

  it('is for the API named at the authorization endpoint alone, and at the token endpoint too', async () => {
    const params = { scope: 'openid quests:read', resource: 'urn:demo:quests' }
    const silent = await rp.signIn({ params })
    const said = await rp.signIn({ params })
    const answers = [
      await rp.redeem(silent.code, silent.verifier),
      await rp.redeem(said.code, said.verifier, { resource: 'urn:demo:quests' }),
    ]
    for (const { body } of answers) expect(decodeJwt(body.access_token).aud).toBe('urn:demo:quests')
  })

  it('is for userinfo when a refresh asks for nothing of the API, and for the API again at the next', async () => {
    const scope = 'openid profile quests:read'
    const tokens = await rp.tokens({ params: { scope, resource: 'urn:demo:quests' } })
    const narrow = await rp.refresh(tokens.refresh_token ?? '', { scope: 'openid profile' })
    expect(narrow).toMatchObject({ status: 200, body: { scope: 'openid profile' } })
    const told = await rp.userinfo(narrow.body.access_token)
    expect(await told.json()).toMatchObject({ name: 'Ada King Lovelace' })

    for (const wish of ['openid quests:read', undefined]) {
      const more: Record<string, string> = wish === undefined ? {} : { scope: wish }
      const again = await rp.refresh(narrow.body.refresh_token ?? '', more)
      expect(decodeJwt(again.body.access_token)).toMatchObject({
        aud: 'urn:demo:quests',
        scope: 'quests:read',
      })
      narrow.body.refresh_token = again.body.refresh_token
    }
  })

  it('cannot be for an API that was not named at first', async () => {
    const { code, verifier } = await rp.signIn({ params: { scope: 'openid quests:read' } })
    const refused = await rp.redeem(code, verifier, { resource: 'urn:demo:quests' })
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_target' } })
  })

  it('is opaque without an API, and names none of its scopes', async () => {
    const tokens = await rp.tokens({ params: { scope: 'openid quests:read' } })
    expect(tokens.access_token).toMatch(/^[\w-]{43}$/)
    expect(tokens.scope).toBe('openid')
  })

  it('has no scope that the API does not know', async () => {
    const tokens = await rp.tokens({
      params: { scope: 'openid quests:read quests:delete users:write', resource: 'urn:demo:quests' },
    })
    expect(decodeJwt(tokens.access_token).scope).toBe('quests:read')
  })

  it('shows a third party’s wish on the consent page, scope by scope', async () => {
    const third = createRp(app.issuer, demoThirdParty)
    const person = createPerson()
    await rp.signIn({ person })
    const params = { scope: 'openid quests:read quests:write', resource: 'urn:demo:quests' }
    const page = await person.open(third.authorizeUrl(params).url)
    expect(page.html).toContain('Quests')
    expect(page.html).toContain('quests:write')
    const tokens = await third.tokens({ person, params })
    expect(decodeJwt(tokens.access_token).scope).toBe('quests:read quests:write')
  })
})

describe('a machine’s token', () => {
  it('is for its default API unless it names another', async () => {
    const byDefault = decodeJwt((await credentials({ scope: 'users:read audit:read' })).body.access_token)
    expect(byDefault).toMatchObject({ aud: `${app.issuer}/api/v1`, scope: 'users:read audit:read' })
    const named = (await credentials({ resource: 'urn:demo:quests', scope: 'quests:read' })).body
    expect(decodeJwt(named.access_token)).toMatchObject({ aud: 'urn:demo:quests', scope: 'quests:read' })
    expect(named).not.toHaveProperty('refresh_token')
    expect(named).not.toHaveProperty('id_token')
  })

  it('gets every management scope and no other', async () => {
    const all = [
      'users:read users:write teams:read teams:write clients:read clients:write roles:read',
      'roles:write sessions:read sessions:write audit:read webhooks:write keys:rotate',
    ].join(' ')
    expect((await credentials({ scope: all })).body.scope).toBe(all)
    expect((await credentials({ scope: 'users:read everything' })).body.scope).toBe('users:read')
  })

  it.each([
    ['a scope it was not given', { resource: 'urn:demo:quests', scope: 'quests:write' }, 'invalid_scope'],
    ['an unknown API', { resource: 'urn:nobody' }, 'invalid_target'],
    ['something that is no API', { resource: 'quests' }, 'invalid_target'],
    ['an API with a fragment', { resource: 'https://api.example/#x' }, 'invalid_target'],
  ])('is refused for %s', async (_, params, error) => {
    expect(await credentials(params)).toMatchObject({ status: 400, body: { error } })
  })

  it('is refused to clients that act for people', async () => {
    for (const client of [rp, createRp(app.issuer, { client_id: 'demo-spa', redirect_uri: '' })]) {
      const refused = await client.post('/oauth2/token', { grant_type: 'client_credentials' })
      expect(refused).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } })
    }
  })
})

describe('the management API', () => {
  it('is closed to clients that nobody listed for it', async () => {
    const person = createPerson()
    await rp.signIn({ person })
    const { url } = rp.authorizeUrl({ resource: `${app.issuer}/api/v1`, scope: 'openid users:read' })
    const went = await person.go(url)
    expect('left' in went && went.left.searchParams.get('error')).toBe('invalid_target')
  })
})

describe.each(['RS256', 'EdDSA', 'PS256'])('with FOYER_ACCESS_TOKEN_ALG=%s', (alg) => {
  it('JWT access tokens are signed so, and ID tokens are still RS256', async () => {
    const other = await startApp({ env: { FOYER_ACCESS_TOKEN_ALG: alg } })
    try {
      const there = createRp(other.issuer)
      const tokens = await there.tokens({
        params: { scope: 'openid quests:read', resource: 'urn:demo:quests' },
      })
      const { kid, alg: used } = decodeProtectedHeader(tokens.access_token)
      expect(used).toBe(alg)
      expect(decodeProtectedHeader(tokens.id_token ?? '').alg).toBe('RS256')
      expect((await there.introspect(tokens.access_token)).body).toMatchObject({ active: true })

      const { keys } = (await (await fetch(`${other.issuer}/oauth2/jwks`)).json()) as {
        keys: { alg: string; kid: string }[]
      }
      expect(keys.find((key) => key.kid === kid)?.alg).toBe(alg)
      expect(new Set(keys.map((key) => key.kid)).size).toBe(keys.length)
      expect([...new Set(keys.map((key) => key.alg))]).toEqual(
        expect.arrayContaining(['RS256', 'ES256', 'EdDSA']),
      )
    } finally {
      await other.close()
    }
  })
})
