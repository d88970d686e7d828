// The product dies at every message it exchanges with its database. Whatever it had done by then, the client's
// retry at its successor finds one live chain of tokens, and nothing that was spent is good again.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, createDoor, tally } from '../support/barrier.ts'
import { createPerson } from '../support/browser-less.ts'
import { freePort } from '../support/ports.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { isReady, type Product, startProduct } from '../support/process.ts'
import { createProxy, type DatabaseProxy, type Verdict } from '../support/proxy.ts'
import { basic, createRp, demoWeb } from '../support/rp.ts'

/** More messages than any of these requests exchanges. */
const mostMessages = 60

let database: TestDatabase
let proxy: DatabaseProxy
let port = 0
let product: Product

beforeAll(async () => {
  database = await createTestDatabase()
  proxy = await createProxy(database.connection)
  port = await freePort()
  product = await start()
})

afterAll(async () => {
  await product.stop()
  await proxy.close()
  await database.drop()
})

const start = () => startProduct({ databaseUrl: proxy.url, port, env: { FOYER_WORKER: 'none' } })

/** Every run exchanges the same messages: the client is remembered, and no statement is prepared. */
async function settle(): Promise<void> {
  const deadline = performance.now() + 5_000
  let statements = 0
  do {
    if (performance.now() > deadline) throw new Error('the client is never remembered: is the listener up?')
    statements = 0
    proxy.watch(({ from }) => {
      if (from === 'database') statements += 1
      return 'pass'
    })
    await ask('/oauth2/introspect', { token: 'unknown' })
  } while (statements !== 1)
  proxy.watch(undefined)
  proxy.cut({ listener: false })
  while (!(await isReady(port))) await sleep(10)
}

beforeEach(() => forget())

const person = createPerson()
const rp = () => createRp(product.issuer, demoWeb)

async function ask(path: string, form: Record<string, string>): Promise<Answer> {
  const door = createDoor(product)
  const headers = { authorization: basic(demoWeb.client_id, demoWeb.client_secret) }
  return door.ask({ path, form, headers }).finally(door.close)
}

const token = (form: Record<string, string>) => ask('/oauth2/token', form)

const refreshing = (refresh_token = 'none') => ({ grant_type: 'refresh_token', refresh_token })

async function newCode(): Promise<Record<string, string>> {
  const { code, verifier } = await rp().signIn({ person })
  const { redirect_uri } = demoWeb
  return { grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier }
}

type Moment = 'before' | 'after' | 'answered'

const moments: Record<Moment, string> = {
  before: 'before it is sent',
  after: 'when it is sent and not answered',
  answered: 'when it is answered and the answer lost',
}

/**
 * Sends the request and kills the product at its message of that number. True when it died there; false when the
 * request has fewer messages and was answered.
 */
async function dieAt(number: number, moment: Moment, form: Record<string, string>): Promise<Answer | 'died'> {
  let died = false
  await settle()
  proxy.watch((message): Verdict => {
    const counted = moment === 'answered' ? 'database' : 'product'
    if (message.from !== counted || message.number !== number) return 'pass'
    died = true
    process.kill(product.pid, 'SIGKILL')
    return moment === 'after' ? 'last' : 'stop'
  })
  const answer = await token(form).catch(() => undefined)
  proxy.watch(undefined)
  if (!died) {
    if (!answer) throw new Error(`no answer, and nobody died:\n${product.output()}`)
    return answer
  }
  await product.ended
  product = await start()
  return 'died'
}

/** Every message of the request in turn, until it has no more. Gives how many there were. */
async function atEvery(work: (number: number) => Promise<Answer | 'died'>): Promise<number> {
  for (let number = 1; number <= mostMessages; number += 1) {
    const outcome = await work(number)
    if (outcome === 'died') continue
    expect(tally([outcome]), `message ${number}`).toBe('1 × 200')
    return number - 1
  }
  throw new Error(`more than ${mostMessages} messages`)
}

/** The heads of the chains that hang on a grant. */
async function liveTokens(): Promise<number> {
  const grants = await database.db.prisma.grant.findMany({ select: { id: true } })
  return database.db.prisma.refreshToken.count({
    where: { grantId: { in: grants.map(({ id }) => id) }, consumedAt: null },
  })
}

/** Each test counts its own. */
const forget = () => database.db.prisma.grant.deleteMany()

describe.each(Object.entries(moments) as [Moment, string][])('killed at any message, %s', (moment, words) => {
  it(`(${words}) a redemption leaves the code good or spent, never both`, async () => {
    const seen = { good: 0, spent: 0 }
    const points = await atEvery(async (number) => {
      const form = await newCode()
      const before = await database.db.prisma.refreshToken.count()
      const outcome = await dieAt(number, moment, form)
      if (outcome !== 'died') return outcome

      const written = (await database.db.prisma.refreshToken.count()) - before
      const retry = await token(form)
      const message = `message ${number}: ${written} refresh tokens written, then ${tally([retry])}`
      expect([200, 400], message).toContain(retry.status)
      // Spent exactly when its tokens are there: nothing is half done.
      expect(written, message).toBe(retry.status === 200 ? 0 : 1)
      if (retry.status === 200) {
        seen.good += 1
        expect(tally([await token(refreshing(retry.body.refresh_token))]), message).toBe('1 × 200')
        expect(tally([await token(form)]), message).toBe('1 × 400 invalid_grant')
      } else {
        seen.spent += 1
        expect(retry.body.error, message).toBe('invalid_grant')
      }
      // Presented twice in either case: what it gave is ended.
      expect(await database.db.prisma.grant.count(), message).toBe(0)
      return outcome
    })
    expect(points).toBeGreaterThanOrEqual(moment === 'answered' ? 2 : 10)
    expect(seen.good, JSON.stringify(seen)).toBeGreaterThan(0)
    if (moment !== 'before') expect(seen.spent, JSON.stringify(seen)).toBeGreaterThan(0)
  })

  it(`(${words}) a refresh loses no session: the retry gets the one successor`, async () => {
    let current = (await token(await newCode())).body.refresh_token
    const points = await atEvery(async (number) => {
      const parent = current
      const outcome = await dieAt(number, moment, refreshing(parent))
      if (outcome !== 'died') return outcome

      const retry = await token(refreshing(parent))
      const message = `message ${number}: the retry ${tally([retry])}`
      expect(tally([retry]), message).toBe('1 × 200')
      expect(tally([await token(refreshing(parent))]), `${message}, a second one`).toBe('1 × 200')
      const next = await token(refreshing(retry.body.refresh_token))
      expect(tally([next]), `${message}, its successor ${tally([next])}`).toBe('1 × 200')
      expect(await liveTokens(), message).toBe(1)
      current = next.body.refresh_token
      return outcome
    })
    expect(points).toBeGreaterThanOrEqual(moment === 'answered' ? 2 : 10)
  })
})
