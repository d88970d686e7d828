// Owns how the parts of the audit log fit together: facts are recorded, sealed behind their writers, told, and verified.
import type { Clock } from '../../kernel/time.ts'
import type { Listener } from '../../platform/listener.ts'
import type { Db } from '../../platform/postgres.ts'
import { createChainStore } from './chain-store.ts'
import { createFeed } from './feed-service.ts'
import { createFeedStore } from './feed-store.ts'
import { createSealStore } from './seal-store.ts'
import { createSealing } from './sealing-service.ts'
import { createAudit } from './service.ts'
import { createVerification } from './verification-service.ts'

export type AuditLogDeps = { db: Db; clock: Clock; listener: Pick<Listener, 'on' | 'onUp'> }

export function createAuditLog({ db, clock, listener }: AuditLogDeps) {
  return {
    audit: createAudit({ db, clock }),
    sealing: createSealing({ store: createSealStore(db) }),
    feed: createFeed({ store: createFeedStore(db), listener }),
    auditChain: createVerification({ store: createChainStore(db) }),
  }
}

export type AuditLog = ReturnType<typeof createAuditLog>
