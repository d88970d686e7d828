// The product dies at every message that a registration at the JSON door exchanges with its database: between the
// account and its tokens too. Whatever was there by then, the client's retry says how to go on, and going on works.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDoor } from '../support/door.ts'
import { freePort } from '../support/ports.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { isReady, type Product, startProduct } from '../support/process.ts'
import { createProxy, type DatabaseProxy, type Verdict } from '../support/proxy.ts'

const mostMessages = 60
const password = 'a-password-of-their-own'

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

const env = { FOYER_WORKER: 'none', FOYER_REGISTRATION: 'open' }
const start = () => startProduct({ databaseUrl: proxy.url, port, env })

/** Registers, and kills the product before its message of that number leaves. */
async function dieAt(number: number, email: string): Promise<'died' | number> {
  let died = false
  proxy.cut({ listener: false })
  while (!(await isReady(port))) await sleep(10)
  proxy.watch((message): Verdict => {
    if (message.from !== 'product' || message.number !== number) return 'pass'
    died = true
    process.kill(product.pid, 'SIGKILL')
    return 'stop'
  })
  const door = createDoor(product.issuer)
  const answer = await door.post('/auth/register', { email, password }).catch(() => undefined)
  proxy.watch(undefined)
  if (!died) return answer?.status ?? 0
  await product.ended
  product = await start()
  return 'died'
}

it('killed at any message: the retry makes the account, or says to sign in to the one that is there', async () => {
  const seen = { anew: 0, taken: 0 }
  const mails = () =>
    database.db.query<{ count: number }>({
      text: `SELECT count(*)::int AS count FROM graphile_worker.jobs WHERE task_identifier = 'mail'`,
      values: [],
    })
  let number = 1
  for (; number <= mostMessages; number += 1) {
    const email = `registers-${number}@example.test`
    const [before] = await mails()
    const outcome = await dieAt(number, email)
    if (outcome !== 'died') {
      expect(outcome).toBe(201)
      break
    }
    const door = createDoor(product.issuer)
    const retry = await door.post('/auth/register', { email, password })
    const there = `message ${number}: ${retry.status} ${retry.text}`
    if (retry.status === 201) seen.anew += 1
    else {
      seen.taken += 1
      expect([retry.status, retry.body.code], there).toEqual([409, 'email_taken'])
      expect(retry.body.detail, there).toContain('Sign in to it')
    }
    // Nobody is written to for what they did themselves, however often
    expect(await mails(), there).toEqual([before])
    const { access_token } = await door.signIn({ email, password })
    expect((await door.me(access_token)).body.email, there).toBe(email)
    expect(await database.db.prisma.account.count({ where: { email } }), there).toBe(1)
  }
  expect(number).toBeLessThan(mostMessages)
  expect(seen.anew, JSON.stringify(seen)).toBeGreaterThan(0)
  expect(seen.taken, JSON.stringify(seen)).toBeGreaterThan(0)
})
