// The database is away, silent or slow. Whoever asks is told so soon and politely, nothing hangs, and when it is
// back so is everything else. The bound is 600 ms; a single answer may take longer on a busy machine.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, createDoor, type Door, tally } from '../support/barrier.ts'
import { createPerson, formsOf } from '../support/browser-less.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { type Product, startProduct } from '../support/process.ts'
import { createProxy, type DatabaseProxy } from '../support/proxy.ts'
import { ada, basic, createRp, demoWeb } from '../support/rp.ts'

const promisedMs = 600
const longestMs = 1_500
const recoveryMs = 5_000
const samples = 5

let database: TestDatabase
let proxy: DatabaseProxy
let product: Product
let door: Door
let questions: Record<string, () => Promise<Answer>>
/** The newest refresh token that was acknowledged. */
let refreshToken = ''

beforeAll(async () => {
  database = await createTestDatabase()
  proxy = await createProxy(database.connection)
  product = await startProduct({ databaseUrl: proxy.url, env: { LOG_LEVEL: 'error' } })
  door = createDoor(product)
  questions = await prepare()
})

afterEach(() => proxy.fair())

// A process that died says why at the end of what it said.
afterEach(async () => {
  const words = await Promise.race([product.ended.then(() => product.output().slice(-2_000)), sleep(50, '')])
  expect(words).toBe('')
})

afterAll(async () => {
  door.close()
  await product.stop()
  await proxy.close()
  await database.drop()
})

const authorization = basic(demoWeb.client_id, demoWeb.client_secret)

const post = (path: string, form: Record<string, string>) => () =>
  door.ask({ path, form, headers: { authorization } })

const refresh = (): Promise<Answer> =>
  door.ask({
    path: '/oauth2/token',
    form: { grant_type: 'refresh_token', refresh_token: refreshToken },
    headers: { authorization },
  })

/** One request of each kind that needs the database, all of them good when it is there. */
async function prepare(): Promise<Record<string, () => Promise<Answer>>> {
  const rp = createRp(product.issuer)
  const { person, access_token, refresh_token = '' } = await rp.tokens()
  refreshToken = refresh_token
  const stranger = createPerson()
  const page = await stranger.open(rp.authorizeUrl().url)
  const [form] = formsOf(page)

  const asBrowser =
    (url: string, who: typeof person, more: { form?: Record<string, string> } = {}) =>
    () => {
      const { pathname, search } = new URL(url)
      const headers = { cookie: who.cookiesFor(url), accept: 'text/html', origin: product.issuer }
      return door.ask({ path: pathname + search, headers, ...more })
    }
  return {
    refresh,
    'sign-in page': asBrowser(page.url, stranger),
    password: asBrowser(form?.action ?? '', stranger, {
      form: { ...form?.fields, email: ada.email, password: 'not the password' },
    }),
    authorize: asBrowser(rp.authorizeUrl().url, person),
    'authorize, a new browser': asBrowser(rp.authorizeUrl().url, createPerson()),
    'sign-out question': asBrowser(`${product.issuer}/oauth2/logout`, person),
    userinfo: () =>
      door.ask({ path: '/oauth2/userinfo', headers: { authorization: `Bearer ${access_token}` } }),
    introspection: post('/oauth2/introspect', { token: access_token }),
    revocation: post('/oauth2/revoke', { token: 'unknown' }),
    readyz: () => door.ask({ path: '/readyz' }),
  }
}

type Timed = { name: string; answer: Answer; ms: number }

async function timed(name: string, question: () => Promise<Answer>): Promise<Timed> {
  const startedAt = performance.now()
  const answer = await question()
  return { name, answer, ms: Math.round(performance.now() - startedAt) }
}

/** What is good without the database for as long as client and API are remembered. */
const forApi = () =>
  door.ask({
    path: '/oauth2/token',
    form: { grant_type: 'client_credentials', resource: 'urn:demo:quests', scope: 'quests:read' },
    headers: { authorization: basic('demo-machine', 'demo-machine-secret') },
  })

const askAll = () => Promise.all(Object.entries(questions).map(([name, question]) => timed(name, question)))

const told = (answers: Timed[]) =>
  answers.map(({ name, answer, ms }) => `${name} ${answer.status} ${ms} ms`).join(', ')

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** Everything that needs the database answers 503 in time; what does not need it answers as ever. */
async function expectUnavailable(): Promise<void> {
  const rounds: Timed[][] = []
  for (let sample = 0; sample < samples; sample += 1) {
    const answers = await askAll()
    rounds.push(answers)
    for (const { name, answer, ms } of answers) {
      const message = `${name}: ${answer.status} after ${ms} ms\n${answer.text.slice(0, 300)}`
      expect(answer.status, message).toBe(503)
      expect(Number(answer.headers['retry-after']), message).toBeGreaterThan(0)
      expect(answer.headers['set-cookie'], message).toBeUndefined()
      expect(ms, message).toBeLessThan(longestMs)
    }
    const cached = await Promise.all(
      ['/livez', '/.well-known/openid-configuration', '/oauth2/jwks'].map((path) => door.ask({ path })),
    )
    expect(tally(cached)).toBe('3 × 200')
  }
  for (const name of Object.keys(questions)) {
    const times = rounds.flat().filter((one) => one.name === name)
    expect(median(times.map(({ ms }) => ms)), told(times)).toBeLessThanOrEqual(promisedMs)
  }
}

/** A wrong password is refused, and after a while so is another attempt. */
const goodStatus: Record<string, number[]> = {
  password: [401, 429],
  authorize: [303],
  'authorize, a new browser': [303],
}

const isGood = ({ name, answer }: Timed) => (goodStatus[name] ?? [200]).includes(answer.status)

/** What the product has to say about answers that it did not mean to give. */
const failures = ({ output }: Product) =>
  output()
    .split('\n')
    .filter((line) => line.includes('"status":500'))
    .slice(-3)
    .join('\n')

/** Each was served or told to come again, and none was kept waiting. */
function expectServedOrTold(answers: Timed[]): void {
  for (const one of answers) {
    const message = `${one.name}: ${one.answer.status} after ${one.ms} ms\n${failures(product)}\n${one.answer.text}`
    expect(isGood(one) || one.answer.status === 503, message).toBe(true)
    expect(one.ms, message).toBeLessThan(longestMs)
  }
}

/** From now on everything is as good as ever within five seconds, the refresh token included. */
async function expectRecovery(): Promise<void> {
  const deadline = performance.now() + recoveryMs
  let answers: Timed[] = []
  do {
    await sleep(100)
    answers = await askAll()
  } while (!answers.every(isGood) && performance.now() < deadline)
  expect(
    answers.filter((one) => !isGood(one)),
    told(answers),
  ).toEqual([])
  const { body } = await refresh()
  refreshToken = body.refresh_token ?? ''
  expect(tally([await refresh()])).toBe('1 × 200')
}

describe('a database that', () => {
  it('refuses connections is told in time, and everything is back when it is', async () => {
    await proxy.refuse()
    await expectUnavailable()
    await proxy.fair()
    await expectRecovery()
  })

  it('says nothing is told in time, and everything is back when it speaks', async () => {
    proxy.blackhole()
    await expectUnavailable()
    await proxy.fair()
    await expectRecovery()
  })

  it('forgot the connections it had costs each of them one answer at most', async () => {
    proxy.halfOpen()
    expectServedOrTold(await askAll())
    await expectRecovery()
  })

  it('answers 200 ms late is still used, without a pile of waiting requests', async () => {
    proxy.delay(200)
    await sleep(500)
    for (let sample = 0; sample < samples; sample += 1) {
      const answers = await askAll()
      expectServedOrTold(answers)
      // Connections are open by now: two round trips fit into the patience of a request.
      if (sample > 0)
        expect(answers.filter(isGood).length, told(answers)).toBeGreaterThanOrEqual(answers.length - 1)
    }
    await proxy.fair()
    await expectRecovery()
  })

  it('tears connections again and again costs some requests, and no hang', async () => {
    const tearing = setInterval(() => proxy.cut(), 40)
    const answers: Timed[] = []
    const until = performance.now() + 2_000
    try {
      while (performance.now() < until) {
        answers.push(...(await askAll()), await timed('token for an API', forApi))
      }
    } finally {
      clearInterval(tearing)
    }
    expectServedOrTold(answers)
    await expectRecovery()
  })

  it('trickles is used or told, and the process lives', async () => {
    proxy.limit(20_000)
    expectServedOrTold(await askAll())
    expect(tally([await door.ask({ path: '/livez' })])).toBe('1 × 200')
    await proxy.fair()
    await expectRecovery()
  })
})
