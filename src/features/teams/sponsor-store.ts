// Owns the statements about whoever stands behind an invitation or a join code.
import type { Tx } from '../../platform/postgres.ts'

export async function findEpoch(tx: Tx, accountId: string): Promise<number | null> {
  const row = await tx.account.findUnique({ where: { id: accountId }, select: { securityEpoch: true } })
  return row?.securityEpoch ?? null
}

export async function isClientThere(tx: Tx, id: string): Promise<boolean> {
  return (await tx.client.findFirst({ where: { id, enabled: true }, select: { id: true } })) !== null
}
