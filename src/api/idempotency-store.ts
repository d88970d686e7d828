// Owns the rows of idempotency keys. One conditional insert decides which of several requests runs.
import type { Db } from '../platform/postgres.ts'

export type KeptAnswer = { fingerprint: Buffer; sealed: Buffer | null }
export type IdempotencyStore = ReturnType<typeof createIdempotencyStore>

type Claim = { keyHash: Buffer; fingerprint: Buffer; now: Date; until: Date }

export function createIdempotencyStore(db: Pick<Db, 'query'>) {
  /** Whether the key is the caller's now: it was unknown, or what was kept of it is over. */
  async function claim({ keyHash, fingerprint, now, until }: Claim): Promise<boolean> {
    const rows = await db.query({
      name: 'idempotency_claim',
      text: `INSERT INTO idempotency_keys AS k (key_hash, fingerprint, expires_at) VALUES ($1, $2, $3::timestamptz)
        ON CONFLICT (key_hash) DO UPDATE SET
          fingerprint = excluded.fingerprint, sealed = NULL, expires_at = excluded.expires_at
        WHERE k.expires_at <= $4::timestamptz
        RETURNING 1`,
      values: [keyHash, fingerprint, until, now],
    })
    return rows.length === 1
  }

  async function find(keyHash: Buffer): Promise<KeptAnswer | null> {
    const [row] = await db.query<KeptAnswer>({
      name: 'idempotency_find',
      text: 'SELECT fingerprint, sealed FROM idempotency_keys WHERE key_hash = $1',
      values: [keyHash],
    })
    return row ?? null
  }

  async function keep(keyHash: Buffer, { sealed, until }: { sealed: Buffer; until: Date }): Promise<void> {
    await db.query({
      name: 'idempotency_keep',
      text: `UPDATE idempotency_keys SET sealed = $2, expires_at = $3::timestamptz
        WHERE key_hash = $1 AND sealed IS NULL`,
      values: [keyHash, sealed, until],
    })
  }

  async function release(keyHash: Buffer): Promise<void> {
    await db.query({
      name: 'idempotency_release',
      text: 'DELETE FROM idempotency_keys WHERE key_hash = $1 AND sealed IS NULL',
      values: [keyHash],
    })
  }

  return { claim, find, keep, release }
}
