// Refresh tokens one request at a time; what happens in parallel is test/races.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { createRp, demoSpa, demoThirdParty, demoWeb, grace, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
const invalidGrant = { status: 400, body: { error: 'invalid_grant' } }

async function firstToken(client = rp): Promise<string> {
  return (await client.tokens()).refresh_token ?? ''
}
async function childOf(token: string, client = rp): Promise<string> {
  const { status, body } = await client.refresh(token)
  expect(status, JSON.stringify(body)).toBe(200)
  return body.refresh_token ?? ''
}

describe('a refresh token', () => {
  it('rotates: another refresh token, another access token, the same person', async () => {
    const first = await rp.tokens({ params: { nonce: 'kept' } })
    const { body } = await rp.refresh(first.refresh_token ?? '')
    expect(body.refresh_token).not.toBe(first.refresh_token)
    expect(body.access_token).not.toBe(first.access_token)
    expect(decodeJwt(body.id_token ?? '').sub).toBe(decodeJwt(first.id_token ?? '').sub)
    expect((await rp.introspect(body.access_token)).body).toMatchObject({ active: true })
  })

  it('gives the same child again inside the grace, and a fresh access token each time', async () => {
    const parent = await firstToken()
    const first = (await rp.refresh(parent)).body
    const second = (await rp.refresh(parent)).body
    expect(second.refresh_token).toBe(first.refresh_token)
    expect(second.access_token).not.toBe(first.access_token)
    for (const { access_token } of [first, second]) {
      expect((await rp.introspect(access_token)).body).toMatchObject({ active: true })
    }
    await childOf(first.refresh_token ?? '')
  })

  it('is replayed late in its ten seconds, and is reuse after 10.1', async () => {
    const early = await firstToken()
    const child = await childOf(early)
    await app.advance(9.5)
    expect(await childOf(early)).toBe(child)

    const late = await firstToken()
    const lost = await childOf(late)
    await app.advance(10.1)
    expect(await rp.refresh(late)).toMatchObject(invalidGrant)
    expect(await rp.refresh(lost)).toMatchObject(invalidGrant)
  })

  it('has a grace that does not slide', async () => {
    const parent = await firstToken()
    const child = await childOf(parent)
    await app.advance(6)
    expect(await childOf(parent)).toBe(child)
    await app.advance(6)
    expect(await rp.refresh(parent)).toMatchObject(invalidGrant)
  })

  it('is dead once its child was used, and everything of the grant with it', async () => {
    const before = (await app.auditTypes()).filter((type) => type === 'token.reuse_detected').length
    const parent = await firstToken()
    const child = await childOf(parent)
    const { body: grandchild } = await rp.refresh(child)
    expect(await rp.refresh(parent)).toMatchObject(invalidGrant)

    expect(await rp.refresh(grandchild.refresh_token ?? '')).toMatchObject(invalidGrant)
    expect((await rp.introspect(grandchild.access_token)).body).toEqual({ active: false })
    expect((await rp.userinfo(grandchild.access_token)).status).toBe(401)
    const after = (await app.auditTypes()).filter((type) => type === 'token.reuse_detected').length
    expect(after - before).toBe(1)
  })

  it('has no grace at all where the client wants none', async () => {
    const redirect_uri = 'https://strict.example.test/cb'
    await app.addClient('strict', {
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [redirect_uri],
      refresh_grace_seconds: 0,
      first_party: true,
    })
    const strict = createRp(app.issuer, {
      client_id: 'strict',
      client_secret: secretOf('strict'),
      redirect_uri,
    })
    const parent = await firstToken(strict)
    const child = await childOf(parent, strict)
    expect(await strict.refresh(parent)).toMatchObject(invalidGrant)
    expect(await strict.refresh(child)).toMatchObject(invalidGrant)
  })

  it('rotates for a public client too', async () => {
    const spa = createRp(app.issuer, demoSpa)
    const parent = await firstToken(spa)
    const child = await childOf(parent, spa)
    expect(child).not.toBe(parent)
    await childOf(child, spa)
  })

  it('lives thirty days, and a family ninety at most', async () => {
    const offline = { params: { scope: 'openid offline_access', prompt: 'consent' } }
    const unused = (await rp.tokens(offline)).refresh_token ?? ''
    let rotating = (await rp.tokens(offline)).refresh_token ?? ''
    const boundToSession = await firstToken()
    const day = 86_400
    await app.advance(29 * day)
    rotating = await childOf(rotating)
    await app.advance(2 * day)
    expect(await rp.refresh(unused)).toMatchObject(invalidGrant)
    expect(await rp.refresh(boundToSession)).toMatchObject(invalidGrant)
    rotating = await childOf(rotating)
    await app.advance(29 * day)
    rotating = await childOf(rotating)
    await app.advance(29 * day)
    rotating = await childOf(rotating)
    await app.advance(2 * day)
    expect(await rp.refresh(rotating)).toMatchObject(invalidGrant)
  })
})

describe('scope at a refresh', () => {
  it('narrows the access token and not the next refresh', async () => {
    const { body } = await rp.refresh(await firstToken(), { scope: 'openid' })
    expect(body.scope).toBe('openid')
    const next = await rp.refresh(body.refresh_token ?? '')
    expect(next.body.scope).toBe('openid profile email')
  })

  it('never widens', async () => {
    const token = await firstToken()
    expect(await rp.refresh(token, { scope: 'openid profile email phone' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope' },
    })
    expect((await rp.refresh(token)).status).toBe(200)
  })

  it('stays at the API that was granted', async () => {
    const { refresh_token = '' } = await rp.tokens({
      params: { scope: 'openid quests:read', resource: 'urn:demo:quests' },
    })
    const kept = await rp.refresh(refresh_token)
    expect(decodeJwt(kept.body.access_token)).toMatchObject({ aud: 'urn:demo:quests', scope: 'quests:read' })
    const refused = await rp.refresh(kept.body.refresh_token ?? '', { resource: `${app.issuer}/api/v1` })
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_target' } })
  })
})

describe('a refresh is refused', () => {
  it('to another client, which ends nothing', async () => {
    const token = await firstToken()
    for (const thief of [demoThirdParty, demoSpa]) {
      expect(await createRp(app.issuer, thief).refresh(token)).toMatchObject(invalidGrant)
    }
    expect((await rp.refresh(token)).status).toBe(200)
  })

  it('with a wrong secret, with 401', async () => {
    const token = await firstToken()
    const guessing = createRp(app.issuer, { ...demoWeb, client_secret: 'wrong' })
    expect(await guessing.refresh(token)).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    expect((await rp.refresh(token)).status).toBe(200)
  })

  it('to a disabled account, also after it is enabled again', async () => {
    const tokens = await rp.tokens({ who: grace })
    const sub = decodeJwt(tokens.id_token ?? '').sub ?? ''
    await app.services.accounts.disable(operator, sub)
    expect(await rp.refresh(tokens.refresh_token ?? '')).toMatchObject(invalidGrant)
    expect((await rp.introspect(tokens.access_token)).body).toEqual({ active: false })
    await app.services.accounts.enable(operator, sub)
    expect(await rp.refresh(tokens.refresh_token ?? '')).toMatchObject(invalidGrant)
  })

  it('after the password was changed', async () => {
    const tokens = await rp.tokens({ who: grace })
    const sub = decodeJwt(tokens.id_token ?? '').sub ?? ''
    await app.services.accounts.setPassword(operator, sub, grace.password)
    expect(await rp.refresh(tokens.refresh_token ?? '')).toMatchObject(invalidGrant)
  })

  it.each([
    ['something that was never a token', 'never-was-a-token'],
    ['an empty one', ''],
    ['a very long one', 'x'.repeat(5000)],
  ])('for %s', async (_, token) => {
    const { status, body } = await rp.refresh(token)
    expect(status).toBe(400)
    expect(['invalid_grant', 'invalid_request']).toContain(body.error)
  })

  it('for an access token, an ID token and a code', async () => {
    const tokens = await rp.tokens()
    const { code } = await rp.signIn()
    for (const token of [tokens.access_token, tokens.id_token ?? '', code]) {
      expect(await rp.refresh(token)).toMatchObject(invalidGrant)
    }
  })
})
