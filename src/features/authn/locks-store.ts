// Owns the SQL about failures in a row of one account. They are counted by the sign-in's own statement, in store.ts.
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Account } from '../accounts/schema.ts'
import { accountColumns } from '../accounts/store.ts'

export async function findFailures(db: Pick<Db, 'query'>, key: string): Promise<number> {
  const [row] = await db.query<{ failures: number }>({
    name: 'authn_failures',
    text: `SELECT failures FROM rate_limits WHERE key = $1::text`,
    values: [key],
  })
  return row?.failures ?? 0
}

/** An account with its failures, in one statement. */
export async function findWithFailures(db: Pick<Db, 'query'>, { id, key }: { id: string; key: string }) {
  const [row] = await db.query<Account & { failures: number }>({
    name: 'account_with_failures',
    text: `SELECT ${accountColumns}, coalesce(r.failures, 0) AS failures
      FROM accounts a LEFT JOIN rate_limits r ON r.key = $2::text WHERE a.id = $1::uuid`,
    values: [id, key],
  })
  if (!row) return null
  const { failures, ...account } = row
  return { account, failures }
}

/** Gives how many there were. */
export async function clearFailures(tx: Tx, key: string): Promise<number> {
  const [row] = await tx.$queryRaw<{ failures: number }[]>`
    UPDATE rate_limits r SET failures = 0
    FROM (SELECT key, failures FROM rate_limits WHERE key = ${key} FOR UPDATE) was
    WHERE r.key = was.key RETURNING was.failures`
  return row?.failures ?? 0
}
