// Classes W and X at the JSON door: whatever is sent, the answer is a problem that shows no internals.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createDoor, type DoorAnswer } from '../support/door.ts'

let app: TestApp
let door: ReturnType<typeof createDoor>
let token = ''
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  door = createDoor(app.issuer)
  const person = { email: 'fuzz@example.test', password: 'a-rather-long-password' }
  token = (await door.post('/auth/register', person)).body.access_token
})
afterAll(() => app.close())

/** What each request takes; sessions and the account itself are left alone, or there would soon be no token. */
const routes: [method: string, path: string, body: Record<string, unknown>][] = [
  [
    'POST',
    '/auth/register',
    { email: 'a@b.example', password: 'p', username: 'u', name: 'n', resource: 'urn:a' },
  ],
  ['POST', '/auth/register/confirm', { flow: 'f', code: '1' }],
  ['POST', '/auth/login', { email: 'fuzz@example.test', password: 'p', resource: 'urn:demo:quests' }],
  ['POST', '/auth/refresh', { refresh_token: 'r' }],
  ['PATCH', '/auth/me', { name: 'n', locale: 'de', birthdate: '2000', address: {}, username: 'u' }],
  ['POST', '/auth/me/password', { current_password: 'p', new_password: 'q' }],
  ['POST', '/auth/password/forgot', { email: 'a@b.example' }],
  ['POST', '/auth/password/reset', { flow: 'f', code: '1', token: 't', new_password: 'p' }],
  ['POST', '/auth/passwordless/start', { email: 'a@b.example', method: 'code' }],
  ['POST', '/auth/passwordless/verify', { flow: 'f', code: '1', token: 't', email: 'a@b.example' }],
]

function assertSound({ status, headers, text }: DoorAnswer, about: string): void {
  expect(status, about).toBeLessThan(500)
  expect(headers.get('cache-control'), about).toBe('no-store')
  if (status >= 400) expect(headers.get('content-type'), about).toContain('application/problem+json')
  expect(text, about).not.toMatch(/node_modules|prisma|at \w+ \(|SELECT /i)
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    '',
    'null',
    'a'.repeat(5000),
    'urn:demo:quests',
    '１２３ ４５６',
    '٣٤٥٦٧٨',
    "' OR 1=1 --",
    '../../etc/passwd',
    '<img src=x onerror=alert(1)>',
    'victim@example.test,attacker@example.test',
    '"a@evil.test"@example.test',
  ),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.jsonValue({ maxDepth: 2 }),
)

/** The body of a route with some members replaced, left out or added. */
const bodyFor = (body: Record<string, unknown>) =>
  fc
    .dictionary(fc.constantFrom(...Object.keys(body), 'admin', 'not', 'constructor'), odd, { maxKeys: 4 })
    .chain((changes) =>
      fc.subarray(Object.keys(body)).map((kept) => ({
        ...Object.fromEntries(kept.map((name) => [name, body[name]])),
        ...changes,
      })),
    )

describe('the JSON door', () => {
  it.each(routes)('%s %s answers whatever it is sent', async (method, path, body) => {
    await fc.assert(
      fc.asyncProperty(bodyFor(body), async (json) => {
        const answer = await door.ask(method, path, { as: token, json })
        assertSound(answer, JSON.stringify(json))
      }),
      { numRuns: Number(process.env.FOYER_FUZZ_RUNS ?? 40) },
    )
  })

  it.each(routes)('%s %s refuses what is no JSON object of its shape', async (method, path) => {
    const raws = [
      '',
      '{',
      '[]',
      'null',
      '1',
      'true',
      '{"a":1}',
      '{"__proto__":{}}',
      `"${'x'.repeat(60_000)}"`,
    ]
    for (const raw of [...raws, '[['.repeat(2000), '{"email":{"not":""}}', '"\ud800"']) {
      const answer = await door.ask(method, path, { as: token, raw })
      assertSound(answer, raw.slice(0, 40))
      expect(answer.status, raw.slice(0, 40)).toBeGreaterThanOrEqual(400)
    }
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1'])(
    'takes no body as %s, so that no form of another site is one',
    async (type) => {
      const raw = '{"email":"fuzz@example.test","password":"a-rather-long-password"}'
      const answer = await door.ask('POST', '/auth/login', { raw, headers: { 'content-type': type } })
      expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } })
    },
  )

  it.each(['Bearer', 'Bearer ', 'Basic Zm9v', 'Bearer a b', `Bearer ${'x'.repeat(8000)}`, 'Bearer é'])(
    'knows nobody by %j',
    async (authorization) => {
      const header = Buffer.from(authorization).toString('latin1')
      const answer = await door.ask('GET', '/auth/me', { headers: { authorization: header } })
      expect(answer.status).toBe(401)
      assertSound(answer, authorization)
    },
  )

  it('reads a token from the header alone', async () => {
    expect((await door.me(token)).status).toBe(200)
    expect((await door.ask('GET', `/auth/me?access_token=${token}`)).status).toBe(401)
  })
})
