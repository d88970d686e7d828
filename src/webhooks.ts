// The composition root of webhooks: facts that leave the house, signed. No logic here.

import { limits } from './config/limits.ts'
import type { Config } from './config/schema.ts'
import { listAdministrators } from './features/accounts/administrators-store.ts'
import type { Audit } from './features/audit/service.ts'
import type { Outbox } from './features/outbox/service.ts'
import { createDeliveries } from './features/webhooks/deliveries-service.ts'
import { createDeliveryStore } from './features/webhooks/delivery-store.ts'
import { createSending } from './features/webhooks/sending-service.ts'
import { createWebhooks } from './features/webhooks/service.ts'
import { createWebhookStore } from './features/webhooks/store.ts'
import { after, type Clock } from './kernel/time.ts'
import type { Log } from './platform/log.ts'
import { createOutbound, refusalOf } from './platform/outbound.ts'
import type { Db, Tx } from './platform/postgres.ts'
import type { Queue } from './platform/queue.ts'
import type { Sealer } from './platform/sealer.ts'

export type WebhookFeatureDeps = {
  config: Pick<Config, 'testHooks'>
  db: Db
  queue: Queue
  clock: Clock
  sealer: Sealer
  audit: Audit
  log: Log
  outbox: Pick<Outbox, 'enqueue'>
}

export function createWebhookFeature(deps: WebhookFeatureDeps) {
  const { config, db, outbox } = deps
  const { testHooks } = config
  const store = createWebhookStore(db)
  const deliveryStore = createDeliveryStore(db)
  const shared = { ...deps, store, deliveryStore }
  const webhooks = createWebhooks({ ...shared, refusalOf: (url) => refusalOf(new URL(url), { testHooks }) })
  const webhookDeliveries = createDeliveries({ ...shared, store: deliveryStore, webhooks })
  const sending = createSending({
    ...shared,
    call: createOutbound({ testHooks, timeoutMs: limits.webhookTimeoutMs }),
    announce: async (tx: Tx, { url, at }) => {
      for (const { email, locale } of await listAdministrators(tx)) {
        await outbox.enqueue(tx, {
          to: email,
          language: locale ?? '',
          template: 'webhook_disabled',
          values: { receiver: url.replace(/^https?:\/\//, ''), at: at.toISOString() },
          expiresAt: after(at, limits.noticeMs),
        })
      }
    },
  })
  return { webhooks, webhookDeliveries, webhookSending: sending }
}
