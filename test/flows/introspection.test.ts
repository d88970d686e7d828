// What introspection tells, to whom, and how soon it says that a token is dead.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { createRp, demoMachine, demoSpa, demoThirdParty, grace, type Rp, type Tokens } from '../support/rp.ts'

let app: TestApp
let rp: Rp
let machine: Rp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  rp = createRp(app.issuer)
  machine = createRp(app.issuer, demoMachine)
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
const inactive = { active: false }
const quests = { scope: 'openid quests:read teams roles', resource: 'urn:demo:quests' }

const machineToken = async (params: Record<string, string> = {}) =>
  (await machine.post('/oauth2/token', { grant_type: 'client_credentials', ...params })).body.access_token
const stateOf = async (asker: Rp, token: string | undefined) => (await asker.introspect(token ?? '')).body
const subOf = (tokens: Tokens) => decodeJwt(tokens.id_token ?? '').sub ?? ''

describe('introspection', () => {
  it('of an opaque access token tells what it is good for', async () => {
    const tokens = await rp.tokens()
    const { exp, iat, ...rest } = (await stateOf(rp, tokens.access_token)) as unknown as Record<
      string,
      number
    >
    expect(rest).toEqual({
      active: true,
      sub: subOf(tokens),
      client_id: 'demo-web',
      iss: app.issuer,
      scope: 'openid profile email',
      token_type: 'Bearer',
    })
    expect((exp ?? 0) - (iat ?? 0)).toBe(900)
  })

  it('of a refresh token has no token_type', async () => {
    const tokens = await rp.tokens()
    const state = await stateOf(rp, tokens.refresh_token)
    expect(state).toMatchObject({ active: true, client_id: 'demo-web' })
    expect(state).not.toHaveProperty('token_type')
  })

  it('of a JWT gives its claims, and teams and roles as they are now', async () => {
    const tokens = await rp.tokens({ params: quests })
    const claims = decodeJwt(tokens.access_token)
    expect(await stateOf(rp, tokens.access_token)).toEqual({ ...claims, active: true, token_type: 'Bearer' })
  })

  it('is open to the API that the token is for, and to no other client', async () => {
    const tokens = await rp.tokens({ params: quests })
    expect(await stateOf(machine, tokens.access_token)).toMatchObject({
      active: true,
      aud: 'urn:demo:quests',
    })
    expect(await stateOf(createRp(app.issuer, demoThirdParty), tokens.access_token)).toEqual(inactive)

    const opaque = await rp.tokens()
    expect(await stateOf(machine, opaque.access_token)).toEqual(inactive)
    expect(await stateOf(machine, opaque.refresh_token)).toEqual(inactive)
    expect(await stateOf(rp, await machineToken())).toEqual(inactive)
    expect(await stateOf(machine, await machineToken())).toMatchObject({
      active: true,
      aud: `${app.issuer}/api/v1`,
      sub: 'demo-machine',
    })
  })

  it('tells a public client nothing, not even of its own tokens', async () => {
    const spa = createRp(app.issuer, demoSpa)
    const tokens = await spa.tokens()
    expect(await stateOf(spa, tokens.access_token)).toEqual(inactive)
    const jwt = await spa.tokens({ params: quests })
    expect(await stateOf(spa, jwt.access_token)).toEqual(inactive)
  })

  it('asks who is asking', async () => {
    const guessing = createRp(app.issuer, { client_id: 'demo-web', client_secret: 'wrong', redirect_uri: '' })
    const answer = await guessing.introspect((await rp.tokens()).access_token)
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    expect((await rp.post('/oauth2/introspect', {})).body.error).toBe('invalid_request')
  })

  it.each(['access_token', 'refresh_token', 'nonsense'])(
    'finds a token whatever hint is given: %s',
    async (hint) => {
      const tokens = await rp.tokens()
      for (const token of [tokens.access_token, tokens.refresh_token ?? '']) {
        const { body } = await rp.post('/oauth2/introspect', { token, token_type_hint: hint })
        expect(body).toMatchObject({ active: true })
      }
    },
  )

  it('of everything that is no token of ours is inactive', async () => {
    const { access_token: jwt, id_token = '' } = await rp.tokens({ params: quests })
    const { code } = await rp.signIn()
    const [header = '', payload = '', signature = ''] = jwt.split('.')
    const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(jwt), sub: 'somebody-else' })).toString(
      'base64url',
    )
    const strangers = [
      'never-was-a-token',
      'a.b.c',
      '...',
      id_token,
      code,
      `${none}.${payload}.`,
      `${header}.${forged}.${signature}`,
      `${header}.${payload}.${signature}.${signature}`,
      `${header}.${payload}.`,
      jwt.slice(0, -1),
      `${jwt}=`,
      ` ${jwt}`,
    ]
    for (const token of strangers) expect([token, await stateOf(rp, token)]).toEqual([token, inactive])
  })
})

type Given = { opaque: Tokens; jwt: Tokens }
/** Two sign-ins of one person in one browser, so that whatever ends must end both. */
async function given(who?: typeof grace): Promise<Given & Pick<Awaited<ReturnType<Rp['tokens']>>, 'person'>> {
  const opaque = await rp.tokens(who ? { who } : {})
  const jwt = await rp.tokens({ person: opaque.person, params: quests, ...(who && { who }) })
  return { opaque, jwt, person: opaque.person }
}
async function expectDead({ opaque, jwt }: Given): Promise<void> {
  for (const token of [opaque.access_token, opaque.refresh_token, jwt.access_token, jwt.refresh_token]) {
    expect(await stateOf(rp, token)).toEqual(inactive)
  }
  expect(await stateOf(machine, jwt.access_token)).toEqual(inactive)
  expect((await rp.userinfo(opaque.access_token)).status).toBe(401)
}

describe('every token is inactive in the very next request', () => {
  it('once the session has ended', async () => {
    const { person, ...tokens } = await given()
    await person.submit(await person.open(`${app.issuer}/oauth2/logout`))
    await expectDead(tokens)
  })

  it('once the account is disabled', async () => {
    const tokens = await given(grace)
    await app.services.accounts.disable(operator, subOf(tokens.opaque))
    await expectDead(tokens)
    await app.services.accounts.enable(operator, subOf(tokens.opaque))
    await expectDead(tokens)
  })

  it('once the password was set anew', async () => {
    const tokens = await given(grace)
    await app.services.accounts.setPassword(operator, subOf(tokens.opaque), grace.password)
    await expectDead(tokens)
  })

  it('once it has expired', async () => {
    const tokens = await rp.tokens({ params: quests })
    await app.advance(899)
    expect(await stateOf(rp, tokens.access_token)).toMatchObject({ active: true })
    await app.advance(2)
    expect(await stateOf(rp, tokens.access_token)).toEqual(inactive)
    expect(await stateOf(machine, tokens.access_token)).toEqual(inactive)
  })

  it('once its client is gone, or closed', async () => {
    const redirect_uri = 'https://short-lived.example.test/cb'
    await app.addClient('short-lived', {
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [redirect_uri],
      first_party: true,
    })
    const short = createRp(app.issuer, {
      client_id: 'short-lived',
      client_secret: secretOf('short-lived'),
      redirect_uri,
    })
    const jwt = await short.tokens({ params: quests })
    const opaque = await short.tokens()
    expect(await stateOf(machine, jwt.access_token)).toMatchObject({ active: true })
    await app.services.clients.remove(operator, 'short-lived')
    expect(await stateOf(machine, jwt.access_token)).toEqual(inactive)
    expect((await rp.userinfo(opaque.access_token)).status).toBe(401)
    await expect
      .poll(async () => (await short.introspect(opaque.access_token)).body)
      .toMatchObject({ error: 'invalid_client' })
  })

  it('shows roles and teams that changed since', async () => {
    const tokens = await rp.tokens({ params: quests, who: grace })
    await app.services.db.query({
      text: `UPDATE accounts SET roles = '{editor}' WHERE email = $1`,
      values: [grace.email],
    })
    expect(await stateOf(rp, tokens.access_token)).toMatchObject({ roles: ['editor'] })
    expect(decodeJwt(tokens.access_token).roles).toEqual([])
    await app.services.db.query({
      text: `UPDATE accounts SET roles = '{}' WHERE email = $1`,
      values: [grace.email],
    })
  })
})
