// Owns the rows of deliveries and the lanes they travel in. Facts write theirs by a trigger; here they are found,
// tried, and kept for a while. Whoever holds a lane is the only one who tries what is in it.
import type { WebhookDelivery as DeliveryModel } from '../../generated/prisma/client.ts'
import type { Bind, Write } from '../../platform/compose.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { type Delivery, type DeliveryState, type LaneJob, laneOf } from './schema.ts'

export type OfDelivery = { webhookId: string; id: string }
export type ListDeliveries = {
  webhookId: string
  state?: DeliveryState | undefined
  type?: string | undefined
  after?: string
  take: number
}
/** What a try came to; written only while the delivery is as it was found. */
export type Settled = OfDelivery &
  Pick<Delivery, 'state' | 'status' | 'error' | 'nextAt'> & { triesBefore: number; triedAt: Date }

export type DeliveryStore = ReturnType<typeof createDeliveryStore>

export function createDeliveryStore(db: Pick<Db, 'prisma' | 'query'>) {
  /** Newest first. */
  async function list({ webhookId, state, type, after, take }: ListDeliveries): Promise<Delivery[]> {
    const rows = await db.prisma.webhookDelivery.findMany({
      where: {
        webhookId,
        ...(state !== undefined && { state }),
        ...(type !== undefined && { type }),
        ...(after !== undefined && { id: { lt: after } }),
      },
      orderBy: { id: 'desc' },
      take,
    })
    return rows.map(present)
  }

  async function find({ webhookId, id }: OfDelivery): Promise<Delivery | null> {
    const row = await db.prisma.webhookDelivery.findUnique({ where: { webhookId_id: { webhookId, id } } })
    return row && present(row)
  }

  async function insert(tx: Tx, webhookId: string, delivery: Inserted): Promise<Delivery> {
    const { id, at, data } = delivery
    const row = await tx.webhookDelivery.create({
      data: { ...delivery, data, webhookId, lane: laneOf(id), nextAt: at },
    })
    return present(row)
  }

  /** The one conditional update that sends it again, and its job: of any number at once exactly one gets the row. */
  async function renew(
    { webhookId, id, now }: OfDelivery & { now: Date },
    wake: Wake,
  ): Promise<Delivery | null> {
    const values: unknown[] = []
    const bind: Bind = (value, type) =>
      `$${values.push(type === 'jsonb' ? JSON.stringify(value) : value)}::${type}`
    const text = `WITH renewed AS (
        UPDATE webhook_deliveries SET state = 'pending', tries = 0, next_at = ${bind(now, 'timestamptz')}
        WHERE webhook_id = ${bind(webhookId, 'uuid')} AND id = ${bind(id, 'uuid')} AND state <> 'pending'
        RETURNING id, type, at, data, state, tries, next_at AS "nextAt", tried_at AS "triedAt", status, error)
      SELECT renewed.*, (${wake(bind)}) IS NOT NULL AS woken FROM renewed`
    const [row] = await db.query<Delivery & { woken: boolean }>({ name: 'webhook_renew', text, values })
    if (!row) return null
    const { woken: _, ...delivery } = row
    return delivery
  }

  /** Tells whether the lane was free; whoever is late with giving it back does not take it from its next holder. */
  async function hold({ webhookId, lane }: LaneJob, { holder, now, until }: Holding): Promise<boolean> {
    const { count } = await db.prisma.webhookLane.updateMany({
      where: { webhookId, lane, heldUntil: { lte: now } },
      data: { heldBy: holder, heldUntil: until },
    })
    return count === 1
  }

  async function release({ webhookId, lane }: LaneJob, holder: string, now: Date): Promise<void> {
    await db.prisma.webhookLane.updateMany({
      where: { webhookId, lane, heldBy: holder },
      data: { heldBy: null, heldUntil: now },
    })
  }

  /** What is to be tried next in a lane, be it due or not. */
  async function findNext({ webhookId, lane }: LaneJob): Promise<Delivery | null> {
    const row = await db.prisma.webhookDelivery.findFirst({
      where: { webhookId, lane, nextAt: { not: null } },
      orderBy: [{ nextAt: 'asc' }, { id: 'asc' }],
    })
    return row && present(row)
  }

  async function settle(tx: Tx, { webhookId, id, triesBefore, ...result }: Settled): Promise<boolean> {
    const { count } = await tx.webhookDelivery.updateMany({
      where: { webhookId, id, state: 'pending', tries: triesBefore },
      data: { ...result, tries: triesBefore + 1 },
    })
    return count === 1
  }

  /** Nothing goes there any more; each can be sent again once it is enabled. */
  async function giveUpAll(tx: Tx, webhookId: string): Promise<void> {
    await tx.webhookDelivery.updateMany({
      where: { webhookId, state: 'pending' },
      data: { state: 'failed', nextAt: null },
    })
  }

  async function sweep(before: Date): Promise<number> {
    const rows = await db.query({
      name: 'sweep_webhook_deliveries',
      text: `DELETE FROM webhook_deliveries WHERE at <= $1::timestamptz AND state <> 'pending' RETURNING id`,
      values: [before],
    })
    return rows.length
  }

  return { list, find, insert, renew, hold, release, findNext, settle, giveUpAll, sweep }
}

type Inserted = Pick<Delivery, 'id' | 'type' | 'at'> & { data: Record<string, string> }
type Wake = NonNullable<Write['also']>
type Holding = { holder: string; now: Date; until: Date }

const present = ({ webhookId: _, lane: __, state, ...row }: DeliveryModel): Delivery => ({
  ...row,
  state: state === 'delivered' || state === 'failed' ? state : 'pending',
})
