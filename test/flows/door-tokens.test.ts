import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { claimsIn, createDoor } from '../support/door.ts'
import { ada, createRp, demoMachine, grace } from '../support/rp.ts'

let app: TestApp
let door: ReturnType<typeof createDoor>
let machine: ReturnType<typeof createRp>
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  door = createDoor(app.issuer)
  machine = createRp(app.issuer, demoMachine)
})
afterAll(() => app.close())

const isActive = async (token: string) => (await machine.introspect(token)).body.active

describe('signing in through the JSON door', () => {
  it('answers a token pair and nothing else', async () => {
    const { status, body, headers } = await door.login(ada)
    expect(status).toBe(200)
    expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'refresh_token', 'token_type'])
    expect(body).toMatchObject({ token_type: 'bearer', expires_in: 900 })
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('gives a JWT for the management API that its API finds active', async () => {
    const { access_token } = await door.signIn(ada)
    expect(claimsIn(access_token)).toMatchObject({
      iss: app.issuer,
      aud: `${app.issuer}/api/v1`,
      client_id: 'foyer-first-party',
    })
    expect(String(claimsIn(access_token).scope)).toContain('users:read')
    expect(await isActive(access_token)).toBe(true)
  })

  it('gives a JWT for the API that is asked for, and takes it at the door', async () => {
    const { access_token, refresh_token } = await door.signIn({ ...ada, resource: 'urn:demo:quests' })
    expect(claimsIn(access_token)).toMatchObject({
      aud: 'urn:demo:quests',
      scope: 'quests:read quests:write',
    })
    expect((await door.me(access_token)).status).toBe(200)
    const { body } = await door.refresh(refresh_token)
    expect(claimsIn(body.access_token).aud).toBe('urn:demo:quests')
  })

  it('tells the API that is asked for in which roles the person is, anew at each refresh', async () => {
    const admin = { email: 'admin@example.test', password: 'difference-engine-1822' }
    const { access_token, refresh_token } = await door.signIn({ ...admin, resource: 'urn:demo:quests' })
    expect(claimsIn(access_token)).toMatchObject({ roles: ['admin'], scope: 'quests:read quests:write' })

    const actor = { kind: 'system' } as const
    const about = { accountId: String(claimsIn(access_token).sub), role: 'organizer' }
    await app.services.assignments.assign(actor, about)
    const { body } = await door.refresh(refresh_token)
    expect(claimsIn(body.access_token)).toMatchObject({ roles: ['admin', 'organizer'] })
    await app.services.assignments.unassign(actor, about)

    const { access_token: own } = await door.signIn(admin)
    expect(claimsIn(own)).not.toHaveProperty('roles')
  })

  it('refuses an API that is not open to it, and counts no failure', async () => {
    const { status, body } = await door.login({ ...ada, resource: 'urn:nobody:knows' })
    expect(status).toBe(400)
    expect(body).toMatchObject({
      code: 'invalid_input',
      errors: [{ pointer: '/resource', code: 'invalid_target' }],
    })
  })

  it('takes a user name as well as an address', async () => {
    const account = await app.services.accounts.create(
      { kind: 'system' },
      { email: 'joan@example.test', username: 'joan', password: 'a-compiler-for-everybody' },
    )
    const { access_token } = await door.signIn({ username: 'Joan', password: 'a-compiler-for-everybody' })
    expect(claimsIn(access_token).sub).toBe(account.id)
  })

  it('refuses a wrong password and an unknown person alike', async () => {
    const wrong = await door.login({ email: ada.email, password: 'not-her-password' })
    const unknown = await door.login({ email: 'nobody@example.test', password: 'not-her-password' })
    for (const answer of [wrong, unknown]) {
      expect(answer.status).toBe(401)
      expect(answer.headers.get('content-type')).toContain('application/problem+json')
    }
    expect(wrong.body.code).toBe('invalid_credentials')
    expect({ ...unknown.body, instance: '' }).toEqual({ ...wrong.body, instance: '' })
    expect(await app.auditTypes()).toContain('authn.failed')
  })

  it('refuses somebody who is disabled as if the password were wrong', async () => {
    const { accounts } = app.services
    const person = { email: 'gone@example.test', password: 'a-very-long-password' }
    const { id } = await accounts.create({ kind: 'system' }, person)
    await accounts.disable({ kind: 'system' }, id)
    expect(await door.login(person)).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
  })

  it.each([
    ['no body', '', 400],
    ['text that is no JSON', '{', 400],
    ['an array', '[]', 400],
    ['a password that is a number', '{"email":"ada@example.test","password":1}', 400],
    ['an address that is an object', '{"email":{"not":""},"password":"x"}', 400],
    ['a member nobody knows', '{"email":"ada@example.test","password":"x","admin":true}', 400],
    ['neither address nor user name', '{"password":"x"}', 400],
    ['both', '{"email":"a@b.example","username":"a","password":"x"}', 400],
    ['a member twice', '{"email":"a@b.example","email":"a@b.example","password":"x"}', 400],
    ['a NUL', '{"email":"a\\u0000@b.example","password":"x"}', 400],
    ['half a surrogate pair', '{"email":"\\ud800@b.example","password":"x"}', 400],
  ])('answers %s with 400', async (_, raw, expected) => {
    const { status, body } = await door.ask('POST', '/auth/login', { raw })
    expect(status).toBe(expected)
    expect(body.instance).toBeTruthy()
  })

  it('takes 30 failures from one address, says so in its headers, and then asks to wait', async () => {
    const apart = await startApp()
    try {
      const other = createDoor(apart.issuer)
      const attempt = (turn: number) =>
        other.login({ email: `nobody-${turn}@example.test`, password: 'wrong' })
      const first = await attempt(0)
      expect(first.headers.get('ratelimit-policy')).toBe('"login.address";q=30;w=900')
      expect(first.headers.get('ratelimit')).toMatch(/^"login\.address";r=29;t=\d+$/)
      for (let turn = 1; turn < 30; turn += 1) await attempt(turn)
      const refused = await attempt(31)
      expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(refused.headers.get('ratelimit')).toMatch(/^"login\.address";r=0;t=\d+$/)
    } finally {
      await apart.close()
    }
  })
})

describe('guesses at the JSON door', () => {
  it('slow down strangers, and not the device that has signed in before', async () => {
    const apart = await startApp()
    try {
      const there = createDoor(apart.issuer)
      const known = await there.login(ada)
      const cookie = known.headers
        .getSetCookie()
        .map((text) => text.split(';')[0])
        .join('; ')
      expect(cookie).toContain('foyer_device=')
      for (let turn = 0; turn < 12; turn += 1) await there.login({ email: ada.email, password: 'guess' })
      const stranger = await there.login(ada)
      expect(stranger).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
      expect(Number(stranger.headers.get('retry-after'))).toBeGreaterThan(0)
      const atHome = await there.post('/auth/login', ada, { headers: { cookie } })
      expect(atHome.status).toBe(200)
    } finally {
      await apart.close()
    }
  })
})

describe('refreshing through the JSON door', () => {
  it('rotates, and takes the bare token as a JSON string too', async () => {
    const { refresh_token } = await door.signIn(ada)
    const first = await door.refresh(refresh_token)
    expect(first.status).toBe(200)
    expect(Object.keys(first.body).sort()).toEqual([
      'access_token',
      'expires_in',
      'refresh_token',
      'token_type',
    ])
    expect(first.body.refresh_token).not.toBe(refresh_token)
    const second = await door.ask('POST', '/auth/refresh', { json: first.body.refresh_token })
    expect(second.status).toBe(200)
    expect((await door.me(second.body.access_token)).status).toBe(200)
  })

  it('has no grace: a token used twice ends everything that came of it', async () => {
    const { refresh_token } = await door.signIn(ada)
    const { body } = await door.refresh(refresh_token)
    const again = await door.refresh(refresh_token)
    expect(again).toMatchObject({ status: 401, body: { code: 'invalid_token' } })
    expect((await door.refresh(body.refresh_token)).status).toBe(401)
    expect((await door.me(body.access_token)).status).toBe(401)
    expect(await isActive(body.access_token)).toBe(false)
    expect(await app.auditTypes()).toContain('token.reuse_detected')
  })

  it('refuses unknown and empty tokens, access tokens, and those of other clients, with 401', async () => {
    const { access_token } = await door.signIn(ada)
    const foreign = await createRp(app.issuer).tokens()
    for (const token of ['', 'x', access_token, 'a'.repeat(5000), String(foreign.refresh_token)]) {
      expect((await door.refresh(token)).status).toBe(401)
    }
  })

  it('refuses an expired token with 401', async () => {
    const { refresh_token } = await door.signIn(ada)
    await app.advance(2_592_001)
    expect((await door.refresh(refresh_token)).status).toBe(401)
  })

  it('keeps its session as long as somebody refreshes', async () => {
    let { refresh_token } = await door.signIn(ada)
    for (let round = 0; round < 3; round += 1) {
      await app.advance(20 * 86_400)
      const { status, body } = await door.refresh(refresh_token)
      expect(status).toBe(200)
      refresh_token = body.refresh_token
    }
  })

  it.each(['{}', '1', 'null', '{"refresh_token":1}', '{"refresh_token":"x","more":1}', '["x"]'])(
    'answers %s with 400',
    async (raw) => {
      expect((await door.ask('POST', '/auth/refresh', { raw })).status).toBe(400)
    },
  )
})

describe('signing out through the JSON door', () => {
  it('ends the session, its tokens and its refresh family at once', async () => {
    const { access_token, refresh_token } = await door.signIn(ada)
    const other = await door.signIn(ada)
    const out = await door.post('/auth/logout', { refresh_token }, { as: access_token })
    expect(out).toMatchObject({ status: 200, body: { status: 'signed_out' } })
    expect(await isActive(access_token)).toBe(false)
    expect((await door.me(access_token)).status).toBe(401)
    expect((await door.refresh(refresh_token)).status).toBe(401)
    expect((await door.me(other.access_token)).status).toBe(200)
  })

  it('needs no body', async () => {
    const { access_token } = await door.signIn(ada)
    expect((await door.ask('POST', '/auth/logout', { as: access_token })).status).toBe(200)
  })

  it('asks for a token first', async () => {
    const { status, headers } = await door.ask('POST', '/auth/logout')
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toBe('Bearer')
  })
})

describe('who the JSON door knows', () => {
  it('tells the person what the contract names', async () => {
    const { access_token } = await door.signIn(ada)
    const { status, body } = await door.me(access_token)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      email: ada.email,
      email_verified: true,
      name: 'Ada King Lovelace',
      roles: [],
      teams: [{ slug: 'acme', role: 'owner' }],
    })
    expect(body.id).toBe(claimsIn(access_token).sub)
  })

  it.each([
    ['no token', undefined],
    ['nonsense', 'nonsense'],
    ['a JWT that nobody signed', 'eyJhbGciOiJub25lIn0.e30.'],
  ])('answers %s with 401', async (_, token) => {
    const { status, headers, body } = await door.ask('GET', '/auth/me', { ...(token && { as: token }) })
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toMatch(/^Bearer/)
    expect(body.code).toBe(token ? 'invalid_token' : 'unauthenticated')
  })

  it('takes no token of another client, a machine’s for the same API included', async () => {
    const web = await createRp(app.issuer).tokens({
      params: { resource: 'urn:demo:quests', scope: 'openid quests:read' },
    })
    const robot = await machine.post('/oauth2/token', {
      grant_type: 'client_credentials',
      scope: 'users:read',
    })
    expect(robot.status).toBe(200)
    expect((await door.me(web.access_token)).status).toBe(401)
    expect((await door.me(robot.body.access_token)).status).toBe(401)
  })

  it('knows nobody by an expired token, nor somebody who was disabled meanwhile', async () => {
    const person = { email: 'brief@example.test', password: 'a-very-long-password' }
    const { id } = await app.services.accounts.create({ kind: 'system' }, person)
    const first = await door.signIn(person)
    await app.advance(901)
    expect((await door.me(first.access_token)).status).toBe(401)
    const { body } = await door.refresh(first.refresh_token)
    expect((await door.me(body.access_token)).status).toBe(200)
    await app.services.accounts.disable({ kind: 'system' }, id)
    expect((await door.me(body.access_token)).status).toBe(401)
    expect((await door.refresh(body.refresh_token)).status).toBe(401)
    expect((await door.login(grace)).status).toBe(200)
  })
})

describe('the client of the JSON door', () => {
  const token = (form: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${app.issuer}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form), headers })
  const grantType = 'urn:foyer:params:oauth:grant-type:first-party'

  it.each([
    ['without a secret', {}],
    ['with an empty secret', { client_secret: '' }],
    ['with a guessed secret', { client_secret: 'guess' }],
  ])('cannot be used from outside %s', async (_, more) => {
    for (const grant_type of [grantType, 'refresh_token', 'client_credentials']) {
      const answer = await token({ grant_type, client_id: 'foyer-first-party', refresh_token: 'x', ...more })
      expect(answer.status).toBe(401)
      expect(await answer.json()).toMatchObject({ error: 'invalid_client' })
    }
  })

  it('has a grant that no other client may use, and that discovery does not tell', async () => {
    const answer = await createRp(app.issuer).post('/oauth2/token', { grant_type: grantType })
    expect(answer).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } })
    const discovery = await (await fetch(`${app.issuer}/.well-known/openid-configuration`)).json()
    expect(discovery.grant_types_supported).not.toContain(grantType)
  })
})

describe('where the JSON door is closed', () => {
  it('knows none of its paths', async () => {
    const closed = await startApp({ env: { FOYER_FIRST_PARTY: 'off' } })
    try {
      const there = createDoor(closed.issuer)
      expect((await there.login(ada)).status).toBe(404)
      expect((await there.ask('GET', '/auth/me')).status).toBe(404)
    } finally {
      await closed.close()
    }
  })

  it('is open in production only where it is asked for, with the management API in place', async () => {
    const env = {
      NODE_ENV: 'production',
      FOYER_ISSUER: 'http://localhost:PORT',
      FOYER_REGISTRATION: 'closed',
      FOYER_FIRST_PARTY: 'on',
    }
    const open = await startApp({ env })
    try {
      const person = { email: 'owner@example.test', password: 'a-rather-long-password' }
      await open.services.accounts.create({ kind: 'operator' }, person)
      const there = createDoor(open.issuer)
      const { access_token } = await there.signIn(person)
      expect(claimsIn(access_token).aud).toBe(`${open.issuer}/api/v1`)
    } finally {
      await open.close()
    }
    const { FOYER_FIRST_PARTY: _, ...usual } = env
    const closed = await startApp({ env: usual })
    try {
      expect((await createDoor(closed.issuer).login(ada)).status).toBe(404)
    } finally {
      await closed.close()
    }
  })

  it('refuses other methods with 405 and unknown paths with 404 where it is open', async () => {
    const wrong = await door.ask('GET', '/auth/login')
    expect(wrong).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } })
    expect(wrong.headers.get('allow')).toBe('POST')
    expect(await door.ask('GET', '/auth/nothing')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })
})
