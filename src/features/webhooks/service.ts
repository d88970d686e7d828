// Owns webhooks: made, changed, their secrets rotated, removed. What is sent to them is sending-service.ts.
import { limits } from '../../config/limits.ts'
import { conflict, invalidInput, notFound, preconditionFailed } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { type Page, type PageOptions, pageOf, readPage } from '../../kernel/pages.ts'
import { isId, newId } from '../../kernel/secrets.ts'
import { after, type Clock } from '../../kernel/time.ts'
import { nextVersion } from '../../kernel/versions.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Sealer } from '../../platform/sealer.ts'
import type { Audit } from '../audit/service.ts'
import type { DeliveryStore } from './delivery-store.ts'
import { type ChangedWebhook, type NewWebhook, secretPlace, type Webhook } from './schema.ts'
import { drawSecret } from './signature.ts'
import type { StoredWebhook, WebhookStore } from './store.ts'

export type WebhooksDeps = {
  db: Pick<Db, 'inTransaction'>
  store: WebhookStore
  deliveryStore: Pick<DeliveryStore, 'giveUpAll'>
  sealer: Pick<Sealer, 'seal'>
  clock: Clock
  audit: Pick<Audit, 'record'>
  /** Why an address is never called, or nothing. */
  refusalOf: (url: string) => string | undefined
}

export type Webhooks = ReturnType<typeof createWebhooks>

const webhookNotFound = () => notFound('webhook_not_found')

export function createWebhooks(deps: WebhooksDeps) {
  const { db, store, deliveryStore, sealer, clock, audit } = deps

  async function list(options: PageOptions): Promise<Page<Webhook>> {
    const page = readPage(options)
    return pageOf((await store.list(page)).map(present), page, ({ id }) => id)
  }

  async function get(id: string): Promise<Webhook> {
    const found = isId(id) ? await store.find(id) : null
    if (!found) throw webhookNotFound()
    return present(found)
  }

  function assertCallable(url: string | undefined): void {
    const refusal = url === undefined ? undefined : deps.refusalOf(url)
    if (refusal === undefined) return
    throw invalidInput([{ pointer: '/url', code: 'url_not_callable', detail: refusal }])
  }

  /** The secret leaves here this once. */
  async function create(actor: Actor, input: NewWebhook): Promise<Webhook & { secret: string }> {
    assertCallable(input.url)
    const now = clock.now()
    const id = newId(now)
    const secret = drawSecret()
    const made = { ...input, id, createdAt: now, updatedAt: now }
    await db.inTransaction(async (tx) => {
      await store.enter(tx)
      if ((await store.count(tx)) >= limits.webhooks) throw conflict('webhook_limit')
      // Told before it is there, so that it does not begin by hearing of itself
      await record(tx, 'webhook.created', { actor, ...made })
      await store.insert(tx, { ...made, sealed: sealer.seal(secret, secretPlace(id)) })
    })
    return { ...made, enabled: true, failingSince: null, secret }
  }

  async function update(
    actor: Actor,
    id: string,
    { expected, ...input }: ChangedWebhook & { expected?: readonly Date[] | undefined },
  ): Promise<Webhook> {
    assertCallable(input.url)
    return db.inTransaction(async (tx) => {
      const before = await lockedFor(tx, id)
      const change = { ...input, ...(input.enabled === true && { failingSince: null }) }
      const row = await store.update(tx, id, {
        ...change,
        expected,
        now: nextVersion(before.updatedAt, clock.now()),
      })
      if (!row) throw preconditionFailed()
      if (!row.enabled) await deliveryStore.giveUpAll(tx, id)
      await record(tx, 'webhook.updated', { actor, ...row })
      return present(row)
    })
  }

  async function lockedFor(tx: Tx, id: string): Promise<StoredWebhook> {
    await store.enter(tx)
    const found = isId(id) ? await store.find(id, tx) : null
    if (!found) throw webhookNotFound()
    return found
  }

  async function remove(actor: Actor, id: string): Promise<void> {
    await db.inTransaction(async (tx) => {
      const { url, events } = await lockedFor(tx, id)
      await store.remove(tx, id)
      await record(tx, 'webhook.deleted', { actor, id, url, events })
    })
  }

  /** For a day each delivery has two signatures, by the new secret and by the one before. */
  async function rotateSecret(actor: Actor, id: string): Promise<{ secret: string; oldExpiresAt: Date }> {
    const secret = drawSecret()
    const oldExpiresAt = after(clock.now(), limits.webhookSecretOverlapMs)
    await db.inTransaction(async (tx) => {
      const found = await lockedFor(tx, id)
      const sealed = sealer.seal(secret, secretPlace(id))
      const now = nextVersion(found.updatedAt, clock.now())
      await store.replaceSecret(tx, id, { sealed, before: found.sealed, oldExpiresAt, now })
      await record(tx, 'webhook.secret_rotated', { actor, ...found })
    })
    return { secret, oldExpiresAt }
  }

  async function record(tx: Tx, type: Recorded, { actor, id, url, events }: Fact): Promise<void> {
    await audit.record(tx, { type, actor, details: { webhook: id, url: withoutQuery(url), events } })
  }

  return { list, get, create, update, remove, rotateSecret }
}

type Recorded = 'webhook.created' | 'webhook.updated' | 'webhook.deleted' | 'webhook.secret_rotated'
type Fact = Pick<Webhook, 'id' | 'url' | 'events'> & { actor: Actor }

/** Some receivers are found by a secret in their query. */
export const withoutQuery = (url: string): string => url.replace(/\?.*$/, '')

const present = ({ sealed: _, oldSealed: __, oldExpiresAt: ___, ...webhook }: StoredWebhook): Webhook =>
  webhook
