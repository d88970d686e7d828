// Owns what a webhook and its deliveries are, and the names that their jobs go by. The job that a fact causes is
// written by a trigger, deliver_fact in prisma/migrations, which agrees with this file.
import { z } from 'zod'
import { type EventType, eventTypes } from '../../kernel/events.ts'
import { shownText } from '../../kernel/shown-text.ts'
import type { Job } from '../../platform/queue.ts'

const names = ['*', ...Object.keys(eventTypes)] as ['*', ...EventType[]]

const url = z
  .string()
  .max(2048)
  .refine(
    (text) => URL.canParse(text) && !/[^\x21-\x7e]|#/.test(text),
    'must be an address without a fragment',
  )

const events = z
  .array(z.enum(names))
  .min(1)
  .max(names.length)
  .refine((list) => new Set(list).size === list.length, 'must not name the same one twice')

const description = shownText(200).nullable()

/** Whether an address may be called at all is asked by the service. */
export const NewWebhook = z.strictObject({ url, events, description: description.default(null) })
export type NewWebhook = z.output<typeof NewWebhook>

/** What is absent stays. One that went off by itself is turned on again. */
export const ChangedWebhook = z.strictObject({ url, events, description, enabled: z.boolean() }).partial()
export type ChangedWebhook = z.output<typeof ChangedWebhook>

export type Webhook = {
  id: string
  url: string
  events: string[]
  description: string | null
  enabled: boolean
  failingSince: Date | null
  createdAt: Date
  updatedAt: Date
}

export const deliveryStates = ['pending', 'delivered', 'failed'] as const
export type DeliveryState = (typeof deliveryStates)[number]

export type Delivery = {
  id: string
  type: string
  at: Date
  data: unknown
  state: DeliveryState
  tries: number
  nextAt: Date | null
  triedAt: Date | null
  status: number | null
  error: string | null
}

/** What a receiver gets to try itself out with. No fact, so nobody subscribes to it. */
export const testType = 'webhook.test'

/** The name of its jobs: each makes at most one call. */
export const webhookTask = 'webhook'
export type LaneJob = { webhookId: string; lane: number }

const priority = 20

/**
 * A look into a lane: `now`, whatever else is planned for it; `later`, when the next try is due, planned by its holder
 * alone; `held`, after whoever holds it must have given it back or died.
 */
export const look = (payload: LaneJob, when: 'now' | 'later' | 'held', delayMs = 0): Job => ({
  task: webhookTask,
  // A job that waits is replaced by the next one of its name: one plan must not push back another
  key: [payload.webhookId, payload.lane, ...(when === 'now' ? [] : [when])].join(':'),
  payload,
  priority,
  delayMs,
})

/** Where a secret rests: sealed, it opens nowhere else. */
export const secretPlace = (id: string): string => `webhooks.${id}.sealed`

/** Calls to one address that may be under way at once: each delivery keeps to one of the lanes. */
export const lanes = [0, 1] as const
export const laneOf = (id: string): number => Number.parseInt(id.slice(-1), 16) & 1
