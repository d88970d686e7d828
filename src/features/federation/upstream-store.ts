// Owns the rows of upstreams.
import type { Upstream as UpstreamModel } from '../../generated/prisma/client.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Upstream } from './schema.ts'

/** What is absent stays. */
export type UpstreamRow = Partial<Omit<Upstream, 'id' | 'hasSecret' | 'createdAt'>> & {
  sealedSecret?: Buffer | null
}
export type NewUpstreamRow = Omit<Upstream, 'hasSecret'> & { sealedSecret: Buffer | null }

export type UpstreamStore = ReturnType<typeof createUpstreamStore>

export function createUpstreamStore(db: Pick<Db, 'prisma'>) {
  async function list({ after, take }: { after?: string; take: number }): Promise<Upstream[]> {
    const where = after === undefined ? {} : { id: { gt: after } }
    const rows = await db.prisma.upstream.findMany({ where, orderBy: { id: 'asc' }, take })
    return rows.map(present)
  }

  async function find(id: string): Promise<Upstream | null> {
    const row = await db.prisma.upstream.findUnique({ where: { id } })
    return row && present(row)
  }

  /** Changes of one upstream wait for each other here. */
  async function lock(tx: Tx, id: string): Promise<Upstream | null> {
    await tx.$queryRaw`SELECT 1 FROM upstreams WHERE id = ${id}::uuid FOR UPDATE`
    const row = await tx.upstream.findUnique({ where: { id } })
    return row && present(row)
  }

  async function insert(tx: Tx, { sealedSecret, ...row }: NewUpstreamRow): Promise<Upstream> {
    return present(await tx.upstream.create({ data: { ...row, sealedSecret: bytesOf(sealedSecret) } }))
  }

  async function update(tx: Tx, id: string, { sealedSecret, ...row }: UpstreamRow): Promise<Upstream> {
    const secret = sealedSecret === undefined ? {} : { sealedSecret: bytesOf(sealedSecret) }
    return present(await tx.upstream.update({ where: { id }, data: { ...row, ...secret } }))
  }

  async function remove(tx: Tx, id: string): Promise<boolean> {
    return (await tx.upstream.deleteMany({ where: { id } })).count === 1
  }

  return { list, find, lock, insert, update, remove }
}

const bytesOf = (sealed: Buffer | null) => sealed && new Uint8Array(sealed)

const present = ({ sealedSecret, ...row }: UpstreamModel): Upstream => ({
  ...row,
  hasSecret: sealedSecret !== null,
})
