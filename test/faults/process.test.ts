// The process ends, politely and not, alone and with its database. Nobody who was answered has been lied to.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Answer, createDoor, type Door, tally } from '../support/barrier.ts'
import { freePort } from '../support/ports.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { isReady, type Product, type ProductOptions, startProduct } from '../support/process.ts'
import { basic, createRp, demoWeb } from '../support/rp.ts'

const recoveryMs = 5_000

/** Ended with the test, whatever happens. */
async function started(options: ProductOptions): Promise<Product> {
  const product = await startProduct(options)
  onTestFinished(() => product.kill())
  return product
}

function openDoor(product: Product): Door {
  const door = createDoor(product)
  onTestFinished(door.close)
  return door
}

const authorization = basic(demoWeb.client_id, demoWeb.client_secret)

const refresh = (door: Door, refresh_token = 'none') =>
  door.ask({
    path: '/oauth2/token',
    form: { grant_type: 'refresh_token', refresh_token },
    headers: { authorization },
  })

const userinfo = (door: Door, token: string) =>
  door.ask({ path: '/oauth2/userinfo', headers: { authorization: `Bearer ${token}` } })

/** Milliseconds until the work succeeds. */
async function timeUntil(work: () => Promise<boolean>): Promise<number> {
  const startedAt = performance.now()
  while (!(await work())) {
    if (performance.now() - startedAt > 4 * recoveryMs) throw new Error('it never came back')
    await sleep(20)
  }
  return performance.now() - startedAt
}

type Asked = { body: string; authorization: string }
type Tally = { answered: number; failed: string[]; closedByAnswer: number }

/** One request on the connection of this agent. Rejects unless it is answered with 200. */
function askOver(agent: Agent, { port, issuer }: Product, { body, authorization }: Asked) {
  return new Promise<{ text: string; closes: boolean }>((resolve, reject) => {
    const outgoing = request({
      agent,
      host: '127.0.0.1',
      port,
      path: '/oauth2/token',
      method: 'POST',
      headers: {
        host: new URL(issuer).host,
        authorization,
        'content-type': 'application/x-www-form-urlencoded',
      },
    })
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      let text = ''
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      incoming.on('error', reject)
      incoming.on('end', () => {
        if (incoming.statusCode === 200) resolve({ text, closes: incoming.headers.connection === 'close' })
        else reject(new Error(`${incoming.statusCode} ${text}`))
      })
    })
    outgoing.end(body)
  })
}

type Client = { next: () => Asked; learn?: (answer: string) => void }

/**
 * A client at full speed on one kept connection, until nothing listens any more. A refused connection is no failed
 * request: nothing of it was sent.
 */
async function keepAsking(product: Product, seen: Tally, { next, learn }: Client): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  try {
    for (;;) {
      const { text, closes } = await askOver(agent, product, next())
      seen.answered += 1
      if (closes) seen.closedByAnswer += 1
      learn?.(text)
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ECONNREFUSED') seen.failed.push(`${code ?? ''} ${message}`)
  } finally {
    agent.destroy()
  }
}

describe('a port that is taken', () => {
  it('of the playground: Foyer runs without it and names the setting that moves it', async () => {
    const databases = await Promise.all([createTestDatabase(), createTestDatabase()])
    onTestFinished(async () => void (await Promise.all(databases.map(({ drop }) => drop()))))
    const product = await started({ databaseUrl: databases[0].url })
    const beside = await started({
      databaseUrl: databases[1].url,
      env: { FOYER_PLAYGROUND_PORT: String(product.port) },
    })
    expect(beside.output()).toContain(
      `Port ${product.port} is taken: stop what listens there, or set FOYER_PLAYGROUND_PORT to another one.`,
    )
    expect(await isReady(beside.port)).toBe(true)
  })
})

describe('SIGTERM', () => {
  it('under load fails no request, and the process ends in time with what it acknowledged kept', async () => {
    const database = await createTestDatabase()
    onTestFinished(() => database.drop())
    const product = await started({ databaseUrl: database.url })
    const seen: Tally = { answered: 0, failed: [], closedByAnswer: 0 }

    const asMachine: Client = {
      next: () => ({
        authorization: basic('demo-machine', 'demo-machine-secret'),
        body: 'grant_type=client_credentials&scope=users%3Aread',
      }),
    }
    const newest = await Promise.all(
      [0, 1, 2, 3].map(async () => (await createRp(product.issuer).tokens()).refresh_token ?? ''),
    )
    const asApp = (index: number): Client => ({
      next: () => ({ authorization, body: `grant_type=refresh_token&refresh_token=${newest[index]}` }),
      learn: (answer) => {
        newest[index] = JSON.parse(answer).refresh_token
      },
    })
    const clients = newest.flatMap((_, index) => [asMachine, asApp(index)])
    const ended = clients.map((client) => keepAsking(product, seen, client))
    await sleep(2_000)
    const askedAt = performance.now()
    const code = await product.stop()
    const tookMs = performance.now() - askedAt
    await Promise.all(ended)

    expect(seen.failed, `${seen.answered} answered`).toEqual([])
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(10_000)
    expect(seen.closedByAnswer).toBe(8)
    expect(seen.answered).toBeGreaterThan(100)

    const again = await started({ databaseUrl: database.url, port: product.port })
    const door = openDoor(again)
    expect(tally(await Promise.all(newest.map((token) => refresh(door, token))))).toBe('4 × 200')
  })
})

/** 0 while none is noted. */
function postgresPidIn(dataDir: string): number {
  try {
    return Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
  } catch {
    return 0
  }
}

describe('kill -9', () => {
  /** An installation of its own, with its embedded database, and tokens it has given. */
  async function installation() {
    const dataDir = mkdtempSync(join(tmpdir(), 'foyer-kill-'))
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
    const port = await freePort()
    const product = await started({ dataDir, port })
    const tokens = await createRp(product.issuer).tokens()
    return { dataDir, port, product, tokens, postgresPid: postgresPidIn(dataDir) }
  }

  const expectKept = async (
    door: Door,
    { access_token, refresh_token }: { access_token: string; refresh_token?: string },
  ) => {
    const answers: Answer[] = [await userinfo(door, access_token), await refresh(door, refresh_token)]
    expect(tally(answers)).toBe('2 × 200')
    return answers[1]?.body.refresh_token
  }

  it('of Foyer: started again it is ready within five seconds, and every token is good', async () => {
    const { dataDir, port, product, tokens } = await installation()
    await product.kill()
    const startedAt = performance.now()
    const again = await started({ dataDir, port })
    expect(performance.now() - startedAt).toBeLessThan(recoveryMs)
    await expectKept(openDoor(again), tokens)
    expect(await again.stop()).toBe(0)
  })

  it('of the embedded PostgreSQL: Foyer brings it back within five seconds, and every token is good', async () => {
    const { dataDir, port, product, tokens, postgresPid } = await installation()
    const door = openDoor(product)
    process.kill(postgresPid, 'SIGKILL')
    expect((await door.ask({ path: '/livez' })).status).toBe(200)
    const isBack = async () => ![0, postgresPid].includes(postgresPidIn(dataDir)) && (await isReady(port))
    expect(await timeUntil(isBack)).toBeLessThan(recoveryMs)
    await expectKept(door, tokens)
    expect(await product.stop()).toBe(0)
  })

  it('of both at once: started again it is ready within five seconds, and every token is good', async () => {
    const { dataDir, port, product, tokens, postgresPid } = await installation()
    process.kill(postgresPid, 'SIGKILL')
    await product.kill()
    const startedAt = performance.now()
    const again = await started({ dataDir, port })
    expect(performance.now() - startedAt).toBeLessThan(recoveryMs)
    await expectKept(openDoor(again), tokens)
    expect(await again.stop()).toBe(0)
  })
})
