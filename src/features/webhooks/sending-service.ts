// Owns the sending: whoever holds a lane makes the one call that is due, writes down what came of it, and plans the
// next look. A process that is killed meanwhile loses nothing: the look after its hold is planned before the call.
import { newId, randomKey } from '../../kernel/secrets.ts'
import { after, type Clock, seconds } from '../../kernel/time.ts'
import { nextVersion } from '../../kernel/versions.ts'
import type { Log } from '../../platform/log.ts'
import { OutboundError, type OutboundFetch } from '../../platform/outbound.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Queue } from '../../platform/queue.ts'
import type { Sealer } from '../../platform/sealer.ts'
import { createSideCalls } from '../../platform/side-calls.ts'
import type { Audit } from '../audit/service.ts'
import type { DeliveryStore } from './delivery-store.ts'
import { judge, type Outcome } from './policy.ts'
import { type Delivery, type LaneJob, look, secretPlace } from './schema.ts'
import { withoutQuery } from './service.ts'
import { signedHeaders } from './signature.ts'
import type { StoredWebhook, WebhookStore } from './store.ts'

export type SendingDeps = {
  db: Pick<Db, 'inTransaction'>
  store: Pick<WebhookStore, 'enter' | 'find' | 'update'>
  deliveryStore: Pick<DeliveryStore, 'hold' | 'release' | 'findNext' | 'settle' | 'giveUpAll'>
  queue: Pick<Queue, 'enqueueAlone'>
  sealer: Pick<Sealer, 'open'>
  call: OutboundFetch
  clock: Clock
  log: Log
  audit: Pick<Audit, 'record'>
  /** Tells the administrators, in the transaction that turns it off. */
  announce: (tx: Tx, disabled: { url: string; at: Date }) => Promise<void>
}

/** Longer than any call takes. */
const holdMs = seconds(30)
const busyMs = seconds(1)

export type Sending = ReturnType<typeof createSending>

export function createSending(deps: SendingDeps) {
  const { db, store, deliveryStore, queue, sealer, clock, audit } = deps
  const calls = createSideCalls({ name: 'webhook', log: deps.log })

  /** The job. Who finds the lane held leaves it to its holder, who looks again after giving it back. */
  async function task(payload: unknown): Promise<void> {
    const lane = payload as LaneJob
    const now = clock.now()
    if (calls.isFull()) return queue.enqueueAlone(look(lane, 'now', busyMs))
    const holder = newId(now)
    const until = after(now, holdMs)
    // Should the holder be killed, nobody else would look again
    if (!(await deliveryStore.hold(lane, { holder, now, until }))) {
      return queue.enqueueAlone(look(lane, 'held', holdMs))
    }
    calls.start(() => serve(lane, holder))
  }

  async function serve(lane: LaneJob, holder: string): Promise<void> {
    const due = await deliveryStore.findNext(lane)
    if (isDue(due)) {
      await queue.enqueueAlone(look(lane, 'held', holdMs))
      await deliver(lane.webhookId, due)
    }
    const next = await deliveryStore.findNext(lane)
    if (next?.nextAt && !isDue(next)) {
      const delayMs = next.nextAt.getTime() - clock.millis()
      await queue.enqueueAlone(look(lane, 'later', Math.max(0, delayMs)))
    }
    await deliveryStore.release(lane, holder, clock.now())
    // Asked once more: what came meanwhile was turned away
    if (isDue(await deliveryStore.findNext(lane))) await queue.enqueueAlone(look(lane, 'now'))
  }

  const isDue = (delivery: Delivery | null): delivery is Delivery & { nextAt: Date } =>
    delivery?.nextAt != null && delivery.nextAt <= clock.now()

  async function deliver(webhookId: string, delivery: Delivery): Promise<void> {
    const webhook = await store.find(webhookId)
    if (!webhook) return
    // A fact that was being written while it was turned off
    if (!webhook.enabled) return db.inTransaction((tx) => deliveryStore.giveUpAll(tx, webhookId))
    const outcome = await calls.answerOf(send(webhook, delivery))
    // Another process makes the call; a receiver that gets it twice knows it by its id
    if (outcome === undefined) return
    await db.inTransaction((tx) => settle(tx, webhookId, { delivery, outcome }))
  }

  /** One before the last signs too, as long as receivers may still have it. */
  function secretsOf({ id, sealed, oldSealed, oldExpiresAt }: StoredWebhook): string[] {
    const isOldGood = oldSealed !== null && oldExpiresAt !== null && oldExpiresAt > clock.now()
    return [sealed, ...(isOldGood ? [oldSealed] : [])].map((each) =>
      sealer.open(each, secretPlace(id)).toString('utf8'),
    )
  }

  async function send(webhook: StoredWebhook, { id, type, at, data }: Delivery): Promise<Outcome> {
    const body = JSON.stringify({ type, timestamp: at.toISOString(), data })
    const headers = signedHeaders({ id, at: clock.now(), body }, secretsOf(webhook))
    try {
      const { status } = await deps.call(webhook.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
        wants: 'status',
      })
      return { status }
    } catch (error) {
      return { error: reasonOf(error) }
    }
  }

  async function settle(tx: Tx, webhookId: string, { delivery, outcome }: Tried): Promise<void> {
    const webhook = await store.find(webhookId, tx)
    if (!webhook) return
    const now = clock.now()
    const { failingSince } = webhook
    const tries = delivery.tries + 1
    const verdict = judge(outcome, { tries, failingSince, now, chance: (randomKey(1)[0] ?? 0) / 255 })
    const { state, waitMs, disabled } = verdict
    const since = state === 'delivered' ? null : (failingSince ?? now)
    const changes = disabled !== undefined || since?.getTime() !== failingSince?.getTime()
    // Before its delivery is locked, as everybody else who changes a webhook does
    if (changes) await store.enter(tx)
    const written = await deliveryStore.settle(tx, {
      webhookId,
      id: delivery.id,
      triesBefore: delivery.tries,
      state,
      status: 'status' in outcome ? outcome.status : null,
      error: 'error' in outcome ? outcome.error : null,
      nextAt: waitMs === null ? null : after(now, waitMs),
      triedAt: now,
    })
    if (!written || !changes) return
    // Its version stays: nobody changed it
    if (!disabled) await store.update(tx, webhookId, { failingSince: since, now: webhook.updatedAt })
    else await disable(tx, webhook, { reason: disabled, since, now })
  }

  async function disable(
    tx: Tx,
    { id, url, updatedAt }: StoredWebhook,
    { reason, since, now }: { reason: 'gone' | 'failing'; since: Date | null; now: Date },
  ): Promise<void> {
    const version = nextVersion(updatedAt, now)
    await store.update(tx, id, { enabled: false, failingSince: since, now: version })
    await deliveryStore.giveUpAll(tx, id)
    const shown = withoutQuery(url)
    await audit.record(tx, {
      type: 'webhook.disabled',
      actor: { kind: 'system' },
      details: { webhook: id, url: shown, reason },
    })
    await deps.announce(tx, { url: shown, at: now })
  }

  return { task, stop: calls.stop }
}

type Tried = { delivery: Delivery; outcome: Outcome }

/** No more than whoever configured the address may know of what lies behind it. */
function reasonOf(error: unknown): Extract<Outcome, { error: string }>['error'] {
  if (error instanceof OutboundError) return 'refused'
  const name = error instanceof Error ? error.name : ''
  return name === 'AbortError' || name === 'TimeoutError' ? 'timeout' : 'unreachable'
}
