// Owns the rows of clients and their secrets by the hundred: how an import brings them in and an export takes them out.
import type { Db, Tx } from '../../platform/postgres.ts'
import { type Client, columnsOf, present } from './store.ts'

/** `hash` is the SHA-256 of the secret. */
export type StoredSecret = { hash: Buffer; createdAt: Date; expiresAt: Date | null }
export type NewSecret = StoredSecret & { id: string; clientId: string }
export type StoredClient = Client & { secrets: StoredSecret[] }

export type ClientBulkStore = ReturnType<typeof createClientBulkStore>

export function createClientBulkStore(db: Pick<Db, 'prisma'>) {
  async function findAny(tx: Tx, ids: string[]): Promise<Client[]> {
    return (await tx.client.findMany({ where: { id: { in: ids } } })).map(present)
  }

  /** Gives the ids of those that went in; the others met somebody who was quicker. */
  async function insertAll(tx: Tx, clients: readonly Client[]): Promise<Set<string>> {
    const data = clients.map(({ metadata, ...client }) => ({ ...client, ...columnsOf(metadata) }))
    const rows = await tx.client.createManyAndReturn({ data, skipDuplicates: true, select: { id: true } })
    return new Set(rows.map(({ id }) => id))
  }

  async function insertSecrets(tx: Tx, secrets: readonly NewSecret[]): Promise<void> {
    const data = secrets.map(({ hash, ...secret }) => ({ ...secret, hash: new Uint8Array(hash) }))
    await tx.clientSecret.createMany({ data })
  }

  /**
   * In the order of their ids, each with the secrets that are good. What a document says is read there again, where
   * nobody takes it for the owner's word; one that the owner turned off or let ask for an API goes along as that.
   */
  async function listAfter(id: string, { take, now }: { take: number; now: Date }): Promise<StoredClient[]> {
    const rows = await db.prisma.client.findMany({
      where: {
        id: { gt: id },
        OR: [{ documentReadAt: null }, { enabled: false }, { apis: { some: {} } }],
      },
      orderBy: { id: 'asc' },
      take,
      include: {
        secrets: {
          where: { OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
          orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        },
      },
    })
    return rows.map(({ secrets, ...row }) => ({
      ...present(row),
      secrets: secrets.map(({ hash, createdAt, expiresAt }) => ({
        hash: Buffer.from(hash),
        createdAt,
        expiresAt,
      })),
    }))
  }

  return { findAny, insertAll, insertSecrets, listAfter }
}
