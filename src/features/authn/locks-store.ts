// Owns the SQL about failures in a row of one account. They are counted by the sign-in's own statement, in store.ts.
import type { Db, Tx } from '../../platform/postgres.ts'

export async function findFailures(db: Pick<Db, 'query'>, key: string): Promise<number> {
  const [row] = await db.query<{ failures: number }>({
    name: 'authn_failures',
    text: `SELECT failures FROM rate_limits WHERE key = $1::text`,
    values: [key],
  })
  return row?.failures ?? 0
}

/** Gives how many there were. */
export async function clearFailures(tx: Tx, key: string): Promise<number> {
  const [row] = await tx.$queryRaw<{ failures: number }[]>`
    UPDATE rate_limits r SET failures = 0
    FROM (SELECT key, failures FROM rate_limits WHERE key = ${key} FOR UPDATE) was
    WHERE r.key = was.key RETURNING was.failures`
  return row?.failures ?? 0
}
