// Owns how the parts of the audit log fit together: facts are recorded, sealed behind their writers, told, verified, and kept for their time.
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Listener } from '../../platform/listener.ts'
import type { Db } from '../../platform/postgres.ts'
import { createChainStore } from './chain-store.ts'
import { createFeed } from './feed-service.ts'
import { createFeedStore } from './feed-store.ts'
import { createRetention } from './retention-service.ts'
import { createRetentionStore } from './retention-store.ts'
import { createSealStore } from './seal-store.ts'
import { createSealing } from './sealing-service.ts'
import { createAudit } from './service.ts'
import { createVerification } from './verification-service.ts'

export type AuditLogDeps = {
  db: Db
  clock: Clock
  listener: Pick<Listener, 'on' | 'onUp'>
  config: Pick<Config, 'auditRetentionDays'>
}

export function createAuditLog({ db, clock, listener, config }: AuditLogDeps) {
  const audit = createAudit({ db, clock })
  const retention = { db, clock, audit, store: createRetentionStore(db) }
  return {
    audit,
    auditRetention: createRetention({ ...retention, retentionDays: config.auditRetentionDays }),
    sealing: createSealing({ store: createSealStore(db) }),
    feed: createFeed({ store: createFeedStore(db), listener }),
    auditChain: createVerification({ store: createChainStore(db), clock }),
  }
}

export type AuditLog = ReturnType<typeof createAuditLog>
