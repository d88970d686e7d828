// Ten thousand requests that nobody thought of, in CI; fewer elsewhere. FUZZ_REQUESTS says another number.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { ask, type RawAsk } from '../support/raw.ts'
import { basic, createRp } from '../support/rp.ts'
import { tableCounts } from '../support/tables.ts'

const requests = Number(process.env.FUZZ_REQUESTS ?? (process.env.CI === 'true' ? 10_000 : 2_000))
const atOnce = 10

let app: TestApp
let known: Record<string, string[]>
let cookie: string
beforeAll(async () => {
  app = await startApp()
  const rp = createRp(app.issuer)
  const { person, ...tokens } = await rp.tokens()
  const { code, verifier } = await rp.signIn()
  const page = await person.open(rp.authorizeUrl({ prompt: 'login' }).url)
  const uid = page.url.split('/').at(-1) ?? ''
  cookie = person.jar.map(({ name, value }) => `${name}=${value}`).join('; ')
  // Values that are right somewhere: far more is reached with them than with noise alone
  known = {
    client_id: ['demo-web', 'demo-spa', 'demo-native', 'demo-machine', 'demo-third-party'],
    client_secret: ['demo-web-secret', 'demo-machine-secret'],
    redirect_uri: ['http://localhost:3001/callback', 'http://127.0.0.1/callback'],
    grant_type: ['authorization_code', 'refresh_token', 'client_credentials', 'password', 'implicit'],
    response_type: ['code', 'token', 'code id_token', 'none'],
    response_mode: ['query', 'fragment', 'form_post', 'jwt'],
    scope: ['openid', 'openid profile email offline_access', 'quests:read users:read'],
    resource: ['urn:demo:quests', `${app.issuer}/api/v1`],
    prompt: ['none', 'login', 'consent', 'login consent'],
    max_age: ['0', '60', '-1'],
    code: [code],
    code_verifier: [verifier],
    code_challenge: ['E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'],
    code_challenge_method: ['S256', 'plain'],
    refresh_token: [tokens.refresh_token ?? ''],
    token: [tokens.access_token, tokens.id_token ?? ''],
    token_type_hint: ['access_token', 'refresh_token'],
    id_token_hint: [tokens.id_token ?? ''],
    post_logout_redirect_uri: ['http://localhost:3001/'],
    claims: ['{"userinfo":{"name":null}}', '{"id_token":{"sub":{"value":"x"}}}'],
    state: ['s'],
    nonce: ['n'],
    login_hint: ['ada@example.test'],
    email: ['ada@example.test', 'nobody@example.test'],
    password: ['a-wrong-guess-0001'],
    decision: ['allow', 'deny', 'restart', 'switch'],
    xsrf: ['x'],
    logout: ['yes'],
    request: ['eyJhbGciOiJub25lIn0.e30.'],
    request_uri: ['urn:ietf:params:oauth:request_uri:x'],
  }
  paths.push(
    `/interaction/${uid}`,
    ...['identifier', 'password', 'consent', 'restart'].map((each) => `/interaction/${uid}/${each}`),
    `/oauth2/authorize/${uid}`,
  )
})
afterAll(() => app.close())

const paths = [
  '/oauth2/authorize',
  '/oauth2/token',
  '/oauth2/userinfo',
  '/oauth2/jwks',
  '/oauth2/introspect',
  '/oauth2/revoke',
  '/oauth2/logout',
  '/oauth2/logout/confirm',
  '/oauth2/logout/success',
  '/.well-known/openid-configuration',
  '/interaction/unknown',
  '/interaction/unknown/password',
  '/setup',
  '/invitation',
  '/problems/not_found',
  '/readyz',
  '/dev/mail.json',
  '/assets/app.css',
  '/nothing',
]

const encoded = fc
  .uint8Array({ maxLength: 12 })
  .map((bytes) => [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''))
const noise = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .string({ unit: 'binary', maxLength: 40 })
      .map((text) => encodeURIComponent(text.toWellFormed())),
  },
  { weight: 2, arbitrary: encoded },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      '%',
      '%0',
      '__proto__',
      '%00',
      '[]',
      '{}',
      'null',
      'NaN',
      '-1',
      '1e999',
      '../..',
      '%2e%2e%2f',
    ),
  },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 6000 }).map((length) => 'z'.repeat(length)) },
)

/** A parameter as `[name, 'known' with an index, or noise]`; looked up when it is sent. */
const field = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.nat(), fc.nat()).map(([name, value]) => ({ name, value })) },
  { weight: 2, arbitrary: fc.tuple(fc.nat(), noise).map(([name, text]) => ({ name, text })) },
  { weight: 1, arbitrary: fc.tuple(noise, noise).map(([raw, text]) => ({ raw, text })) },
)
type Field = { name?: number; value?: number; raw?: string; text?: string }

function spell({ name = 0, value = 0, raw, text }: Field): string {
  if (raw !== undefined) return `${raw}=${text}`
  const names = Object.keys(known)
  const key = names[name % names.length] ?? ''
  const values = known[key] ?? []
  return `${key}=${text ?? encodeURIComponent(values[value % values.length] ?? '')}`
}

const latin = fc
  .string({ unit: 'binary-ascii', maxLength: 60 })
  .map((text) => text.replace(/[^\x20-\x7e]/g, ''))
const headers = fc.record(
  {
    authorization: fc.oneof(
      fc.constant(basic('demo-web', 'demo-web-secret')),
      fc.constant(basic('demo-machine', 'demo-machine-secret')),
      latin.map((text) => `Basic ${btoa(text)}`),
      latin.map((text) => `Bearer ${text}`),
      latin,
    ),
    accept: fc.constantFrom('text/html', 'application/json', '*/*', 'text/html;q=0.1, */*', 'x/y', ''),
    origin: fc.constantFrom('http://localhost:3001', 'https://evil.example', 'null', 'ISSUER'),
    cookie: fc.oneof(
      fc.constant('KNOWN'),
      latin.map((text) => `foyer_session=${text}`),
    ),
    host: fc.constantFrom('evil.example', 'localhost', ''),
    'content-type': fc.constantFrom(
      'application/json',
      'text/plain',
      'application/x-www-form-urlencoded; charset=x',
      '',
    ),
    'content-encoding': fc.constantFrom('gzip', 'br', 'x'),
    'x-forwarded-for': latin,
    'x-forwarded-host': fc.constant('evil.example'),
    'accept-language': latin,
    'user-agent': latin,
    range: fc.constant('bytes=0-1'),
    'if-none-match': latin,
  },
  { requiredKeys: [] },
)

const asking = fc.record({
  method: fc.constantFrom('GET', 'GET', 'POST', 'POST', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'),
  path: fc.nat(),
  tail: fc.option(noise, { freq: 6, nil: '' }),
  fields: fc.array(field, { maxLength: 9 }),
  headers,
})
type Asking = typeof asking extends fc.Arbitrary<infer Value> ? Value : never

function toAsk({ method, path, tail, fields, headers: wanted }: Asking): RawAsk {
  const spelled = fields.map(spell).join('&')
  const sent = Object.fromEntries(
    Object.entries(wanted).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
  if (sent.cookie === 'KNOWN') sent.cookie = cookie
  if (sent.origin === 'ISSUER') sent.origin = app.issuer
  const at = `${paths[path % paths.length]}${tail === '' ? '' : `/${tail}`}`
  const inBody = method === 'POST' || method === 'PUT' || method === 'PATCH'
  return {
    method,
    path: inBody || spelled === '' ? at : `${at}?${spelled}`.slice(0, 7000),
    headers: { ...(inBody && { 'content-type': 'application/x-www-form-urlencoded' }), ...sent },
    ...(inBody && { body: spelled }),
  }
}

const internals = /\bat .+\.(?:ts|js|mjs):\d+|node_modules|node:internal|SQLSTATE|TypeError|prisma/i
// Of ours, or of a client that is registered: a browser is sent nowhere else
const places = /^(?:\/|http:\/\/localhost:\d+\/|http:\/\/127\.0\.0\.1(?::\d+)?\/callback[?#])/

describe(`${requests} requests that nobody thought of`, () => {
  it('meet no failure, tell no internals, lead nowhere unknown and change nobody', {
    timeout: 240_000,
  }, async () => {
    const lasting = async () => {
      const counts = await tableCounts(app.services.db)
      return [
        'accounts',
        'clients',
        'client_secrets',
        'apis',
        'teams',
        'team_members',
        'signing_keys',
        'account_tickets',
      ].map((name) => [name, counts[`public.${name}`]])
    }
    const before = await lasting()
    const property = fc.asyncProperty(
      fc.array(asking, { minLength: atOnce, maxLength: atOnce }),
      async (batch) => {
        await Promise.all(
          batch.map(async (each) => {
            const sent = toAsk(each)
            const { status, headers: got, text } = await ask(app.listening, sent)
            const about = JSON.stringify({ status, text: text.slice(0, 400), sent })
            expect(status, about).toBeGreaterThanOrEqual(200)
            expect(status, about).toBeLessThan(500)
            expect(text, about).not.toMatch(internals)
            expect(
              got['x-content-type-options'] ?? (got['x-request-id'] ? 'missing' : 'nosniff'),
              about,
            ).toBe('nosniff')
            if (got.location) expect(got.location, about).toMatch(places)
          }),
        )
      },
    )
    await fc.assert(property, { numRuns: Math.ceil(requests / atOnce), endOnFailure: true })
    expect(await lasting()).toEqual(before)
    expect((await fetch(`${app.issuer}/readyz`)).status).toBe(200)
  })
})
