// The quest API in Python as a process: against the real product, which goes away and comes back, and against an
// issuer that signs what Foyer never would.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findPython } from '../../examples/quest-api/python.ts'
import { createDoor } from '../support/door.ts'
import { type Example, startExample } from '../support/examples.ts'
import { createManagement } from '../support/management.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { type Product, startProduct } from '../support/process.ts'
import { ada, createRp, grace } from '../support/rp.ts'
import { type Signing, signToken, startTestIssuer, type TestIssuer } from '../support/test-issuer.ts'

const pythonIsThere = findPython().python !== undefined
const resource = 'urn:demo:quests'
const demoNative = { client_id: 'demo-native', redirect_uri: 'http://127.0.0.1/callback' }

type Answer = { status: number; headers: Headers; body: Record<string, unknown> }

async function ask(
  { origin }: Example,
  path: string,
  { token, json, raw }: { token?: string; json?: unknown; raw?: string } = {},
): Promise<Answer> {
  const body = raw ?? (json === undefined ? undefined : JSON.stringify(json))
  const response = await fetch(origin + path, {
    ...(body !== undefined && { method: 'POST', body }),
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      'content-type': 'application/json',
    },
    // Whatever happens to the issuer, this API answers
    signal: AbortSignal.timeout(8_000),
  })
  return { status: response.status, headers: response.headers, body: await response.json() }
}

describe.skipIf(!pythonIsThere)('the quest API with Foyer', () => {
  let database: TestDatabase
  let foyer: Product
  let api: Example
  let tokens: { ada: string; grace: string; organizer: string }

  const startFoyer = (port?: number) =>
    startProduct({ databaseUrl: database.url, ...(port !== undefined && { port }) })

  const tokenOf = async (person: typeof ada) =>
    (await createDoor(foyer.issuer).signIn({ ...person, resource })).access_token

  beforeAll(async () => {
    database = await createTestDatabase()
    foyer = await startFoyer()
    api = await startExample('quest-api', { issuer: foyer.issuer })
    await makeOrganizer(foyer.issuer, 'grace@example.test')
    const asOrganizer = { scope: 'openid roles quests:write', resource }
    const { access_token } = await createRp(foyer.issuer, demoNative).tokens({
      who: grace,
      params: asOrganizer,
    })
    tokens = { ada: await tokenOf(ada), grace: await tokenOf(grace), organizer: access_token }
  })
  afterAll(async () => {
    await api?.stop()
    await foyer?.stop()
    await database?.drop()
  })

  const showCode = async (token: string, quest: string): Promise<string> => {
    const { status, body } = await ask(api, `/quests/${quest}/check-in-code`, { token, json: {} })
    expect(status).toBe(201)
    return String(body.token)
  }

  it('tells whoever has no token how to send one', async () => {
    const { status, headers, body } = await ask(api, '/quests')
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toBe('Bearer')
    expect(body).toMatchObject({ code: 'token_missing' })
  })

  it('lists quests for a machine that has the scope, and lets it do no more', async () => {
    const token = await createManagement(foyer.issuer).machineToken('quests:read', undefined, resource)
    const quests = await ask(api, '/quests', { token })
    expect(quests.status).toBe(200)
    expect(quests.body.data).toHaveLength(3)

    const code = await ask(api, '/quests/tower/check-in-code', { token, json: {} })
    expect(code.status).toBe(403)
    expect(code.headers.get('www-authenticate')).toContain('error="insufficient_scope", scope="quests:write"')
  })

  it('refuses tokens that are for another API', async () => {
    const { access_token: token } = await createDoor(foyer.issuer).signIn(ada)
    const { status, body } = await ask(api, '/quests', { token })
    expect([status, body.detail]).toEqual([401, 'The token is for another API.'])
  })

  it('counts the points of a code that an organizer scans, once', async () => {
    const token = await showCode(tokens.ada, 'tower')
    const scans = await Promise.all(
      Array.from({ length: 6 }, () => ask(api, '/check-ins', { token: tokens.organizer, json: { token } })),
    )
    expect(scans.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409])
    const { body } = await ask(api, '/me/points', { token: tokens.ada })
    expect(body).toMatchObject({ points: 25, quests: ['tower'] })

    const again = await showCode(tokens.ada, 'tower')
    const spent = await ask(api, '/check-ins', { token: tokens.organizer, json: { token: again } })
    expect([spent.status, spent.body.code]).toEqual([409, 'check_in_spent'])
  })

  it('lets only organizers check people in, and nobody themselves', async () => {
    const token = await showCode(tokens.ada, 'letter')
    const byAda = await ask(api, '/check-ins', { token: tokens.ada, json: { token } })
    expect([byAda.status, byAda.body.code]).toEqual([403, 'organizer_required'])

    // The JSON door puts the roles into its tokens for an API as well
    const byGrace = await ask(api, '/check-ins', { token: tokens.grace, json: { token } })
    expect([byGrace.status, byGrace.body.points]).toEqual([201, 15])

    const own = await showCode(tokens.organizer, 'letter')
    const byOneself = await ask(api, '/check-ins', { token: tokens.organizer, json: { token: own } })
    expect([byOneself.status, byOneself.body.code]).toEqual([403, 'own_check_in'])
  })

  it('takes no access token and no made-up text for a code', async () => {
    const [header, payload] = (await showCode(tokens.ada, 'library')).split('.')
    const deep = `${Buffer.from('['.repeat(1_400)).toString('base64url')}.e30.x`
    for (const token of [tokens.ada, 'x', 'a.b.c', `${header}.${payload}.AAAA`, deep]) {
      const { status, body } = await ask(api, '/check-ins', { token: tokens.organizer, json: { token } })
      expect([status, body.code], token).toEqual([422, 'check_in_invalid'])
    }
    // Half a character: newer versions of pydantic refuse it before this API sees it
    const half = await ask(api, '/check-ins', { token: tokens.organizer, json: { token: '\ud800' } })
    expect([400, 422]).toContain(half.status)
  })

  it('answers ill-formed input with what is wrong', async () => {
    const post = (raw: string) => ask(api, '/check-ins', { token: tokens.organizer, raw })
    for (const raw of ['', '{', '[]', 'null', '{}', '{"token":5}', '{"token":""}', '['.repeat(5_000)]) {
      expect((await post(raw)).status, raw.slice(0, 20)).toBe(400)
    }
    expect((await post(JSON.stringify({ token: 'x'.repeat(2_001) }))).status).toBe(400)
    expect((await post(JSON.stringify({ token: 'x'.repeat(70_000) }))).status).toBe(413)
    const nowhere = await ask(api, '/quests/%00/check-in-code', { token: tokens.ada, json: {} })
    expect([nowhere.status, nowhere.body.code]).toEqual([404, 'quest_not_found'])
    expect((await ask(api, '/check-ins', { token: tokens.ada })).status).toBe(405)
  })

  it('goes on with the keys it knows while Foyer is away; new to it, it says when to come again', async () => {
    const { port } = foyer
    await foyer.stop()
    const newcomer = await startExample('quest-api', { issuer: foyer.issuer })
    try {
      expect((await ask(api, '/quests', { token: tokens.ada })).status).toBe(200)

      const { status, headers, body } = await ask(newcomer, '/quests', { token: tokens.ada })
      expect([status, body.code]).toEqual([503, 'issuer_unavailable'])
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)

      foyer = await startFoyer(port)
      await expect.poll(async () => (await ask(newcomer, '/quests', { token: tokens.ada })).status).toBe(200)
    } finally {
      await newcomer.stop()
    }
  })
})

it('names what is missing where the quest API cannot run', async () => {
  const child = spawn(process.execPath, ['examples/quest-api/start.ts'], {
    env: { PYTHON: '/nowhere/python3' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [[code], words] = await Promise.all([once(child, 'close'), text(child.stderr)])
  expect(code).toBe(1)
  expect(words).toContain("install Debian's python3-fastapi python3-httpx python3-jwt")
})

describe.skipIf(!pythonIsThere)('the quest API with an issuer that signs anything', () => {
  let issuer: TestIssuer
  let api: Example
  let key: Signing

  beforeAll(async () => {
    issuer = await startTestIssuer()
    key = await issuer.addKey('ES256')
    api = await startExample('quest-api', { issuer: issuer.issuer })
  })
  afterAll(async () => {
    await api?.stop()
    await issuer?.close()
  })

  const sign = (...[changes, signing = key]: [Parameters<typeof signToken>[2]?, Signing?]) =>
    signToken(issuer.issuer, signing, changes)
  const statusFor = async (token: string) => (await ask(api, '/quests', { token })).status

  it('takes a good token', async () => {
    expect(await statusFor(await sign())).toBe(200)
  })

  const past = Math.floor(Date.now() / 1000) - 60
  it.each([
    ['has expired', { claims: { exp: past } }],
    ['never expires', { claims: { exp: undefined } }],
    ['is not good yet', { claims: { nbf: past + 600 } }],
    ['is for another API', { claims: { aud: 'urn:other' } }],
    ['is for no API', { claims: { aud: undefined } }],
    ['is another issuer’s', { claims: { iss: 'https://other.example' } }],
    ['names nobody', { claims: { sub: undefined } }],
    ['names no client', { claims: { client_id: undefined } }],
    ['is an ID token', { header: { typ: 'JWT' } }],
    ['has no type', { header: { typ: undefined } }],
    ['names an unknown key', { header: { kid: 'made-up' } }],
    ['names no key', { header: { kid: undefined } }],
    ['demands an extension', { header: { crit: ['x'], x: 1 } }],
  ])('refuses one that %s', async (_how, changes) => {
    expect(await statusFor(await sign(changes as never))).toBe(401)
  })

  it('refuses one whose signature or payload was changed, one without any, and one signed by a shared secret', async () => {
    const [header, payload, signature] = (await sign()).split('.')
    const other = (await sign({ claims: { sub: 'another' } })).split('.')
    const symmetric = await new SignJWT({ sub: 'x' })
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: key.kid })
      .sign(new TextEncoder().encode('a secret that everybody can read in the key set'))
    const unsigned = new UnsecuredJWT({ sub: 'x', aud: resource, iss: issuer.issuer }).encode()
    for (const token of [
      `${header}.${other[1]}.${signature}`,
      `${header}.${payload}.`,
      symmetric,
      unsigned,
    ]) {
      expect(await statusFor(token)).toBe(401)
    }
  })

  it('refuses what is no token at all', async () => {
    const deep = `${Buffer.from('['.repeat(3_000)).toString('base64url')}.e30.x`
    for (const token of ['x', '..', 'a.b.c', '\u00ff', 'é.é.é', 'x'.repeat(9_000), deep]) {
      expect(await statusFor(token), token.slice(0, 10)).toBe(401)
    }
  })

  it('takes the three algorithms of Foyer, and no key for another than its own', async () => {
    const keys = await Promise.all(['RS256', 'EdDSA', 'PS256'].map((alg) => issuer.addKey(alg)))
    const again = await startExample('quest-api', { issuer: issuer.issuer })
    const tokens = await Promise.all(keys.map((each) => sign({}, each)))
    const statuses = await Promise.all(
      tokens.map(async (token) => (await ask(again, '/quests', { token })).status),
    )
    expect(statuses).toEqual([200, 200, 401])
    await again.stop()
  })

  it('looks an unknown key up, though not for everybody who makes one up', async () => {
    const fresh = await issuer.addKey('ES256')
    const token = await sign({}, fresh)
    await expect.poll(() => statusFor(token)).toBe(200)

    const before = issuer.fetches()
    const madeUp = await Promise.all(
      Array.from({ length: 20 }, (_, n) => sign({ header: { kid: `made-up-${n}` } })),
    )
    expect(await Promise.all(madeUp.map(statusFor))).toEqual(madeUp.map(() => 401))
    expect(issuer.fetches() - before).toBeLessThanOrEqual(1)
  })

  it.each(['broken', 'silent'] as const)('hangs for nobody while the issuer is %s', async (how) => {
    const unknown = await startExample('quest-api', { issuer: issuer.issuer })
    try {
      issuer.behave(how)
      const token = await sign()
      const answers = await Promise.all(Array.from({ length: 8 }, () => ask(unknown, '/quests', { token })))
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503))
      expect(answers[0]?.headers.get('retry-after')).toBe('1')

      issuer.behave('well')
      await expect.poll(async () => (await ask(unknown, '/quests', { token })).status).toBe(200)
    } finally {
      issuer.behave('well')
      await unknown.stop()
    }
  })
})

async function makeOrganizer(issuer: string, email: string): Promise<void> {
  const { ask, machineToken } = createManagement(issuer)
  const as = await machineToken('users:read roles:write')
  const { body } = await ask('GET', `/users?search=${email}`, { as })
  const { status } = await ask('POST', `/users/${body.data[0]?.id}/roles`, {
    as,
    json: { role: 'organizer' },
  })
  expect(status).toBe(200)
}
