// Owns the SQL that writes artifacts, one small part per row, composed by statement.ts.
// Each part that is no guard ends in a WHERE clause, to which the gate is added.
import { fromSeconds } from '../../kernel/time.ts'
import type { Write } from '../../platform/compose.ts'
import type { Payload } from './kinds.ts'
import { withoutId } from './kinds.ts'
import type { Origin } from './unit-of-work.ts'

const token = { guard: false, survivesRefusal: false } as const
const lasting = { guard: false, survivesRefusal: true } as const
const hex = (hash: Buffer) => hash.toString('base64')

/** Like insertArtifact for kinds that are saved more than once, such as device codes. */
export function updateArtifact(
  kind: string,
  hash: Buffer,
  { payload, expiresAt }: { payload: Payload; expiresAt: Date },
): Write {
  return {
    ...lasting,
    row: `artifact ${kind} ${hex(hash)}`,
    shape: 'artifact=',
    sql: (bind) => `UPDATE artifacts SET payload = ${bind(withoutId(payload), 'jsonb')},
        grant_id = ${bind(payload.grantId ?? null, 'text')}, expires_at = ${bind(expiresAt, 'timestamptz')}
      WHERE kind = ${bind(kind, 'text')} AND id_hash = ${bind(hash, 'bytea')}`,
  }
}

/** Adds what a person decided to a request that waits for it; one that was redeemed stays as it was. */
export function answerArtifact(kind: string, hash: Buffer, answer: Payload): Write {
  return {
    ...token,
    row: `artifact ${kind} ${hex(hash)}`,
    shape: 'artifact+=',
    sql: (bind) => `UPDATE artifacts SET payload = payload || ${bind(answer, 'jsonb')},
        grant_id = ${bind(answer.grantId ?? null, 'text')}
      WHERE kind = ${bind(kind, 'text')} AND id_hash = ${bind(hash, 'bytea')} AND consumed_at IS NULL`,
  }
}

/** Notes a value as ended. Two requests may say so at once, and both are right. */
export function insertEnded(kind: string, hash: Buffer, expiresAt: Date): Write {
  return {
    ...lasting,
    row: `artifact ${kind} ${hex(hash)}`,
    shape: 'artifact.',
    sql: (bind) => `INSERT INTO artifacts AS ended (kind, id_hash, payload, expires_at)
      VALUES (${bind(kind, 'text')}, ${bind(hash, 'bytea')}, '{}', ${bind(expiresAt, 'timestamptz')})
      ON CONFLICT (kind, id_hash) DO UPDATE SET expires_at = excluded.expires_at WHERE true`,
  }
}

export function deleteArtifact(kind: string, hash: Buffer): Write {
  return {
    ...lasting,
    row: `artifact ${kind} ${hex(hash)}`,
    shape: 'artifact-',
    sql: (bind) =>
      `DELETE FROM artifacts WHERE kind = ${bind(kind, 'text')} AND id_hash = ${bind(hash, 'bytea')}`,
  }
}

/** Spends a single-use artifact: the compare-and-set behind which everything it buys is written. */
export function spendArtifact(kind: string, hash: Buffer, now: Date): Write {
  return {
    guard: true,
    survivesRefusal: false,
    row: `artifact ${kind} ${hex(hash)}`,
    shape: 'artifact!',
    sql: (bind) => `UPDATE artifacts SET consumed_at = ${bind(now, 'timestamptz')}
      WHERE kind = ${bind(kind, 'text')} AND id_hash = ${bind(hash, 'bytea')} AND consumed_at IS NULL`,
  }
}

export type NewRefreshToken = {
  hash: Buffer
  familyId: string
  generation: number
  payload: Payload
  issuedAt: Date
  expiresAt: Date
}

export function insertRefreshToken({
  hash,
  familyId,
  generation,
  payload,
  issuedAt,
  expiresAt,
}: NewRefreshToken): Write {
  return {
    ...token,
    row: `refresh ${hex(hash)}`,
    shape: 'refresh+',
    sql: (bind) => `INSERT INTO refresh_tokens
        (id_hash, family_id, generation, grant_id, client_id, account_id, payload, issued_at, expires_at)
      SELECT ${bind(hash, 'bytea')}, ${bind(familyId, 'uuid')}, ${bind(generation, 'int')},
        ${bind(payload.grantId, 'text')}, ${bind(payload.clientId, 'text')}, ${bind(payload.accountId, 'uuid')},
        ${bind(withoutId(payload), 'jsonb')}, ${bind(issuedAt, 'timestamptz')}, ${bind(expiresAt, 'timestamptz')}
      WHERE true`,
  }
}

/** Spends the parent of a rotation and names its successor. */
export function spendRefreshToken(parent: Buffer, child: Buffer, now: Date): Write {
  return {
    guard: true,
    survivesRefusal: false,
    row: `refresh ${hex(parent)}`,
    shape: 'refresh!',
    sql: (
      bind,
    ) => `UPDATE refresh_tokens SET consumed_at = ${bind(now, 'timestamptz')}, replaced_by = ${bind(child, 'bytea')}
      WHERE id_hash = ${bind(parent, 'bytea')} AND consumed_at IS NULL`,
  }
}

/** The guard of a replay: the successor is still the one derived before, and still unused. */
export function holdUnusedChild(parent: Buffer, child: Buffer): Write {
  return {
    guard: true,
    survivesRefusal: false,
    row: `refresh ${hex(parent)}`,
    shape: 'refresh?',
    sql: (bind) => `UPDATE refresh_tokens SET consumed_at = NULL
      WHERE id_hash = ${bind(child, 'bytea')} AND consumed_at IS NULL
        AND EXISTS (SELECT 1 FROM refresh_tokens parent
          WHERE parent.id_hash = ${bind(parent, 'bytea')} AND parent.replaced_by = ${bind(child, 'bytea')})`,
  }
}

export function insertGrant(payload: Payload, id: string, now: Date): Write {
  return {
    ...token,
    row: `grant ${id}`,
    shape: 'grant+',
    sql: (bind) => `INSERT INTO grants (id, account_id, client_id, payload, created_at, expires_at)
      SELECT ${bind(id, 'text')}, ${bind(payload.accountId, 'uuid')}, ${bind(payload.clientId, 'text')},
        ${bind(withoutId(payload), 'jsonb')}, ${bind(now, 'timestamptz')}, ${bind(fromSeconds(payload.exp ?? 0), 'timestamptz')}
      WHERE true`,
  }
}

/** Never an upsert: a grant that was revoked meanwhile must not come back. */
export function updateGrant(payload: Payload, id: string): Write {
  return {
    ...token,
    row: `grant ${id}`,
    shape: 'grant=',
    sql: (bind) => `UPDATE grants SET payload = ${bind(withoutId(payload), 'jsonb')},
        expires_at = ${bind(fromSeconds(payload.exp ?? 0), 'timestamptz')}
      WHERE id = ${bind(id, 'text')}`,
  }
}

/** Ends everything that hangs on the grant: no token is good without it. */
export function deleteGrant(id: string): Write {
  return {
    ...lasting,
    row: `grant ${id}`,
    shape: 'grant-',
    sql: (bind) => `DELETE FROM grants WHERE id = ${bind(id, 'text')}`,
  }
}

/** The same as a guard: what stands behind it is written, and `tell` is done, by the one request that ends the grant. */
export function endGrantOnce(id: string, tell: NonNullable<Write['also']>): Write {
  return { ...deleteGrant(id), shape: 'grant!', guard: true, also: tell }
}

export type InteractionRow = {
  hash: Buffer
  clientId: string
  sealed: Buffer
  accountId: string | null
  grantId: string | null
  origin: Origin
  now: Date
  expiresAt: Date
  restartUntil: Date
}

export function insertInteraction(row: InteractionRow): Write {
  return {
    ...lasting,
    row: `interaction ${hex(row.hash)}`,
    shape: 'interaction+',
    sql: (
      bind,
    ) => `INSERT INTO interactions AS i (id_hash, client_id, browser_hash, sealed, account_id, grant_id,
        created_at, expires_at, restart_until)
      SELECT ${bind(row.hash, 'bytea')}, ${bind(row.clientId, 'text')}, ${bind(row.origin.browserHash ?? null, 'bytea')},
        ${bind(row.sealed, 'bytea')}, ${bind(row.accountId, 'uuid')}, ${bind(row.grantId, 'text')},
        ${bind(row.now, 'timestamptz')}, ${bind(row.expiresAt, 'timestamptz')}, ${bind(row.restartUntil, 'timestamptz')}
      WHERE true`,
  }
}

/** Keeps a running interaction's payload and the proofs given in it; a finished one stays as it was. */
export function updateInteraction(
  hash: Buffer,
  change: { sealed?: Buffer; attempt?: object; accountId: string | null; grantId: string | null },
): Write {
  const shape = `interaction=${change.sealed ? 's' : ''}${change.attempt ? 'a' : ''}`
  return {
    ...lasting,
    row: `interaction ${hex(hash)}`,
    shape,
    sql: (bind) => {
      const assignments = [
        `account_id = coalesce(${bind(change.accountId, 'uuid')}, account_id)`,
        `grant_id = coalesce(${bind(change.grantId, 'text')}, grant_id)`,
      ]
      if (change.sealed) assignments.push(`sealed = ${bind(change.sealed, 'bytea')}`)
      if (change.attempt) assignments.push(`attempt = ${bind(change.attempt, 'jsonb')}`)
      return `UPDATE interactions SET ${assignments.join(', ')}
        WHERE id_hash = ${bind(hash, 'bytea')} AND finished_at IS NULL`
    },
  }
}

/** An interaction is finished once: of two resumes at the same time one goes on. */
export function finishInteraction(hash: Buffer, now: Date): Write {
  return {
    guard: true,
    survivesRefusal: true,
    row: `interaction ${hex(hash)}`,
    shape: 'interaction!',
    sql: (bind) => `UPDATE interactions SET finished_at = ${bind(now, 'timestamptz')}
      WHERE id_hash = ${bind(hash, 'bytea')} AND finished_at IS NULL`,
  }
}
