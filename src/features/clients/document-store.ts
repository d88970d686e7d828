// Owns what is kept of clients that come by a document besides the client itself: when it was read, and which of them
// nobody uses.
import type { Db, Tx } from '../../platform/postgres.ts'
import { type DocumentRules, isDocumentAddress } from './document.ts'
import type { ClientStore } from './store.ts'

export type DocumentStore = ReturnType<typeof createDocumentStore>

/** Each sweep is a short one. */
const batch = 500

export function createDocumentStore(db: Pick<Db, 'prisma'>) {
  const countDocuments = (): Promise<number> =>
    db.prisma.client.count({ where: { documentReadAt: { not: null } } })

  async function noteReading(id: string, at: Date): Promise<void> {
    await db.prisma.client.updateMany({
      where: { id, documentReadAt: { not: null } },
      data: { documentReadAt: at },
    })
  }

  const wasReadSince = async (id: string, since: Date): Promise<boolean> =>
    (await db.prisma.client.count({ where: { id, documentReadAt: { gte: since } } })) > 0

  /** What the owner decided about one stays, above all that it is off: it is how an app is kept out. */
  async function removeUnused(tx: Tx, readBefore: Date): Promise<string[]> {
    const rows = await tx.$queryRaw<{ id: string }[]>`
      DELETE FROM clients WHERE id IN (
        SELECT c.id FROM clients c
        WHERE c.document_read_at < ${readBefore}::timestamptz AND c.enabled AND NOT c.metadata ? 'access'
          AND NOT c.first_party AND NOT EXISTS (SELECT FROM api_clients a WHERE a.client_id = c.id)
          AND NOT EXISTS (SELECT FROM grants g WHERE g.client_id = c.id)
        LIMIT ${batch} FOR UPDATE SKIP LOCKED)
      RETURNING id`
    return rows.map(({ id }) => id)
  }

  return { countDocuments, noteReading, wasReadSince, removeUnused }
}

/** Where documents are closed, or a host is no longer named, clients that came by one are turned off with it. */
export function withDocumentRules<Store extends Pick<ClientStore, 'findForProtocol'>>(
  store: Store,
  rules: DocumentRules,
): Store {
  return {
    ...store,
    findForProtocol: async (id, now) => {
      const client = await store.findForProtocol(id, now)
      return client?.from_document && !isDocumentAddress(id, rules) ? { ...client, enabled: false } : client
    },
  }
}
