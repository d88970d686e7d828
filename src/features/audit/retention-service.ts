// Owns how long facts are kept: makes the months to come and drops those whose time is over. What was dropped is a
// fact as well, so that whoever verifies the chain knows from when on everything must be there.
import type { Clock } from '../../kernel/time.ts'
import type { Db } from '../../platform/postgres.ts'
import { keptFrom, monthOf, monthsNeeded } from './retention-policy.ts'
import type { RetentionStore } from './retention-store.ts'
import type { Audit } from './service.ts'

export type RetentionDeps = {
  db: Pick<Db, 'inTransaction'>
  store: RetentionStore
  audit: Pick<Audit, 'record'>
  clock: Clock
  retentionDays: number
}

export type Retention = ReturnType<typeof createRetention>

export function createRetention({ db, store, audit, clock, retentionDays }: RetentionDeps) {
  async function drop(parts: readonly string[], before: Date): Promise<void> {
    await db.inTransaction(async (tx) => {
      await store.drop(tx, parts, before)
      const details = { before: before.toISOString(), parts }
      await audit.record(tx, { type: 'audit.dropped', actor: { kind: 'system' }, details })
    })
  }

  /** Says which parts it dropped. */
  async function keep(): Promise<string[]> {
    const now = clock.now()
    const before = keptFrom(now, retentionDays)
    const { names, hasOldOthers, hasOldSeals, hasOldUnsealed } = await store.look(before)
    for (const month of monthsNeeded(now)) {
      if (names.includes(`audit_events_${month.name}`)) continue
      await db.inTransaction((tx) => store.addMonth(tx, month))
    }

    // What is not sealed yet would be gone without a trace
    if (hasOldUnsealed) return []
    const old = names.filter((name) => {
      const month = monthOf(name)
      return month !== undefined && month.to <= before
    })
    if (old.length > 0 || hasOldOthers) await drop(old, before)
    if (hasOldSeals) await store.dropSeals(before)
    return old
  }

  return { keep }
}
