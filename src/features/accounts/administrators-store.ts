// Owns who is told what concerns the whole installation.
import type { Tx } from '../../platform/postgres.ts'

export const listAdministrators = (tx: Tx): Promise<{ email: string; locale: string | null }[]> =>
  tx.account.findMany({
    where: { roles: { has: 'admin' }, status: 'active' },
    select: { email: true, locale: true },
    orderBy: { id: 'asc' },
  })
