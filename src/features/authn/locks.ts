// Owns whether an account's password is off: after a hundred failures in a row from devices it does not know (NIST SP
// 800-63B-4 §3.2.2) it counts on known ones alone, until its owner proves the address or an administrator says so.
import { limits } from '../../config/limits.ts'
import type { Actor } from '../../kernel/events.ts'
import { limitRow } from '../../platform/limiter.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import { clearFailures, findFailures } from './locks-store.ts'

export type LocksDeps = {
  db: Pick<Db, 'query' | 'inTransaction'>
  audit: Pick<Audit, 'record'>
}

export type Locks = ReturnType<typeof createLocks>

const rowOf = (accountId: string): string => limitRow({ name: 'login.account', key: accountId })

export function createLocks({ db, audit }: LocksDeps) {
  const isLocked = async (accountId: string): Promise<boolean> =>
    (await findFailures(db, rowOf(accountId))) >= limits.passwordFailuresInARow

  /** The wait between two guesses stays as it is. */
  async function unlock(actor: Actor, accountId: string): Promise<void> {
    await db.inTransaction(async (tx) => {
      const before = await clearFailures(tx, rowOf(accountId))
      if (before < limits.passwordFailuresInARow) return
      await audit.record(tx, { type: 'account.unlocked', actor, accountId })
    })
  }

  return { isLocked, unlock }
}
