// Owns the routes about webhooks: made, changed, their secrets rotated, removed, and what was sent to them.
import { z } from 'zod'
import type { Deliveries } from '../features/webhooks/deliveries-service.ts'
import {
  ChangedWebhook,
  type Delivery,
  deliveryStates,
  NewWebhook,
  type Webhook,
} from '../features/webhooks/schema.ts'
import type { Webhooks } from '../features/webhooks/service.ts'
import type { Permission } from './caller.ts'
import { ById, Id, listRoute, noBody, type Route, route } from './route.ts'

export type WebhookRoutesDeps = { webhooks: Webhooks; webhookDeliveries: Deliveries }

/** The one scope covers the lists too. */
const permission: Permission = { scope: 'webhooks:write', reach: 'installation' }
const moment = z.iso.datetime()
const ByDelivery = z.strictObject({ id: Id, delivery_id: Id })

export const WebhookShown = z.object({
  id: z.uuid(),
  url: z.string(),
  events: z.array(z.string()),
  description: z.string().nullable(),
  enabled: z.boolean(),
  /** Since when nothing arrived there. */
  failing_since: moment.nullable(),
  created_at: moment,
})
/** Standard Webhooks 1.0; shown this once. */
const secret = z.string()
const CreatedWebhook = WebhookShown.extend({ secret })
const RotatedSecret = z.object({
  id: z.uuid(),
  secret,
  /** Until then deliveries are signed by the secret before this one too. */
  old_secret_expires_at: moment,
})

export const DeliveryShown = z.object({
  /** That of the fact, and the `webhook-id` that the receiver sees. */
  id: z.uuid(),
  type: z.string(),
  timestamp: moment,
  state: z.enum(deliveryStates),
  tries: z.int(),
  next_try_at: moment.nullable(),
  last_tried_at: moment.nullable(),
  /** What the last try was answered. */
  last_status: z.int().nullable(),
  /** Why it was not. */
  last_error: z.string().nullable(),
})
const WholeDelivery = DeliveryShown.extend({ data: z.looseObject({}) })

const present = ({ failingSince, createdAt, ...webhook }: Webhook) => ({
  ...webhook,
  failing_since: failingSince?.toISOString() ?? null,
  created_at: createdAt.toISOString(),
})
const replyWith = (webhook: Webhook) => ({ body: present(webhook), version: webhook.updatedAt })

const presentDelivery = ({ id, type, at, state, tries, nextAt, triedAt, status, error }: Delivery) => ({
  id,
  type,
  timestamp: at.toISOString(),
  state,
  tries,
  next_try_at: nextAt?.toISOString() ?? null,
  last_tried_at: triedAt?.toISOString() ?? null,
  last_status: status,
  last_error: error,
})

export const webhookRoutes = (deps: WebhookRoutesDeps): Route[] => [
  ...makingRoutes(deps),
  ...changeRoutes(deps),
  ...deliveryRoutes(deps),
  ...sendingRoutes(deps),
]

function makingRoutes({ webhooks }: WebhookRoutesDeps): Route[] {
  return [
    listRoute({
      path: '/webhooks',
      summary: 'Webhooks, in the order they were made.',
      permission,
      limit: 'api.read',
      item: WebhookShown,
      async list(_, page) {
        const { data, nextCursor } = await webhooks.list(page)
        return { data: data.map(present), nextCursor }
      },
    }),
    route({
      method: 'POST',
      path: '/webhooks',
      summary:
        'Has facts sent to an address as they happen (Standard Webhooks). The secret is shown this once.',
      permission,
      limit: 'api.write',
      body: NewWebhook,
      answer: { status: 201, schema: CreatedWebhook },
      async handle({ caller, body }) {
        const { secret, ...webhook } = await webhooks.create(caller.actor, body)
        const { body: shown, version } = replyWith(webhook)
        return { body: { ...shown, secret }, version, location: `/webhooks/${webhook.id}` }
      },
    }),
    route({
      method: 'GET',
      path: '/webhooks/:id',
      versioned: true,
      summary: 'One webhook.',
      permission,
      limit: 'api.read',
      params: ById,
      answer: { status: 200, schema: WebhookShown },
      handle: async ({ params }) => replyWith(await webhooks.get(params.id)),
    }),
  ]
}

function changeRoutes({ webhooks }: WebhookRoutesDeps): Route[] {
  return [
    route({
      method: 'PATCH',
      path: '/webhooks/:id',
      versioned: true,
      summary: 'Changes where a webhook leads and what it is told, turns it off, or on again.',
      permission,
      limit: 'api.write',
      params: ById,
      body: ChangedWebhook,
      answer: { status: 200, schema: WebhookShown },
      handle: async ({ caller, params, body, expected }) =>
        replyWith(await webhooks.update(caller.actor, params.id, { ...body, expected })),
    }),
    route({
      method: 'DELETE',
      path: '/webhooks/:id',
      summary: 'Removes a webhook and its deliveries.',
      permission,
      limit: 'api.write',
      params: ById,
      answer: { status: 204, schema: noBody },
      async handle({ caller, params }) {
        await webhooks.remove(caller.actor, params.id)
        return { body: undefined }
      },
    }),
    route({
      method: 'POST',
      path: '/webhooks/:id/rotate-secret',
      summary: 'Gives a new secret, shown this once. For a day deliveries have two signatures.',
      permission,
      limit: 'api.write',
      params: ById,
      answer: { status: 201, schema: RotatedSecret },
      async handle({ caller, params: { id } }) {
        const { secret, oldExpiresAt } = await webhooks.rotateSecret(caller.actor, id)
        return { body: { id, secret, old_secret_expires_at: oldExpiresAt.toISOString() } }
      },
    }),
  ]
}

function deliveryRoutes({ webhookDeliveries }: WebhookRoutesDeps): Route[] {
  return [
    listRoute({
      path: '/webhooks/:id/deliveries',
      summary: 'What was sent to a webhook in the last thirty days, newest first.',
      permission,
      limit: 'api.read',
      params: ById,
      query: z.object({
        state: z.enum(deliveryStates).optional(),
        type: z.string().min(1).max(100).optional(),
      }),
      item: DeliveryShown,
      async list({ params, query: { state, type } }, page) {
        const { data, nextCursor } = await webhookDeliveries.list({
          webhookId: params.id,
          state,
          type,
          ...page,
        })
        return { data: data.map(presentDelivery), nextCursor }
      },
    }),
    route({
      method: 'GET',
      path: '/webhooks/:id/deliveries/:delivery_id',
      summary: 'One delivery, with the data that it carries.',
      permission,
      limit: 'api.read',
      params: ByDelivery,
      answer: { status: 200, schema: WholeDelivery },
      async handle({ params }) {
        const delivery = await webhookDeliveries.get({ webhookId: params.id, id: params.delivery_id })
        return { body: { ...presentDelivery(delivery), data: delivery.data as Record<string, unknown> } }
      },
    }),
  ]
}

function sendingRoutes({ webhookDeliveries }: WebhookRoutesDeps): Route[] {
  const send = {
    method: 'POST',
    permission,
    limit: 'api.write',
    answer: { status: 202, schema: DeliveryShown },
  } as const
  return [
    route({
      ...send,
      path: '/webhooks/:id/deliveries/:delivery_id/replay',
      summary: 'Sends a delivery again, with the same id; not while it is on its way.',
      params: ByDelivery,
      async handle({ params }) {
        const { id: webhookId, delivery_id: id } = params
        return { body: presentDelivery(await webhookDeliveries.replay({ webhookId, id })) }
      },
    }),
    route({
      ...send,
      path: '/webhooks/:id/test',
      summary: 'Sends `webhook.test`, to try the receiver out.',
      params: ById,
      handle: async ({ params }) => ({ body: presentDelivery(await webhookDeliveries.sendTest(params.id)) }),
    }),
  ]
}
