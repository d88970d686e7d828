// Owns what is asked about deliveries: which there were, one of them again, and one to try a receiver out with.
import { limits } from '../../config/limits.ts'
import { conflict, notFound } from '../../kernel/errors.ts'
import { type Page, type PageOptions, pageOf, readPage } from '../../kernel/pages.ts'
import { isId, newId } from '../../kernel/secrets.ts'
import { after, type Clock } from '../../kernel/time.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Queue } from '../../platform/queue.ts'
import type { DeliveryStore, ListDeliveries, OfDelivery } from './delivery-store.ts'
import { type Delivery, laneOf, look, testType, type Webhook } from './schema.ts'
import type { Webhooks } from './service.ts'

export type DeliveriesDeps = {
  db: Pick<Db, 'inTransaction'>
  store: Pick<DeliveryStore, 'list' | 'find' | 'insert' | 'renew' | 'sweep'>
  webhooks: Pick<Webhooks, 'get'>
  queue: Pick<Queue, 'enqueue' | 'also'>
  clock: Clock
}

export type Deliveries = ReturnType<typeof createDeliveries>

const deliveryPending = () => conflict('delivery_pending')
const deliveryNotFound = () => notFound('delivery_not_found')

export function createDeliveries({ db, store, webhooks, queue, clock }: DeliveriesDeps) {
  async function list({
    webhookId,
    state,
    type,
    ...options
  }: Omit<ListDeliveries, 'after' | 'take'> & PageOptions): Promise<Page<Delivery>> {
    await webhooks.get(webhookId)
    const page = readPage(options)
    return pageOf(await store.list({ webhookId, state, type, ...page }), page, ({ id }) => id)
  }

  async function get({ webhookId, id }: OfDelivery): Promise<Delivery> {
    await webhooks.get(webhookId)
    return known({ webhookId, id })
  }

  async function known({ webhookId, id }: OfDelivery): Promise<Delivery> {
    const found = isId(id) ? await store.find({ webhookId, id }) : null
    if (!found) throw deliveryNotFound()
    return found
  }

  function assertEnabled({ enabled }: Webhook): void {
    if (!enabled) throw conflict('webhook_disabled')
  }

  /** With the same id and body, and all its tries before it. What is on its way is not sent twice. */
  async function replay({ webhookId, id }: OfDelivery): Promise<Delivery> {
    assertEnabled(await webhooks.get(webhookId))
    const { state } = await known({ webhookId, id })
    if (state === 'pending') throw deliveryPending()
    const wake = queue.also(look({ webhookId, lane: laneOf(id) }, 'now'))
    const renewed = await store.renew({ webhookId, id, now: clock.now() }, wake)
    if (!renewed) throw deliveryPending()
    return renewed
  }

  async function sendTest(webhookId: string): Promise<Delivery> {
    assertEnabled(await webhooks.get(webhookId))
    const at = clock.now()
    const id = newId(at)
    return db.inTransaction(async (tx) => {
      const made = await store.insert(tx, webhookId, { id, type: testType, at, data: { webhook: webhookId } })
      await queue.enqueue(tx, look({ webhookId, lane: laneOf(id) }, 'now'))
      return made
    })
  }

  const sweep = (): Promise<number> => store.sweep(after(clock.now(), -limits.webhookDeliveriesKeptMs))

  return { list, get, replay, sendTest, sweep }
}
