// Owns the writing of new artifacts: as part of what a request writes, or together with those of other requests.
import type { Write } from '../../platform/compose.ts'
import { gather } from '../../platform/gather.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Payload } from './kinds.ts'
import { withoutId } from './kinds.ts'

const mostTogether = 64

export type ArtifactRow = { kind: string; hash: Buffer; payload: Payload; expiresAt: Date }

/** A write that may be all that a request has to write, as of a client's own token. */
export type ArtifactWrite = Write & { artifact?: ArtifactRow }

export function insertArtifact(
  kind: string,
  hash: Buffer,
  { payload, expiresAt }: { payload: Payload; expiresAt: Date },
): ArtifactWrite {
  return {
    guard: false,
    survivesRefusal: false,
    artifact: { kind, hash, payload, expiresAt },
    row: `artifact ${kind} ${hash.toString('base64')}`,
    shape: 'artifact+',
    sql: (bind) => `INSERT INTO artifacts (kind, id_hash, grant_id, client_id, payload, expires_at)
      SELECT ${bind(kind, 'text')}, ${bind(hash, 'bytea')}, ${bind(payload.grantId ?? null, 'text')},
        ${bind(payload.clientId ?? null, 'text')}, ${bind(withoutId(payload), 'jsonb')}, ${bind(expiresAt, 'timestamptz')}
      WHERE true`,
  }
}

/** Writes a new artifact that depends on nothing else, together with those of other requests. */
export function createKeepArtifact(db: Db): (row: ArtifactRow) => Promise<void> {
  return gather<ArtifactRow, void>(
    async (rows) => {
      await db.query({
        name: 'insert_artifacts',
        text: `INSERT INTO artifacts (kind, id_hash, grant_id, client_id, payload, expires_at)
          SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[])`,
        values: [
          rows.map(({ kind }) => kind),
          rows.map(({ hash }) => hash),
          rows.map(({ payload }) => payload.grantId ?? null),
          rows.map(({ payload }) => payload.clientId ?? null),
          rows.map(({ payload }) => JSON.stringify(withoutId(payload))),
          rows.map(({ expiresAt }) => expiresAt),
        ],
      })
      return rows.map(() => undefined)
    },
    { most: mostTogether },
  )
}
