// Requests that are kept before any person has answered are limited: pushed ones, those of devices, those of CIBA.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RateName, rates } from '../../src/config/limits.ts'
import { reachMs } from '../../src/platform/limiter.ts'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { mailboxOf, type SmtpCatcher, startSmtp } from '../support/mails.ts'
import { ada, createRp, demoSpa, demoWeb, type Rp, type RpClient } from '../support/rp.ts'
import { allRows } from '../support/tables.ts'

const redirect_uri = 'https://shop.example/callback'
const counter = { client_id: 'counter', client_secret: secretOf('counter'), redirect_uri: '' }
const here = '127.0.0.1/32'

let app: TestApp
let smtp: SmtpCatcher
beforeAll(async () => {
  smtp = await startSmtp()
  app = await startApp({ env: { ...testHooks, SMTP_URL: smtp.url }, jobs: true })
  await app.addClient('counter', { grant_types: ['urn:openid:params:grant-type:ciba'] })
})
afterAll(async () => {
  await app.close()
  await smtp.close()
})

/** As if somebody had gone on for five seconds longer than the limit allows: a burst comes back by itself. */
async function spend(name: RateName, key: string): Promise<void> {
  const tat = new Date(app.services.clock.millis() + reachMs(rates[name]) + 5_000)
  await app.services.db.query({
    text: `INSERT INTO rate_limits (key, tat, failures, expires_at) VALUES ($1, $2, 1, $2)
      ON CONFLICT (key) DO UPDATE SET tat = excluded.tat, expires_at = excluded.tat`,
    values: [`${name}:${key}`, tat],
  })
}

/** How many in each table; jobs come and go by the clock, and those of mails are counted by themselves. */
async function rowsKept(): Promise<[string, number][]> {
  const tables = Object.entries(await allRows(app.services.db))
  return tables
    .filter(([table]) => !table.startsWith('graphile_worker.'))
    .map(([table, rows]) => [table, rows.length])
}

const push = (rp: Rp) =>
  rp.post('/oauth2/par', Object.fromEntries(new URL(rp.authorizeUrl().url).searchParams))
const startDevice = (rp: Rp) => rp.post('/oauth2/device', { scope: 'openid' })
const ask = (rp: Rp) => rp.post('/oauth2/ciba', { scope: 'openid', login_hint: ada.email })

const demoDevice = { client_id: 'demo-device', redirect_uri: '' }

type Case = [string, RateName, string, RpClient, (rp: Rp) => ReturnType<Rp['post']>]
const cases: Case[] = [
  ['a pushed request of a public client', 'par.address', here, demoSpa, push],
  ['a pushed request of a client with a secret', 'par.client', demoWeb.client_id, demoWeb, push],
  ['a code for a device', 'device.begin.address', here, demoDevice, startDevice],
  ['a question to a person', 'ciba.client', counter.client_id, counter, ask],
]

describe.each(cases)('%s', (_, name, key, client, begin) => {
  it('is answered with 429 and Retry-After beyond its limit, and is not kept', async () => {
    const rp = createRp(app.issuer, client)
    expect((await begin(rp)).status).toBeLessThan(300)
    if (begin === ask) await mailboxOf(smtp).next(ada.email)
    await spend(name, key)
    const before = await rowsKept()
    const { status, headers, body } = await begin(rp)
    expect([status, body.error, headers.get('cache-control')]).toEqual([
      429,
      'temporarily_unavailable',
      'no-store',
    ])
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Object.keys(body).sort()).toEqual(['error', 'error_description'])
    expect(await rowsKept()).toEqual(before)
    expect(await app.services.queue.countWaiting('mail')).toBe(0)
    await app.advance(Number(headers.get('retry-after')))
    expect((await begin(rp)).status).toBeLessThan(300)
  })
})

describe('the count', () => {
  it('of one client or address is not that of another', async () => {
    await spend('par.client', demoWeb.client_id)
    await spend('par.address', '192.0.2.1/32')
    expect((await push(createRp(app.issuer, demoSpa))).status).toBe(201)
    expect((await push(createRp(app.issuer))).status).toBe(429)
  })

  it('takes an app that registered itself for whoever speaks for it', async () => {
    const response = await fetch(`${app.issuer}/oauth2/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [redirect_uri] }),
    })
    const { client_id, client_secret } = await response.json()
    const rp = createRp(app.issuer, { client_id, client_secret, redirect_uri })
    expect((await push(rp)).status).toBe(201)
    await spend('par.address', here)
    expect((await push(rp)).status).toBe(429)
  })

  it('costs one statement, and none for a request that is refused anyway', async () => {
    const rp = createRp(app.issuer, demoSpa)
    await app.advance(120)
    await push(rp)
    app.statements()
    await push(rp)
    expect(app.statements().filter((name) => name === 'limiter_take')).toEqual(['limiter_take'])
    await rp.post('/oauth2/par', { response_type: 'code' })
    expect(app.statements()).toEqual([])
  })
})
