// Owns what happens to artifacts outside a request of the protocol: ending an account's, and the sweep.
import type { Db, Tx } from '../../platform/postgres.ts'

/** Ends every session, token and half-done sign-in of an account, in the caller's transaction. */
export async function endAllOf(tx: Tx, accountId: string): Promise<void> {
  // First: a proof that is being redeemed at this moment is waited for, so that its session is there to be ended
  await tx.interaction.deleteMany({ where: { accountId } })
  await tx.session.deleteMany({ where: { accountId } })
  await tx.grant.deleteMany({ where: { accountId } })
}

// Batches keep each delete short, so that no lock is held for long and no request waits for the sweep.
const batch = 5_000

const sweeps = {
  artifacts: 'expires_at < $1::timestamptz',
  cross_device_requests: 'expires_at < $1::timestamptz',
  refresh_tokens: 'expires_at < $1::timestamptz',
  interactions: 'restart_until < $1::timestamptz',
  sessions: 'expires_at < $1::timestamptz',
  grants: 'expires_at < $1::timestamptz',
  rate_limits: 'expires_at < $1::timestamptz',
  account_tickets: 'expires_at < $1::timestamptz',
  recovery_links: 'expires_at < $1::timestamptz',
  email_challenges: 'expires_at < $1::timestamptz',
  email_confirmations: 'expires_at < $1::timestamptz',
  idempotency_keys: 'expires_at < $1::timestamptz',
} as const

/** Deletes expired rows, so that the tables stay as large as what is alive. Gives how many went. */
export async function sweepExpired(db: Db, now: Date): Promise<number> {
  let total = 0
  for (const [table, expired] of Object.entries(sweeps)) {
    let deleted: number
    do {
      const rows = await db.query<{ count: number }>({
        name: `sweep_${table}`,
        text: `WITH gone AS (DELETE FROM ${table} WHERE ctid IN
            (SELECT ctid FROM ${table} WHERE ${expired} LIMIT ${batch} FOR UPDATE SKIP LOCKED) RETURNING 1)
          SELECT count(*)::int AS count FROM gone`,
        values: [now],
      })
      deleted = rows[0]?.count ?? 0
      total += deleted
    } while (deleted === batch)
  }
  return total
}

/** Ends every grant that people gave a client, and with it its tokens, in the caller's transaction. */
export async function endAllOfClient(tx: Tx, clientId: string): Promise<void> {
  await tx.grant.deleteMany({ where: { clientId } })
}
