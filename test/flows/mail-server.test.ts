// A mail server that is away, slow or unwilling is nobody's business but the operator's: what strangers and people
// are answered, and when, stays the same.
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { type SmtpCatcher, startSmtp } from '../support/mails.ts'
import { freePort } from '../support/ports.ts'
import { ada } from '../support/rp.ts'

const closing: (() => Promise<unknown>)[] = []
const apps: Record<string, TestApp> = {}
let smtp: SmtpCatcher

beforeAll(async () => {
  smtp = await startSmtp()
  closing.push(smtp.close)
  const refusing = await startSmtp({
    onConnect: (_, done) => done(Object.assign(new Error('go away'), { responseCode: 554 })),
  })
  closing.push(refusing.close)
  const silent = createServer((socket) => socket.on('error', () => undefined))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  closing.push(async () => silent.close())
  const servers = {
    willing: smtp.url,
    away: `smtp://127.0.0.1:${await freePort()}`,
    silent: `smtp://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    refusing: refusing.url,
  }
  for (const [name, url] of Object.entries(servers)) {
    apps[name] = await startApp({ env: { SMTP_URL: url }, jobs: true })
  }
})
afterAll(async () => {
  await Promise.all(Object.values(apps).map((app) => app.close()))
  for (const close of closing) await close()
})

const doors = [
  ['/auth/password/forgot', { email: ada.email }],
  ['/auth/passwordless/start', { email: ada.email, method: 'link' }],
  ['/auth/passwordless/start', { email: 'nobody@example.test', method: 'code' }],
] as const

async function answerOf(app: TestApp, path: string, body: object) {
  app.statements()
  const askedAt = performance.now()
  const response = await fetch(app.issuer + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  const milliseconds = performance.now() - askedAt
  const headers = Object.fromEntries(response.headers)
  for (const name of ['date', 'x-request-id', 'request-id']) delete headers[name]
  // The seconds until the limit is whole again are those since the first request
  const ratelimit = headers.ratelimit?.replace(/t=\d+/, 't=…')
  // Values that chance made
  const masked = text.replace(/"[\w-]{20,}"/g, '"…"').replace(/"\d{4}-[^"]+Z"/g, '"time"')
  const statements = app.statements().length
  return { status: response.status, headers: { ...headers, ratelimit }, masked, statements, milliseconds }
}

describe('a mail server that is away, silent or refusing', () => {
  it.each(doors)('changes nothing in what POST %s answers, nor when: %o', async (path, body) => {
    const willing = apps.willing as TestApp
    // What is read once and kept
    await answerOf(willing, path, body)
    const { milliseconds: _, ...expected } = await answerOf(willing, path, body)
    expect(expected.status).toBe(202)
    for (const name of ['away', 'silent', 'refusing']) {
      const app = apps[name] as TestApp
      await answerOf(app, path, body)
      const { milliseconds, ...answer } = await answerOf(app, path, body)
      expect(answer, name).toEqual(expected)
      // The silent one alone would hold it up for five seconds
      expect(milliseconds, name).toBeLessThan(4_000)
    }
  })

  it('gets what the others got once it is willing', async () => {
    await expect.poll(() => smtp.received.length).toBe(6)
    expect(new Set(smtp.received.flatMap(({ recipients }) => recipients))).toEqual(
      new Set([ada.email, 'nobody@example.test']),
    )
  })
})
