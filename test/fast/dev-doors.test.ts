// What only development has besides the playground: the mails, the clock and the banner.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BannerFacts, banner } from '../../src/dev/banner.ts'
import { createDevClock } from '../../src/dev/clock.ts'
import { createDevMail } from '../../src/dev/mail.ts'
import { createClock, seconds } from '../../src/kernel/time.ts'
import { createLog } from '../../src/platform/log.ts'
import { createInbox } from '../../src/platform/mailer.ts'
import { createPages } from '../../src/protocol.ts'
import { errorBoundary } from '../../src/web/problem.ts'

const clock = createClock()
const inbox = createInbox()
const server = createServer()
let origin: string

beforeAll(async () => {
  const app = new Koa()
  app.use(async (ctx, next) => {
    ctx.state.requestId = 'a-request'
    await next()
  })
  app.use(errorBoundary({ log: createLog({ level: 'silent', color: false }), renderPage: () => undefined }))
  const advance = async (moved: number) => clock.setOffset(clock.offset() + seconds(moved))
  app.use(createDevMail({ inbox, renderer: createPages().renderer }).routes())
  const queue = { bringForward: async () => undefined }
  app.use(createDevClock({ clock, timekeeper: { advance }, queue }).routes())
  server.on('request', app.callback())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const moveClock = (body: string, type = 'application/json') =>
  fetch(`${origin}/dev/clock`, { method: 'POST', body, headers: { 'Content-Type': type } })

describe('/dev/clock', () => {
  it('moves the clock forwards and says what time it is then', async () => {
    const before = clock.millis()
    const response = await moveClock('{"advance_seconds":3600}')
    const { now } = (await response.json()) as { now: string }
    expect(response.status).toBe(200)
    expect(Date.parse(now) - before).toBeGreaterThanOrEqual(seconds(3600))
    expect(Date.parse(now)).toBeLessThanOrEqual(clock.millis())
  })

  it.each([
    ['time to go back', '{"advance_seconds":-1}'],
    ['words', '{"advance_seconds":"60"}'],
    ['nothing', '{}'],
    ['more than it knows', '{"advance_seconds":1,"advance_hours":1}'],
    ['more than ten years', '{"advance_seconds":315360001}'],
    ['no JSON', 'advance_seconds=1'],
  ])('refuses %s and stands still', async (_what, body) => {
    const before = clock.offset()
    const response = await moveClock(body)
    expect([response.status, response.headers.get('content-type')]).toEqual([400, 'application/problem+json'])
    expect(clock.offset()).toBe(before)
  })
})

describe('/dev/mail', () => {
  it('shows every mail, newest first, as a page and as JSON', async () => {
    const mail = {
      to: 'ada@example.test',
      subject: '',
      text: 'Open http://localhost:3000/x?token=t',
      html: '',
    }
    inbox.add({ ...mail, id: 'm1', subject: 'First <script>', at: new Date('2026-03-01T10:00:00Z') })
    inbox.add({ ...mail, id: 'm2', subject: 'Second', at: new Date('2026-03-01T11:00:00Z') })

    const json = await (await fetch(`${origin}/dev/mail.json`)).json()
    expect(json).toEqual([
      { ...mail, id: 'm2', subject: 'Second', at: '2026-03-01T11:00:00.000Z' },
      { ...mail, id: 'm1', subject: 'First <script>', at: '2026-03-01T10:00:00.000Z' },
    ])
    const page = await (await fetch(`${origin}/dev/mail`)).text()
    expect(page.indexOf('Second')).toBeLessThan(page.indexOf('First &lt;script&gt;'))
    expect(page).toContain('<a href="http://localhost:3000/x?token=t">')
    expect(page).not.toContain('First <script>')
  })
})

describe('the banner', () => {
  const facts: BannerFacts = {
    version: '0.1.0',
    mode: 'development',
    database: 'embedded in ./data',
    node: 'v24.21.0',
    issuer: 'http://localhost:3000',
    playground: 'http://localhost:3001',
    unclaimed: false,
    color: false,
  }

  it('says where everything is, in at most 14 lines', () => {
    const text = banner(facts)
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(14)
    for (const word of [
      'Foyer 0.1.0',
      'embedded in ./data',
      'http://localhost:3001',
      '/dev/mail',
      '/api/docs',
    ])
      expect(text).toContain(word)
    expect(text).not.toContain('\x1b')
  })

  it('names no playground that is not there, and no demo in production', () => {
    expect(banner({ ...facts, playground: undefined })).not.toContain('Try it')
    const production = banner({ ...facts, mode: 'production', playground: undefined })
    expect(production).not.toContain('/dev/mail')
    expect(production).not.toContain('/setup')
  })

  it('tells an operator how to claim a new installation, in line with the other addresses', () => {
    const text = banner({ ...facts, mode: 'production', playground: undefined, unclaimed: true })
    expect(text).toContain('http://localhost:3000/setup')
    const columns = text.split('\n').flatMap((line) => (line.includes('http') ? [line.indexOf('http')] : []))
    expect(new Set(columns).size).toBe(1)
  })
})
