// Facts on their way to real receivers: signed, tried again, sent again, and given up.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { mailTo } from '../support/mails.ts'
import { admin, createManagement } from '../support/management.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { createOperator, type Made, verified } from '../support/webhooks.ts'

let app: TestApp
let api: ReturnType<typeof createManagement>
let operator: ReturnType<typeof createOperator>
let receiver: Receiver
let webhook: Made
beforeAll(async () => {
  app = await startApp({ env: testHooks, jobs: true })
  api = createManagement(app.issuer)
  operator = createOperator(api)
})
afterAll(() => app.close())
beforeEach(async () => {
  receiver = await startReceiver()
  webhook = await operator.create(receiver.url, ['account.created'])
})
afterEach(async () => {
  await operator.ask('DELETE', `/webhooks/${webhook.id}`)
  await receiver.close()
})

const minute = 60
const hour = 60 * minute
const day = 24 * hour

/** The only delivery of the webhook, once it is so. */
async function deliveryIs(wanted: Record<string, unknown>, of = webhook) {
  await expect
    .poll(() => operator.deliveries(of.id), { interval: 50, timeout: 15_000 })
    .toEqual([expect.objectContaining(wanted)])
  return (await operator.deliveries(of.id))[0] as Record<string, string | number>
}

async function firstGot(count = 1) {
  const got = (await receiver.next(count))[count - 1]
  if (!got) throw new Error('nothing came')
  return got
}

describe('a fact', () => {
  it('arrives signed, as the audit log has it', async () => {
    const accountId = await operator.causeFact()
    const got = await firstGot()
    expect(got.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'Foyer' })
    const payload = verified(got, webhook.secret)
    expect(Object.keys(payload)).toEqual(['type', 'timestamp', 'data'])
    const [fact] = await app.services.db.query<{ id: string; at: Date }>({
      text: `SELECT id, at FROM audit_events WHERE type = 'account.created' AND account_id = $1::uuid`,
      values: [accountId],
    })
    expect(got.headers['webhook-id']).toBe(fact?.id)
    expect(payload).toEqual({
      type: 'account.created',
      timestamp: fact?.at.toISOString(),
      data: {
        id: fact?.id,
        actor: { kind: 'client', id: 'demo-machine' },
        user_id: accountId,
        client_id: null,
        request_id: expect.any(String),
        address: expect.any(String),
        details: expect.any(Object),
      },
    })
    await deliveryIs({ id: fact?.id, state: 'delivered', tries: 1, last_status: 204, next_try_at: null })
  })

  it('that nobody asked for, or that did not happen, leaves nothing', async () => {
    await operator.ask('POST', '/clients', { grant_types: ['client_credentials'], client_name: 'Robot' })
    expect((await operator.ask('POST', '/users', { email: 'ada@example.test' })).status).toBe(409)
    expect(await operator.deliveries(webhook.id)).toEqual([])
    expect(receiver.got).toEqual([])
  })

  it('carries no secret', async () => {
    const all = await operator.create(receiver.url, ['client.created', 'webhook.secret_rotated'])
    const { body } = await operator.ask('POST', '/clients', { redirect_uris: ['https://app.example/cb'] })
    const rotated = (await operator.ask('POST', `/webhooks/${all.id}/rotate-secret`)).body
    const sent = (await receiver.next(2)).map((got) => got.body).join('\n')
    expect(sent).toContain('client.created')
    expect(sent).toContain('webhook.secret_rotated')
    for (const secret of [body.client_secret, rotated.secret]) expect(sent).not.toContain(String(secret))
    await operator.ask('DELETE', `/webhooks/${all.id}`)
  })
})

describe('a delivery', () => {
  it('is tried again with the same id and body, each time signed anew', async () => {
    receiver.answer(500)
    await operator.causeFact()
    const first = await firstGot()
    await deliveryIs({ state: 'pending', tries: 1, last_status: 500 })
    receiver.answer(200)
    await app.advance(6)
    const second = await firstGot(2)
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id'])
    expect(second.body).toBe(first.body)
    expect(second.headers['webhook-timestamp']).not.toBe(first.headers['webhook-timestamp'])
    verified(second, webhook.secret)
    await deliveryIs({ state: 'delivered', tries: 2, last_status: 200 })
    const { body } = await operator.ask('GET', `/webhooks/${webhook.id}`)
    expect(body.failing_since).toBeNull()
  })

  it('has two signatures for a day after a rotation', async () => {
    const rotate = async () =>
      String((await operator.ask('POST', `/webhooks/${webhook.id}/rotate-secret`)).body.secret)
    const second = await rotate()
    await operator.causeFact()
    const got = await firstGot()
    for (const secret of [webhook.secret, second]) verified(got, secret)
    const third = await rotate()
    await operator.causeFact()
    const later = await firstGot(2)
    for (const secret of [second, third]) verified(later, secret)
    expect(() => verified(later, webhook.secret)).toThrow()
    await app.advance(day + 1)
    await operator.causeFact()
    const last = await firstGot(3)
    verified(last, third)
    expect(() => verified(last, second)).toThrow()
  })

  it('is sent again once, of fifty who ask for it at the same moment', async () => {
    await operator.causeFact()
    const { id } = await deliveryIs({ state: 'delivered' })
    const path = `/webhooks/${webhook.id}/deliveries/${id}/replay`
    // Under way until all have been answered, as far as the time-out of a delivery allows
    const answered = Promise.withResolvers<void>()
    receiver.answer((_, response) => void answered.promise.then(() => response.writeHead(204).end()))
    const as = await api.machineToken('webhooks:write')
    const answers = await Promise.all(Array.from({ length: 50 }, () => api.ask('POST', path, { as })))
    answered.resolve()
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1)
    const refused = answers.filter(({ status }) => status !== 202)
    expect(new Set(refused.map(({ status, body }) => `${status} ${body.code}`))).toEqual(
      new Set(['409 delivery_pending']),
    )
    const again = await firstGot(2)
    expect(again.headers['webhook-id']).toBe(id)
    verified(again, webhook.secret)
    await deliveryIs({ state: 'delivered', tries: 1 })
    expect(receiver.got).toHaveLength(2)
  })

  it('is shown with its data, and listed by its state and kind', async () => {
    const accountId = await operator.causeFact()
    const { id } = await deliveryIs({ state: 'delivered' })
    const { body } = await operator.ask('GET', `/webhooks/${webhook.id}/deliveries/${id}`)
    expect(body).toMatchObject({ type: 'account.created', data: { user_id: accountId } })
    expect(await operator.deliveries(webhook.id, '?state=failed')).toEqual([])
    expect(await operator.deliveries(webhook.id, '?type=account.created&state=delivered')).toHaveLength(1)
    expect((await operator.ask('GET', `/webhooks/${webhook.id}/deliveries?state=lost`)).status).toBe(400)
  })

  it('in a lane whose holder was killed is made when the hold is over', async () => {
    await app.services.db.query({
      text: `UPDATE webhook_lanes SET held_by = gen_random_uuid(), held_until = $1::timestamptz`,
      values: [new Date(app.services.clock.millis() + 25_000)],
    })
    await operator.causeFact()
    await expect.poll(() => app.services.queue.countWaiting('webhook')).toBeGreaterThan(0)
    expect(receiver.got).toEqual([])
    await app.advance(31)
    // The job may be under way at that moment and put itself off by the clock of before: a moment later it is heard
    await expect
      .poll(
        async () => {
          await app.advance(1)
          return receiver.got.length
        },
        { timeout: 15_000 },
      )
      .toBeGreaterThan(0)
    verified(await firstGot(), webhook.secret)
  })

  it('is forgotten after thirty days', async () => {
    await operator.causeFact()
    await deliveryIs({ state: 'delivered' })
    await app.services.webhookDeliveries.sweep()
    expect(await operator.deliveries(webhook.id)).toHaveLength(1)
    await app.advance(30 * day + 1)
    await app.services.webhookDeliveries.sweep()
    expect(await operator.deliveries(webhook.id)).toEqual([])
  })
})

describe('a receiver', () => {
  it('that is away gets everything when it is back', async () => {
    await receiver.close()
    await operator.causeFact()
    await deliveryIs({ state: 'pending', last_error: 'unreachable', last_status: null })
    await receiver.open()
    await app.advance(6)
    verified(await firstGot(), webhook.secret)
    await deliveryIs({ state: 'delivered', tries: 2, last_error: null })
  })

  it('that says it is gone is sent nothing more, and the administrators are told', async () => {
    receiver.answer(410)
    await operator.causeFact()
    await deliveryIs({ state: 'failed', tries: 1, last_status: 410, next_try_at: null })
    const path = `/webhooks/${webhook.id}`
    expect((await operator.ask('GET', path)).body).toMatchObject({ enabled: false })
    expect((await mailTo(app, admin.email)).text).toContain(receiver.url.replace('http://', ''))
    expect(await app.auditTypes()).toContain('webhook.disabled')

    await operator.causeFact()
    const { id } = await deliveryIs({ state: 'failed' })
    const replay = () => operator.ask('POST', `${path}/deliveries/${id}/replay`)
    expect((await replay()).body.code).toBe('webhook_disabled')
    receiver.answer(200)
    expect((await operator.ask('PATCH', path, { enabled: true })).body).toMatchObject({
      enabled: true,
      failing_since: null,
    })
    expect((await replay()).status).toBe(202)
    await deliveryIs({ state: 'delivered', last_status: 200 })
  })

  it('that has failed for five days is sent nothing more', async () => {
    receiver.answer(503)
    await operator.causeFact()
    await deliveryIs({ state: 'pending', tries: 1 })
    expect((await operator.ask('GET', `/webhooks/${webhook.id}`)).body.failing_since).not.toBeNull()
    await app.advance(5 * day + 1)
    await deliveryIs({ state: 'failed', tries: 2, last_status: 503 })
    expect((await operator.ask('GET', `/webhooks/${webhook.id}`)).body.enabled).toBe(false)
  })

  it('that is slow is asked twice at once and no more, and holds up nobody else', async () => {
    const other = await startReceiver()
    const quick = await operator.create(other.url, ['account.created'])
    receiver.answer(() => undefined)
    for (let fact = 0; fact < 6; fact += 1) await operator.causeFact()
    await other.next(6)
    const failed = async () =>
      (await operator.deliveries(webhook.id)).filter(({ last_error }) => last_error === 'timeout')
    await expect.poll(failed, { timeout: 20_000 }).not.toHaveLength(0)
    await receiver.next(3)
    expect(receiver.mostAtOnce()).toBeLessThanOrEqual(2)
    await operator.ask('DELETE', `/webhooks/${quick.id}`)
    await other.close()
  })

  it('that sends elsewhere is not followed', async () => {
    const elsewhere = await startReceiver()
    receiver.answer((_, response) => void response.writeHead(307, { location: elsewhere.url }).end())
    await operator.causeFact()
    await deliveryIs({ state: 'pending', last_error: 'refused' })
    expect(elsewhere.got).toEqual([])
    await elsewhere.close()
  })

  it('that answers a gigabyte has got it all the same, and is cut off', async () => {
    let sent = 0
    const chunk = Buffer.alloc(64 * 1024)
    receiver.answer((_, response) => {
      response.writeHead(200, { 'content-length': String(2 ** 30) })
      const more = () => {
        while (!response.destroyed && sent < 2 ** 30) {
          sent += chunk.length
          if (!response.write(chunk)) return void response.once('drain', more)
        }
      }
      more()
    })
    await operator.causeFact()
    await deliveryIs({ state: 'delivered', last_status: 200, last_error: null })
    expect(sent).toBeLessThan(64 * 2 ** 20)
  })

  it('that says it has failed, at whatever length, is tried again', async () => {
    receiver.answer((_, response) => void response.writeHead(500).end('x'.repeat(2 ** 20)))
    await operator.causeFact()
    await deliveryIs({ state: 'pending', tries: 1, last_status: 500, last_error: null })
  })

  it('that never ends its answer has got it all the same', async () => {
    receiver.answer((_, response) => void response.writeHead(200).write('still'))
    await operator.causeFact()
    await deliveryIs({ state: 'delivered', last_status: 200 })
  })
})
