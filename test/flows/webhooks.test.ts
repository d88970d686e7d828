// Webhooks at the management API: made, changed, their secrets rotated, removed, and what is refused.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createManagement } from '../support/management.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { allRows } from '../support/tables.ts'
import { createOperator, verified } from '../support/webhooks.ts'

let app: TestApp
let receiver: Receiver
let operator: ReturnType<typeof createOperator>
beforeAll(async () => {
  app = await startApp({ env: testHooks, jobs: true })
  receiver = await startReceiver()
  operator = createOperator(createManagement(app.issuer))
})
afterAll(async () => {
  await app.close()
  await receiver.close()
})

const nobody = '01a22e30-0000-7000-8000-000000000000'

describe('a webhook', () => {
  it('is made with a secret that is shown once and rests sealed', async () => {
    const { status, body, headers } = await operator.ask('POST', '/webhooks', {
      url: receiver.url,
      events: ['team.created', 'team.deleted'],
      description: 'The billing of Acme',
    })
    expect(status).toBe(201)
    expect(body).toEqual({
      id: expect.any(String),
      url: receiver.url,
      events: ['team.created', 'team.deleted'],
      description: 'The billing of Acme',
      enabled: true,
      failing_since: null,
      created_at: expect.any(String),
      secret: expect.stringMatching(/^whsec_[\w+/]{43}=$/),
    })
    expect(headers.get('location')).toBe(`/api/v1/webhooks/${body.id}`)

    const { secret, ...shown } = body
    expect((await operator.ask('GET', `/webhooks/${body.id}`)).body).toEqual(shown)
    expect((await operator.ask('GET', '/webhooks?limit=100')).body.data).toContainEqual(shown)
    const rest = JSON.stringify(await allRows(app.services.db), (_, value) =>
      value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
    )
    expect(rest).toContain('The billing of Acme')
    expect(rest).not.toContain(String(secret).slice(6))
    await operator.ask('DELETE', `/webhooks/${body.id}`)
  })

  it('is changed from the version that was read, and removed', async () => {
    const { id, etag } = await operator.create(receiver.url)
    const path = `/webhooks/${id}`
    const change = (json: object, ifMatch = etag) =>
      operator.ask('PATCH', path, json, { 'if-match': ifMatch })
    const changed = await change({ events: ['team.created'], description: 'Teams' })
    expect(changed).toMatchObject({
      status: 200,
      body: { url: receiver.url, events: ['team.created'], description: 'Teams' },
    })
    expect((await change({ events: ['*'] })).status).toBe(412)
    const off = await change({ enabled: false, description: null }, changed.headers.get('etag') ?? '')
    expect(off.body).toMatchObject({ enabled: false, description: null, events: ['team.created'] })

    expect((await operator.ask('DELETE', path)).status).toBe(204)
    expect((await operator.ask('DELETE', path)).status).toBe(404)
    expect((await operator.ask('GET', path)).status).toBe(404)
    expect(await app.auditTypes()).toEqual(expect.arrayContaining(['webhook.updated', 'webhook.deleted']))
  })

  it('that is off is told nothing, neither facts nor tests', async () => {
    const { id } = await operator.create(receiver.url)
    await operator.ask('PATCH', `/webhooks/${id}`, { enabled: false })
    await operator.causeFact()
    expect(await operator.deliveries(id)).toEqual([])
    const { status, body } = await operator.ask('POST', `/webhooks/${id}/test`)
    expect([status, body.code]).toEqual([409, 'webhook_disabled'])
    await operator.ask('DELETE', `/webhooks/${id}`)
  })

  it('is tried out by an event that is no fact', async () => {
    const { id, secret } = await operator.create(receiver.url, ['team.created'])
    const before = receiver.got.length
    const { status, body } = await operator.ask('POST', `/webhooks/${id}/test`)
    expect([status, body.type, body.state]).toEqual([202, 'webhook.test', 'pending'])
    const got = (await receiver.next(before + 1))[before]
    if (!got) throw new Error('nothing came')
    expect(got.headers['webhook-id']).toBe(body.id)
    expect(verified(got, secret)).toEqual({
      type: 'webhook.test',
      timestamp: body.timestamp,
      data: { webhook: id },
    })
    await operator.ask('DELETE', `/webhooks/${id}`)
  })

  it('is one of fifty at most', async () => {
    const make = () => operator.ask('POST', '/webhooks', { url: receiver.url, events: ['team.deleted'] })
    const made = []
    for (let count = 1; count < 50; count += 1) made.push(await make())
    made.push(...(await Promise.all([make(), make(), make()])))
    const refused = made.filter(({ status }) => status !== 201)
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual(
      Array(2).fill([409, 'webhook_limit']),
    )
    for (const { status, body } of made)
      if (status === 201) await operator.ask('DELETE', `/webhooks/${body.id}`)
  })

  const good = { url: 'https://events.example/hook', events: ['*'] }
  it.each<[string, unknown, string]>([
    ['a private host', { ...good, url: 'https://10.0.0.1/hook' }, '/url'],
    ['the metadata of a cloud', { ...good, url: 'http://169.254.169.254/latest' }, '/url'],
    ['a private host of IPv6', { ...good, url: 'https://[fd00::1]/' }, '/url'],
    ['one that is written as a number', { ...good, url: 'https://0x0a000001/' }, '/url'],
    ['a user and a password', { ...good, url: 'https://a:b@events.example/' }, '/url'],
    ['another scheme', { ...good, url: 'ftp://events.example/' }, '/url'],
    ['a script', { ...good, url: 'javascript:alert(1)' }, '/url'],
    ['a fragment', { ...good, url: 'https://events.example/#x' }, '/url'],
    ['a line break', { ...good, url: 'https://events.example/\nx' }, '/url'],
    ['no address', { ...good, url: 'events' }, '/url'],
    ['a list for an address', { ...good, url: ['https://events.example/'] }, '/url'],
    ['an endless address', { ...good, url: `https://events.example/${'x'.repeat(2048)}` }, '/url'],
    ['an unknown event', { ...good, events: ['team.created', 'team.exploded'] }, '/events/1'],
    ['no event', { ...good, events: [] }, '/events'],
    ['one event twice', { ...good, events: ['*', '*'] }, '/events'],
    ['a text for a list', { ...good, events: '*' }, '/events'],
    ['no events', { url: good.url }, '/events'],
    ['a secret of one’s own', { ...good, secret: 'whsec_AAAA' }, '/secret'],
    ['a description that turns around', { ...good, description: '\u202ex' }, '/description'],
  ])('is refused with a pointer: %s', async (_, json, pointer) => {
    const { status, body } = await operator.ask('POST', '/webhooks', json)
    expect(status).toBe(400)
    expect(body.errors?.map((error) => error.pointer)).toContain(pointer)
  })

  it('is not moved to where none may be made, nor is one that is not there', async () => {
    const { id } = await operator.create(receiver.url)
    const moved = await operator.ask('PATCH', `/webhooks/${id}`, { url: 'https://192.168.0.1/' })
    expect([moved.status, moved.body.errors?.[0]?.pointer]).toEqual([400, '/url'])
    const other = await operator.create(receiver.url)
    const test = (await operator.ask('POST', `/webhooks/${other.id}/test`)).body
    for (const [method, path] of [
      ['GET', `/webhooks/${nobody}`],
      ['PATCH', `/webhooks/${nobody}`],
      ['POST', `/webhooks/${nobody}/rotate-secret`],
      ['POST', '/webhooks/x/test'],
      ['GET', '/webhooks/x/deliveries'],
      ['GET', `/webhooks/${id}/deliveries/x`],
      ['GET', `/webhooks/${id}/deliveries/${test.id}`],
      ['POST', `/webhooks/${id}/deliveries/${test.id}/replay`],
    ] as const) {
      const { status } = await operator.ask(method, path, method === 'PATCH' ? {} : undefined)
      expect([path, status]).toEqual([path, 404])
    }
    for (const made of [id, other.id]) await operator.ask('DELETE', `/webhooks/${made}`)
  })
})

describe('without test hooks', () => {
  let strict: TestApp
  beforeAll(async () => {
    strict = await startApp()
  })
  afterAll(() => strict.close())

  it.each(['http://events.example/', 'https://127.0.0.1/', 'https://localhost/', 'https://[::1]/'])(
    'a webhook is not made for %s',
    async (url) => {
      const { ask } = createOperator(createManagement(strict.issuer))
      const { status, body } = await ask('POST', '/webhooks', { url, events: ['*'] })
      expect([status, body.errors?.[0]?.pointer, body.errors?.[0]?.code]).toEqual([
        400,
        '/url',
        'url_not_callable',
      ])
    },
  )

  it('a fact costs its request no statement more than without a webhook', async () => {
    const { causeFact, create, deliveries } = createOperator(createManagement(strict.issuer))
    const statementsOf = async () => {
      strict.statements()
      await causeFact()
      return strict.statements()
    }
    await causeFact()
    const before = await statementsOf()
    const { id } = await create('https://events.example/hook')
    expect(await statementsOf()).toEqual(before)
    expect(await deliveries(id)).toHaveLength(1)
  })
})
