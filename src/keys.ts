// The composition root of signing keys. No logic here.
import type { Config } from './config/schema.ts'
import { createKeyChanges } from './features/artifacts/key-changes.ts'
import { createSigningKeyStore } from './features/artifacts/signing-keys.ts'
import type { Audit } from './features/audit/service.ts'
import { type Clock, days } from './kernel/time.ts'
import { createKeyImport } from './oidc/key-import.ts'
import { createKeyRotation } from './oidc/key-rotation.ts'
import type { Db } from './platform/postgres.ts'
import type { Sealer } from './platform/sealer.ts'

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
  return { signingKeys, keyRotation, keyImport: createKeyImport(changing) }
}
