// Userinfo, and which claims go where: scopes, the claims parameter, teams and roles.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { createRp, demoMachine, demoThirdParty, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
beforeAll(async () => {
  app = await startApp()
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

const claimsFrom = async (token: string): Promise<Record<string, unknown>> =>
  (await rp.userinfo(token)).json()
const without = <T extends object>(claims: T, ...names: string[]) =>
  Object.fromEntries(Object.entries(claims).filter(([name]) => !names.includes(name)))

const everyStandardClaim = [
  'name family_name given_name middle_name nickname preferred_username profile picture website gender birthdate',
  'zoneinfo locale updated_at email email_verified phone_number phone_number_verified address',
]
  .join(' ')
  .split(' ')

describe('userinfo', () => {
  it('has every standard claim of Ada (OIDC Core §5.1)', async () => {
    const tokens = await rp.tokens({ params: { scope: 'openid profile email phone address' } })
    const claims = await claimsFrom(tokens.access_token)
    expect(Object.keys(claims).sort()).toEqual([...everyStandardClaim, 'sub'].sort())
    expect(claims).toMatchObject({
      sub: decodeJwt(tokens.id_token ?? '').sub,
      email: 'ada@example.test',
      email_verified: true,
      phone_number_verified: true,
      address: { locality: 'London', country: 'United Kingdom' },
      updated_at: expect.any(Number),
    })
    for (const value of Object.values(claims)) expect([null, '']).not.toContain(value)
  })

  it.each([
    ['openid', ['sub']],
    ['openid email', ['email', 'email_verified', 'sub']],
    ['openid phone', ['phone_number', 'phone_number_verified', 'sub']],
    ['openid address', ['address', 'sub']],
    ['openid teams', ['sub', 'teams']],
    ['openid roles', ['roles', 'sub']],
  ])('for %s has %j', async (scope, names) => {
    const { access_token } = await rp.tokens({ params: { scope } })
    expect(Object.keys(await claimsFrom(access_token)).sort()).toEqual(names)
  })

  it('takes the token as a header or in a form, and by GET or POST', async () => {
    const { access_token } = await rp.tokens()
    const url = `${app.issuer}/oauth2/userinfo`
    const authorization = `Bearer ${access_token}`
    const answers = await Promise.all([
      fetch(url, { headers: { authorization } }),
      fetch(url, { method: 'POST', headers: { authorization } }),
      fetch(url, { method: 'POST', body: new URLSearchParams({ access_token }) }),
    ])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(answers[0]?.headers.get('content-type')).toContain('application/json')
    expect(answers[0]?.headers.get('cache-control')).toBe('no-store')
  })

  it('refuses a token in the address, where it would stay in logs', async () => {
    const { access_token } = await rp.tokens()
    const answer = await fetch(`${app.issuer}/oauth2/userinfo?access_token=${access_token}`)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: 'invalid_request' })
  })

  it('is closed to everything but an opaque token with openid', async () => {
    const tokens = await rp.tokens()
    const quests = await rp.tokens({ params: { scope: 'openid quests:read', resource: 'urn:demo:quests' } })
    const machine = createRp(app.issuer, demoMachine)
    const { body } = await machine.post('/oauth2/token', { grant_type: 'client_credentials' })
    const refused = [tokens.id_token, tokens.refresh_token, quests.access_token, body.access_token, 'x']
    for (const token of refused) {
      const answer = await rp.userinfo(token ?? '')
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm=.*error="invalid_token"/)
      expect(await answer.json()).toMatchObject({ error: 'invalid_token' })
    }
    const bare = await fetch(`${app.issuer}/oauth2/userinfo`)
    expect(bare.status).toBe(401)
    expect(bare.headers.get('www-authenticate')).toMatch(/^Bearer realm=/)
  })

  it('refuses a token without openid by name', async () => {
    const { access_token } = await rp.tokens({ params: { scope: 'email' } })
    const answer = await rp.userinfo(access_token)
    expect([answer.status, await answer.json()]).toMatchObject([
      403,
      { error: 'insufficient_scope', scope: 'openid' },
    ])
  })
})

describe('the claims parameter', () => {
  it('brings single claims to userinfo and to the ID token, each where it was asked', async () => {
    const claims = JSON.stringify({
      userinfo: { given_name: null, phone_number: { essential: true } },
      id_token: { email: null, auth_time: { essential: true }, acr: null },
    })
    const tokens = await rp.tokens({ params: { scope: 'openid', claims } })
    expect(without(await claimsFrom(tokens.access_token), 'sub')).toEqual({
      given_name: 'Ada',
      phone_number: '+44 20 7946 0958',
    })
    const idToken = decodeJwt(tokens.id_token ?? '')
    expect(idToken).toMatchObject({
      email: 'ada@example.test',
      auth_time: expect.any(Number),
      acr: 'urn:foyer:acr:pwd',
    })
    expect(idToken).not.toHaveProperty('given_name')
  })

  it('tells how the person signed in when asked for amr and sid', async () => {
    const claims = JSON.stringify({ id_token: { amr: null, sid: null } })
    const tokens = await rp.tokens({ params: { scope: 'openid', claims } })
    expect(decodeJwt(tokens.id_token ?? '')).toMatchObject({ amr: ['pwd'], sid: expect.any(String) })
  })

  it('tells the level that was reached when acr_values asks for one', async () => {
    const levelOf = async (acr_values: string) => {
      const { id_token = '' } = await rp.tokens({ params: { scope: 'openid', acr_values } })
      return decodeJwt(id_token).acr
    }
    expect(await levelOf('urn:foyer:acr:pwd')).toBe('urn:foyer:acr:pwd')
    // OIDC Core §3.1.2.1: a wish, so that another level is told and not refused
    expect(await levelOf('urn:nobody:acr urn:no:other')).toBe('urn:foyer:acr:pwd')
  })

  it('refuses a level that no sign-in reaches, instead of asking for it without end', async () => {
    const unreachable: object[] = [
      { essential: true, value: 'urn:nobody:acr' },
      { essential: true, values: ['urn:nobody:acr', 'urn:no:other'] },
    ]
    for (const acr of unreachable) {
      const went = await createPerson().go(
        rp.authorizeUrl({ claims: JSON.stringify({ id_token: { acr } }) }).url,
      )
      expect('left' in went && went.left.searchParams.get('error')).toBe('unmet_authentication_requirements')
    }
    for (const acr of [
      { value: 'urn:nobody:acr' },
      { essential: true, values: ['urn:nobody:acr', 'urn:foyer:acr:pwd'] },
    ]) {
      const tokens = await rp.tokens({ params: { claims: JSON.stringify({ id_token: { acr } }) } })
      expect(decodeJwt(tokens.id_token ?? '').acr).toBe('urn:foyer:acr:pwd')
    }
  })

  it('does not let an app name whom it wants', async () => {
    const person = createPerson()
    await rp.signIn({ person })
    const claims = JSON.stringify({ id_token: { sub: { value: 'somebody-else' } } })
    const left = await person.go(rp.authorizeUrl({ claims, prompt: 'none' }).url)
    expect('left' in left && left.left.searchParams.get('error')).toBe('login_required')
  })

  it('is shown on the consent page with the values it would give', async () => {
    const third = createRp(app.issuer, demoThirdParty)
    const person = createPerson()
    await rp.signIn({ person })
    const claims = JSON.stringify({ userinfo: { birthdate: null } })
    const page = await person.open(third.authorizeUrl({ scope: 'openid', claims }).url)
    expect(page.html).toContain('1815-12-10')
    expect(page.html).not.toContain('+44 20 7946 0958')
  })
})

describe('teams and roles', () => {
  const acme = [{ id: expect.any(String), slug: 'acme', name: 'Acme', role: 'owner' }]

  it('are in the ID token, in userinfo and in a JWT access token when they were granted', async () => {
    const scope = 'openid teams roles quests:read'
    const tokens = await rp.tokens({ params: { scope } })
    expect(decodeJwt(tokens.id_token ?? '')).toMatchObject({ teams: acme, roles: [] })
    expect(await claimsFrom(tokens.access_token)).toMatchObject({ teams: acme, roles: [] })
    const jwt = await rp.tokens({ params: { scope, resource: 'urn:demo:quests' } })
    expect(decodeJwt(jwt.access_token)).toMatchObject({ teams: acme, roles: [] })
    const refreshed = (await rp.refresh(jwt.refresh_token ?? '')).body
    expect(decodeJwt(refreshed.access_token)).toMatchObject({ teams: acme, roles: [] })
    expect(decodeJwt(refreshed.id_token ?? '')).toMatchObject({ teams: acme, roles: [] })
  })

  it('are nowhere when they were not', async () => {
    const person = createPerson()
    const scope = 'openid email quests:read'
    const tokens = await createRp(app.issuer, demoThirdParty).tokens({ person, params: { scope } })
    expect(decodeJwt(tokens.id_token ?? '')).not.toHaveProperty('teams')
    expect(await claimsFrom(tokens.access_token)).not.toHaveProperty('roles')
    const jwt = await createRp(app.issuer, demoThirdParty).tokens({
      person,
      params: { scope, resource: 'urn:demo:quests' },
    })
    expect(decodeJwt(jwt.access_token)).not.toHaveProperty('teams')
    expect(decodeJwt(jwt.access_token)).not.toHaveProperty('email')
  })

  it('leave a token whose request did not name them, although the app was granted them before', async () => {
    const person = createPerson()
    await rp.tokens({
      person,
      params: { scope: 'openid teams roles quests:read', resource: 'urn:demo:quests' },
    })
    const { access_token } = await rp.tokens({
      person,
      params: { scope: 'openid quests:read', resource: 'urn:demo:quests' },
    })
    expect(decodeJwt(access_token)).not.toHaveProperty('teams')
    expect(decodeJwt(access_token)).not.toHaveProperty('roles')
  })
})
