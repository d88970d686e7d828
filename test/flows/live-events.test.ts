// Live events: each fact of the audit log once and in order, whatever breaks on the way.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { type ListenOptions, listenTo } from '../support/event-stream.ts'
import { all, createManagement } from '../support/management.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { ada } from '../support/rp.ts'

let database: TestDatabase
let app: TestApp
let api: ReturnType<typeof createManagement>
let machine = ''
beforeAll(async () => {
  database = await createTestDatabase()
  app = await startApp({ env: testHooks, databaseUrl: database.url, jobs: true })
  api = createManagement(app.issuer)
  machine = await api.machineToken(all)
  // What the seed did is told before anybody listens
  const waiting = () => app.services.db.query({ text: 'SELECT FROM audit_unsealed', values: [] })
  while ((await waiting()).length > 0) await sleep(50)
})
afterAll(async () => {
  await app.close()
  await database.drop()
})

async function listen(options: Partial<ListenOptions> = {}, origin = app.issuer) {
  const listening = await listenTo(origin, { as: machine, ...options })
  onTestFinished(() => listening.close())
  return listening
}
const robot = { grant_types: ['client_credentials'], client_name: 'Robot' }
async function createClient(): Promise<string> {
  const { status, body } = await api.ask('POST', '/clients', { as: machine, json: robot })
  expect(status).toBe(201)
  return String(body.client_id)
}
const clientsOf = (heard: { data: Record<string, unknown> }[]) => heard.map(({ data }) => data.client_id)

describe('a stream of live events', () => {
  it('tells a fact within two seconds, as the audit log shows it', async () => {
    const { status, headers, text, count } = await listen({ query: '?types=client.created' })
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(headers.get('cache-control')).toBe('no-store')
    const id = await createClient()
    const [event] = await count(1, 2_000)
    const { body } = await api.ask('GET', `/audit?client_id=${id}`, { as: machine })
    expect(event).toEqual({ id: expect.stringMatching(/^\d+$/), event: 'client.created', data: body.data[0] })
    expect(text()).toMatch(/^retry: \d+\nid: \d+\n\n/)
  })

  it('goes on behind the event that was heard last, by header or by query', async () => {
    const first = await listen()
    const before = await createClient()
    await first.count(1)
    await first.close()
    const missed = [await createClient(), await createClient()]
    const byHeader = await listen({ lastEventId: first.lastId() })
    const byQuery = await listen({ query: `?last_event_id=${first.lastId()}` })
    expect(clientsOf(await byHeader.count(2))).toEqual(missed)
    expect(clientsOf(await byQuery.count(2))).toEqual(missed)
    expect(clientsOf(byHeader.heard)).not.toContain(before)
  })

  it('goes on from the place where it began when it broke before the first event', async () => {
    const first = await listen()
    await expect.poll(first.lastId).not.toBe('')
    await first.close()
    const missed = await createClient()
    expect(clientsOf(await (await listen({ lastEventId: first.lastId() })).count(1))).toEqual([missed])
  })

  it('tells what committed late behind what committed before it, to those who come back too', async () => {
    const { db, audit } = app.services
    const whole = await listen()
    await expect.poll(whole.lastId).not.toBe('')
    const place = whole.lastId()
    let afterEarly = ''
    await db.inTransaction(async (tx) => {
      await audit.record(tx, { type: 'client.created', actor: { kind: 'system' }, clientId: 'late' })
      await audit.recordAlone({ type: 'client.created', actor: { kind: 'system' }, clientId: 'early' })
      expect(clientsOf(await whole.count(1))).toEqual(['early'])
      afterEarly = whole.lastId()
    })
    expect(clientsOf(await whole.count(2))).toEqual(['early', 'late'])
    expect(clientsOf(await (await listen({ lastEventId: afterEarly })).count(1))).toEqual(['late'])
    expect(clientsOf(await (await listen({ lastEventId: place })).count(2))).toEqual(['early', 'late'])
  })

  it('tells the kinds it was asked for, and comes back without the others', async () => {
    const listening = await listen({ query: '?types=client.deleted,client.updated' })
    const id = await createClient()
    await api.ask('DELETE', `/clients/${id}`, { as: machine })
    expect((await listening.count(1)).map(({ event }) => event)).toEqual(['client.deleted'])
    await createClient()
    const last = Number(listening.heard[0]?.id)
    await expect.poll(() => Number(listening.lastId())).toBeGreaterThan(last)
    expect(listening.heard).toHaveLength(1)
  })

  it('shows that it is alive when nothing happens', async () => {
    const { text } = await listen()
    await expect.poll(text, { timeout: 10_000 }).toContain(': alive\n\n')
  }, 20_000)

  it('tells facts of another process, each process all of them in one order', async () => {
    const env = { ...testHooks, FOYER_ISSUER: app.issuer }
    const other = await startApp({ env, databaseUrl: database.url, jobs: true })
    onTestFinished(() => other.close())
    const here = await listen()
    const there = await listen({ host: new URL(app.issuer).host }, other.listening)
    const record = (services: TestApp['services'], clientId: string) =>
      services.audit.recordAlone({ type: 'client.updated', actor: { kind: 'system' }, clientId })
    const made = Array.from({ length: 60 }, (_, at) => `both-${at}`)
    await Promise.all(made.map((id, at) => record(at % 2 ? app.services : other.services, id)))
    const isOurs = (id: unknown) => String(id).startsWith('both-')
    const ours = (listening: typeof here) => clientsOf(listening.heard).filter(isOurs)
    await expect.poll(() => ours(here).length + ours(there).length, { timeout: 15_000 }).toBe(120)
    expect(ours(here).toSorted()).toEqual(made.toSorted())
    expect(ours(there)).toEqual(ours(here))
  })

  it('loses and repeats nothing over many broken connections', async () => {
    const { audit } = app.services
    const start = await listen()
    await expect.poll(start.lastId).not.toBe('')
    let lastEventId = start.lastId()
    const made = Array.from({ length: 120 }, (_, at) => `broken-${at}`)
    const writing = Promise.all(
      made.map((clientId) =>
        audit.recordAlone({ type: 'client.updated', actor: { kind: 'system' }, clientId }),
      ),
    )
    const heard: unknown[] = []
    while (heard.length < made.length) {
      const part = await listen({ lastEventId })
      await part.count(1)
      await part.close()
      heard.push(...clientsOf(part.heard))
      lastEventId = part.lastId()
    }
    await writing
    expect(heard.toSorted()).toEqual(made.toSorted())
  })
})

describe('a stream ends', () => {
  it('when its person signs out, and tells them nothing more', async () => {
    const admin = { email: 'admin@example.test', password: 'difference-engine-1822' }
    const as = await api.personToken(admin)
    const listening = await listen({ as, query: '?types=client.created' })
    await createClient()
    await listening.count(1)
    const { status } = await api.ask('GET', '/audit?limit=1', { as })
    expect(status).toBe(200)
    await fetch(`${app.issuer}/auth/logout`, { method: 'POST', headers: { authorization: `Bearer ${as}` } })
    await createClient()
    expect(await listening.ends()).toBe(true)
    expect(listening.heard).toHaveLength(1)
  })

  it('when the process drains', async () => {
    const other = await startApp({ env: testHooks })
    onTestFinished(() => other.close())
    const as = await createManagement(other.issuer).machineToken(all)
    const listening = await listen({ as }, other.issuer)
    other.services.feed.close()
    expect(await listening.ends(2_000)).toBe(true)
  })
})

describe('live events are refused', () => {
  it.each(['types=nothing', 'types=', 'last_event_id=x', 'last_event_id=-1', 'last_event_id=1e3', 'more=1'])(
    'to %s',
    async (query) => {
      expect((await listen({ query: `?${query}` })).status).toBe(400)
    },
  )

  it('to an id in the header that is none', async () => {
    expect((await listen({ lastEventId: 'abc' })).status).toBe(400)
  })

  it('behind an event that is not there, with 410', async () => {
    const { body } = await api.ask('GET', '/events', {
      as: machine,
      headers: { 'last-event-id': '999999999' },
    })
    expect(body).toMatchObject({ status: 410, code: 'events_gone' })
  })

  it('to people who administer nothing, and without audit:read', async () => {
    expect((await listen({ as: await api.personToken(ada) })).status).toBe(403)
    expect((await listen({ as: await api.machineToken('users:read') })).status).toBe(403)
  })

  it('to a caller who has ten streams, until one of them ends', async () => {
    const as = await api.machineToken('audit:read')
    const streams: Awaited<ReturnType<typeof listen>>[] = []
    do streams.push(await listen({ as }))
    while (streams.at(-1)?.status === 200)
    const refused = streams.pop()
    expect(streams.length).toBeLessThanOrEqual(10)
    expect(refused?.status).toBe(429)
    expect(refused?.headers.get('retry-after')).toBe('30')
    await streams[0]?.close()
    await expect.poll(async () => (await listen({ as })).status).toBe(200)
  })
})

// Last, since every token of this file has expired after it
describe('a stream whose token expires', () => {
  it('ends', async () => {
    const listening = await listen()
    expect(listening.status).toBe(200)
    await app.advance(901)
    expect(await listening.ends()).toBe(true)
  }, 20_000)
})
