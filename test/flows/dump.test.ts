// A thief has every table and every log line of a whole day's work. Nothing in them opens anything, not even for a
// thief who holds the key that signs cookies.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readDevices } from '../../src/features/authn/device.ts'
import type { OutboxMail } from '../../src/features/outbox/schema.ts'
import { createCookieKeys } from '../../src/oidc/cookies.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson, type Page, type Person } from '../support/browser-less.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { type Product, startProduct } from '../support/process.ts'
import { ask } from '../support/raw.ts'
import {
  ada,
  basic,
  createRp,
  demoMachine,
  demoSpa,
  demoThirdParty,
  demoWeb,
  grace,
  type Rp,
  type Tokens,
} from '../support/rp.ts'
import { allRows } from '../support/tables.ts'

/** What must be found nowhere: each is good for something while the dump is taken. */
type Secrets = Map<string, string>

type Day = {
  secrets: Secrets
  person: Person
  tokens: Tokens
  offline: Tokens
  code: { code: string; verifier: string }
  open: { page: Page; person: Person }
}

function keepCookies(secrets: Secrets, who: string, person: Person): void {
  for (const { name, value } of person.jar) secrets.set(`${who}: ${name}`, value)
}
function keepTokens(secrets: Secrets, what: string, { access_token, refresh_token, id_token }: Tokens): void {
  for (const [name, value] of Object.entries({ access_token, refresh_token, id_token })) {
    if (value) secrets.set(`${what}: ${name}`, value)
  }
}

/** One of everything that people and programs do, the last steps left open. */
async function wholeDay(issuer: string, secrets: Secrets): Promise<Day> {
  const rp = createRp(issuer)
  const third = createRp(issuer, demoThirdParty)
  const machine = createRp(issuer, demoMachine)
  const person = createPerson()

  // Spent, expired by use, revoked
  const first = await rp.tokens({
    person,
    params: { scope: 'openid profile email teams roles', nonce: 'n-1' },
  })
  keepTokens(secrets, 'first', first)
  const tokens = (await rp.refresh(first.refresh_token ?? '')).body
  keepTokens(secrets, 'refreshed', tokens)
  const quests = { scope: 'openid quests:read', resource: 'urn:demo:quests' }
  keepTokens(secrets, 'for an API', await rp.tokens({ person, params: quests }))
  const revoked = await createRp(issuer, demoSpa).tokens({ who: grace })
  keepTokens(secrets, 'revoked', revoked)
  await createRp(issuer, demoSpa).revoke(revoked.refresh_token ?? '')
  const offline = await third.tokens({
    person,
    params: { scope: 'openid offline_access', prompt: 'consent' },
  })
  keepTokens(secrets, 'offline', offline)
  for (const resource of ['urn:demo:quests', `${issuer}/api/v1`]) {
    const { body } = await machine.post('/oauth2/token', { grant_type: 'client_credentials', resource })
    secrets.set(`machine at ${resource}`, body.access_token)
    await machine.introspect(body.access_token)
  }
  for (const token of [tokens.access_token, tokens.refresh_token ?? '']) await rp.introspect(token)
  await rp.userinfo(tokens.access_token)

  // Mistakes, which is when logs and error messages tell most
  const wrong = createPerson()
  const page = await wrong.open(rp.authorizeUrl().url)
  await wrong.submit(page, { email: ada.email, password: 'a-wrong-password-typed' })
  secrets.set('wrong password', 'a-wrong-password-typed')
  await createRp(issuer, { ...demoWeb, client_secret: 'a-mistyped-client-secret' }).refresh('x')
  secrets.set('wrong client secret', 'a-mistyped-client-secret')
  await rp.refresh(first.refresh_token ?? '')
  const { access_token: misplaced } = tokens
  for (const path of [
    `/oauth2/userinfo?access_token=${misplaced}`,
    `/nothing/${misplaced}`,
    `/nothing?token=${misplaced}`,
  ]) {
    await (await fetch(issuer + path)).arrayBuffer()
  }
  await ask(issuer, { method: 'PUT', path: `/oauth2/authorize/${page.url.split('/').at(-1)}` })
  await ask(issuer, {
    method: 'POST',
    path: `/oauth2/token`,
    body: `code=${misplaced}`,
    headers: { 'content-type': 'text/plain', cookie: `foyer_session=${misplaced}` },
  })

  // Left open: a code, a sign-out question, an interaction with its person typed, another before consent
  const { code, verifier } = await rp.signIn({ person })
  secrets.set('code', code)
  await person.open(`${issuer}/oauth2/logout`)
  const waiting = createPerson()
  const typed = await waiting.submit(await waiting.open(rp.authorizeUrl().url), { email: ada.email })
  if ('left' in typed) throw new Error('the interaction is over')
  await person.open(third.authorizeUrl({ scope: 'openid phone' }).url)
  keepCookies(secrets, 'ada', person)
  keepCookies(secrets, 'waiting', waiting)
  return {
    secrets,
    person,
    tokens: await rp.tokens({ person }),
    offline,
    code: { code, verifier },
    open: { page: typed, person: waiting },
  }
}

const asText = (value: unknown): string[] => {
  if (value === null || value === undefined) return []
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value)
    return [
      bytes.toString('hex'),
      bytes.toString('base64'),
      bytes.toString('base64url'),
      bytes.toString('latin1'),
      bytes.toString('utf8'),
    ]
  }
  if (value instanceof Date) return [value.toISOString()]
  if (Array.isArray(value)) return value.flatMap(asText)
  if (typeof value === 'object')
    return Object.entries(value).flatMap(([name, each]) => [name, ...asText(each)])
  return [String(value)]
}

/** Every text as it stands, and every piece of it that could be a value by itself. */
function candidatesOf(texts: Iterable<string>): Set<string> {
  const found = new Set<string>()
  for (const text of texts) {
    for (const piece of [text, ...text.split(/[^\w.~+/=-]+/), ...text.split(/[\s"',;:{}[\]()<>=&?/]+/)]) {
      // What no header can carry is nobody's token: it is left out of the piece, as a thief would
      const sent = piece.replace(/[^\x21-\x7e]/g, '')
      if (sent.length >= 6 && sent.length <= 4000) found.add(sent)
    }
  }
  return found
}

const mailedToken = randomBytes(32).toString('base64url')
const waitingMail = (now: number): OutboxMail => ({
  to: 'ada@example.test',
  language: 'en',
  template: 'recovery',
  values: { code: '424242', url: `https://id.example.com/recover?token=${mailedToken}`, minutes: '15' },
  expiresAt: new Date(now + 3_600_000),
})

let database: TestDatabase
let product: Product
let app: TestApp
let rp: Rp
let day: Day
let texts: string[]
let logs: string
let candidates: string[]

beforeAll(async () => {
  database = await createTestDatabase()
  const secrets: Secrets = new Map([
    ...[ada, grace].map(({ email, password }) => [`password of ${email}`, password] as const),
    ...[demoWeb, demoThirdParty, demoMachine].map(
      ({ client_id, client_secret }) => [`secret of ${client_id}`, client_secret] as const,
    ),
  ])
  // Nobody listens there, so that mails wait
  const env = { LOG_LEVEL: 'trace', SMTP_URL: 'smtp://127.0.0.1:1' }
  product = await startProduct({ databaseUrl: database.url, env })
  // The same database, looked at from inside this process
  app = await startApp({ databaseUrl: database.url })
  rp = createRp(app.issuer)
  const { tickets, accounts } = app.services
  const invited = await accounts.create({ kind: 'operator' }, { email: 'invited@example.test' })
  secrets.set('claim token', (await tickets.issueTicket({ purpose: 'claim' })).token)
  const link = await tickets.issueTicket({ purpose: 'set_password', accountId: invited.id })
  secrets.set('link for a password', link.token)
  await app.services.db.inTransaction((tx) =>
    app.services.outbox.enqueue(tx, waitingMail(app.services.clock.millis())),
  )
  secrets.set('link in a mail', mailedToken)
  await (await fetch(`${product.issuer}/setup?token=${link.token}`)).arrayBuffer()

  day = await wholeDay(product.issuer, secrets)
  const tables = await allRows(database.db)
  await product.stop()
  logs = product.output()
  texts = [...Object.values(tables).flat().flatMap(asText), ...logs.split('\n')]
  candidates = [...candidatesOf(texts)]
}, 120_000)
afterAll(async () => {
  await app.close()
  await database.drop()
})

/** Eight at a time, with what each answered. */
async function each<T>(list: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...list]
  const workers = Array.from({ length: 8 }, async () => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await work(item)
  })
  await Promise.all(workers)
}

/** Over connections that are kept, since there are thousands of these. */
async function get(path: string, headers: Record<string, string>) {
  const answer = await fetch(app.issuer + path, { headers, redirect: 'manual' })
  await answer.arrayBuffer()
  return { status: answer.status, location: answer.headers.get('location') ?? '' }
}
const isAnswered = async (path: string, headers: Record<string, string>) =>
  (await get(path, headers)).status < 400

describe('a dump of every table and log', () => {
  it('is what it says: it holds the day, and logs at every level', () => {
    expect(candidates.length).toBeGreaterThan(1_000)
    const all = texts.join('\n')
    // A mail waits among the jobs
    const known = [
      'ada@example.test',
      'demo-third-party',
      'authn.failed',
      'http.request',
      'sealed',
      'mail.not_sent',
    ]
    for (const text of known) expect(all).toContain(text)
    expect(logs.split('\n').filter((line) => line.includes('"http.request"')).length).toBeGreaterThan(40)
  })

  it('holds no secret in any spelling, whole or as a part', () => {
    const all = texts.join('\n')
    const found: string[] = []
    for (const [what, secret] of day.secrets) {
      const bytes = Buffer.from(secret)
      const raw = Buffer.from(secret, 'base64url')
      const spellings = [
        secret,
        encodeURIComponent(secret),
        bytes.toString('hex'),
        bytes.toString('base64'),
        bytes.toString('base64url'),
      ]
      if (raw.length >= 16) spellings.push(raw.toString('hex'), raw.toString('base64').replace(/=+$/, ''))
      if (spellings.some((spelling) => all.includes(spelling))) found.push(what)
    }
    expect(found).toEqual([])
    expect(day.secrets.size).toBeGreaterThan(25)
  })

  it('holds nothing that is a token, a code or a secret', async () => {
    const accepted: string[] = []
    const note = (what: string, text: string, yes: boolean) =>
      yes && accepted.push(`${what}: ${text.slice(0, 60)}`)
    const askers = [demoWeb, demoThirdParty, demoMachine].map((client) => createRp(app.issuer, client))
    const machine = createRp(app.issuer, demoMachine)
    await each(candidates, async (text) => {
      note('userinfo', text, await isAnswered('/oauth2/userinfo', { authorization: `Bearer ${text}` }))
      for (const asker of askers)
        note('introspection', text, (await asker.introspect(text)).body.active === true)
      note('refresh', text, (await rp.refresh(text)).status === 200)
      note('offline refresh', text, (await askers[1]?.refresh(text))?.status === 200)
      note('code', text, (await rp.redeem(text, day.code.verifier)).status === 200)
      for (const { client_id } of [demoWeb, demoMachine]) {
        const authorization = basic(encodeURIComponent(client_id), encodeURIComponent(text))
        const body = new URLSearchParams({ token: 'x' })
        const headers = { authorization }
        const answer = await fetch(`${app.issuer}/oauth2/introspect`, { method: 'POST', headers, body })
        await answer.arrayBuffer()
        note('client secret', text, answer.status === 200)
      }
    })
    expect(accepted).toEqual([])
    expect((await machine.post('/oauth2/token', { grant_type: 'client_credentials' })).status).toBe(200)
  }, 180_000)

  it('holds nothing that is a cookie, even signed with the true key', async () => {
    const { sealer, clock } = app.services
    const keys = createCookieKeys(sealer.derive('cookies'))
    const signed = (name: string, value: string) =>
      `${name}=${value}; ${name}.sig=${keys.sign(`${name}=${value}`)}`
    const uid = day.open.page.url.split('/').at(-1) ?? ''
    const browser = day.open.person.jar.find(({ name }) => name === 'foyer_browser')?.value ?? ''
    const silent = rp.authorizeUrl({ prompt: 'none' }).url.slice(app.issuer.length)
    const withCookie = (path: string, cookie: string) => get(path, { cookie, accept: 'text/html' })

    // The true ones are accepted in this very way, else nothing is shown by what follows
    const session = day.person.jar.find(({ name }) => name === 'foyer_session')?.value ?? ''
    expect((await withCookie(silent, signed('foyer_session', session))).location).toContain('code=')
    const own = `${signed('foyer_interaction', uid)}; foyer_browser=${browser}`
    expect((await withCookie(`/interaction/${uid}`, own)).status).toBe(200)

    const accepted: string[] = []
    const devices = sealer.derive('device-cookie')
    await each(candidates, async (candidate) => {
      const text = candidate.replace(/[;,"\\]/g, '')
      if (text === '') return
      const { location } = await withCookie(silent, signed('foyer_session', text))
      if (!location.includes('login_required')) accepted.push(`session: ${text}`)
      const other = await withCookie(
        `/interaction/${encodeURIComponent(text)}`,
        `${signed('foyer_interaction', text)}; foyer_browser=${browser}`,
      )
      if (other.status === 200) accepted.push(`interaction: ${text}`)
      const stranger = await withCookie(
        `/interaction/${uid}`,
        `${signed('foyer_interaction', uid)}; foyer_browser=${text}`,
      )
      if (stranger.status === 200) accepted.push(`browser: ${text}`)
      if (readDevices(candidate, devices, clock.now()).size > 0) accepted.push(`device: ${text}`)
    })
    expect(accepted).toEqual([])
  }, 180_000)

  it('holds nothing that is a link', async () => {
    const accepted: string[] = []
    await each(candidates, async (text) => {
      await app.services.tickets.readTicket(text).then(
        () => accepted.push(text),
        () => undefined,
      )
    })
    expect(accepted).toEqual([])
  })

  it('has been of no use to whoever tried it: everything is as it was', async () => {
    expect((await rp.introspect(day.tokens.access_token)).body).toMatchObject({ active: true })
    expect((await createRp(app.issuer, demoThirdParty).refresh(day.offline.refresh_token ?? '')).status).toBe(
      200,
    )
    const types = await app.auditTypes()
    expect(types.filter((type) => type === 'token.reuse_detected').length).toBeLessThanOrEqual(2)
  })
})
