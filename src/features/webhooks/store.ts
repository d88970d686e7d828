// Owns the rows of webhooks: where they lead, what they want, and their sealed secrets.
import type { Webhook as WebhookModel } from '../../generated/prisma/client.ts'
import { fromSeconds } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { lanes, type Webhook } from './schema.ts'

export type StoredWebhook = Webhook & {
  sealed: Uint8Array
  oldSealed: Uint8Array | null
  oldExpiresAt: Date | null
}

export type WebhookChange = Partial<
  Pick<StoredWebhook, 'url' | 'events' | 'description' | 'enabled' | 'failingSince'>
>
export type WebhookStore = ReturnType<typeof createWebhookStore>

export function createWebhookStore(db: Pick<Db, 'prisma'>) {
  /** Changes wait for each other, so that two that end each other’s rows cannot stand in each other’s way. Facts do not wait. */
  async function enter(tx: Tx): Promise<void> {
    await tx.$executeRaw`LOCK TABLE webhooks IN SHARE ROW EXCLUSIVE MODE`
  }

  const list = ({ after, take }: { after?: string; take: number }): Promise<StoredWebhook[]> =>
    db.prisma.webhook.findMany({
      where: after === undefined ? {} : { id: { gt: after } },
      orderBy: { id: 'asc' },
      take,
    })

  const find = (id: string, tx: Pick<Tx, 'webhook'> = db.prisma): Promise<StoredWebhook | null> =>
    tx.webhook.findUnique({ where: { id } })

  const count = (tx: Tx): Promise<number> => tx.webhook.count()

  async function insert(tx: Tx, { sealed, ...webhook }: Inserted): Promise<void> {
    const heldUntil = fromSeconds(0)
    await tx.webhook.create({
      data: {
        ...webhook,
        sealed: new Uint8Array(sealed),
        lanes: { create: lanes.map((lane) => ({ lane, heldUntil })) },
      },
      select: { id: true },
    })
  }

  /** Gives it as it is now, or null when there is none of the expected version. */
  async function update(
    tx: Tx,
    id: string,
    { now, expected, ...change }: WebhookChange & { now: Date; expected?: readonly Date[] | undefined },
  ): Promise<StoredWebhook | null> {
    const where = { id, ...(expected && { updatedAt: { in: [...expected] } }) }
    const [row] = await tx.webhook.updateManyAndReturn({ where, data: { ...change, updatedAt: now } })
    return row ?? null
  }

  /** The secret that was in force signs until then; one before it no more. */
  async function replaceSecret(
    tx: Tx,
    id: string,
    { sealed, before, oldExpiresAt, now }: NewSecret,
  ): Promise<void> {
    await tx.webhook.update({
      where: { id },
      data: {
        sealed: new Uint8Array(sealed),
        oldSealed: new Uint8Array(before),
        oldExpiresAt,
        updatedAt: now,
      },
      select: { id: true },
    })
  }

  async function remove(tx: Tx, id: string): Promise<boolean> {
    return (await tx.webhook.deleteMany({ where: { id } })).count === 1
  }

  return { enter, list, find, count, insert, update, replaceSecret, remove }
}

type Inserted = Omit<WebhookModel, 'enabled' | 'oldSealed' | 'oldExpiresAt' | 'failingSince' | 'sealed'> & {
  sealed: Uint8Array
}
type NewSecret = { sealed: Uint8Array; before: Uint8Array; oldExpiresAt: Date; now: Date }
