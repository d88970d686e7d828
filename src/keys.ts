// The composition root of keys: those that sign, and what rests under the key-encryption key. No logic here.
import type { Config } from './config/schema.ts'
import { createKeyChanges } from './features/artifacts/key-changes.ts'
import { createSigningKeyStore } from './features/artifacts/signing-keys.ts'
import type { Audit } from './features/audit/service.ts'
import { type Clock, days } from './kernel/time.ts'
import { createKeyImport } from './oidc/key-import.ts'
import { createKeyRotation } from './oidc/key-rotation.ts'
import type { Db } from './platform/postgres.ts'
import { createReseal, type SealedColumn } from './platform/reseal.ts'
import type { Sealer } from './platform/sealer.ts'

/** Everything that rests sealed, besides waiting mails. A test holds this list against the database. */
export const sealedColumns: readonly SealedColumn[] = [
  { table: 'instance', key: 'id', column: 'derivation_root' },
  { table: 'idempotency_keys', key: 'key_hash', keyIs: 'bytes', column: 'sealed' },
  { table: 'interactions', key: 'id_hash', keyIs: 'bytes', column: 'sealed' },
  { table: 'signing_keys', key: 'kid', column: 'sealed' },
  { table: 'email_challenges', key: 'id', column: 'sealed' },
  { table: 'team_join_codes', key: 'id', column: 'sealed' },
  { table: 'cross_device_requests', key: 'id', column: 'sealed' },
  { table: 'upstreams', key: 'id', column: 'sealed_secret' },
  { table: 'webhooks', key: 'id', column: 'sealed' },
  { table: 'webhooks', key: 'id', column: 'old_sealed', sealedAs: 'sealed' },
]

export type KeysDeps = { config: Config; db: Db; clock: Clock; sealer: Sealer; audit: Audit }

export function createKeys({ config, db, clock, sealer, audit }: KeysDeps) {
  const signingKeys = createSigningKeyStore({ db, sealer })
  const changing = {
    db,
    store: signingKeys,
    changes: createKeyChanges({ sealer }),
    audit,
    clock,
    accessTokenTtlSeconds: config.accessTokenTtlSeconds,
  }
  const keyRotation = createKeyRotation({ ...changing, ageMs: days(config.keyRotationDays) })
  return {
    signingKeys,
    keyRotation,
    keyImport: createKeyImport(changing),
    reseal: createReseal({ db, sealer, columns: sealedColumns }),
  }
}
