// Owns whether an account's password is off: after a hundred failures in a row from devices it does not know (NIST SP
// 800-63B-4 §3.2.2) it counts on known ones alone, until its owner proves the address or an administrator says so.
import { limits } from '../../config/limits.ts'
import { notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { isId } from '../../kernel/secrets.ts'
import { limitRow } from '../../platform/limiter.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Account } from '../accounts/schema.ts'
import type { Audit } from '../audit/service.ts'
import { clearFailures, findFailures, findWithFailures } from './locks-store.ts'

export type LocksDeps = {
  db: Pick<Db, 'query' | 'inTransaction'>
  audit: Pick<Audit, 'record'>
}

export type Locks = ReturnType<typeof createLocks>

const rowOf = (accountId: string): string => limitRow({ name: 'login.account', key: accountId })

const areTooMany = (failures: number): boolean => failures >= limits.passwordFailuresInARow

export function createLocks({ db, audit }: LocksDeps) {
  const isLocked = async (accountId: string): Promise<boolean> =>
    areTooMany(await findFailures(db, rowOf(accountId)))

  /** An account with whether its password is off. */
  async function get(accountId: string): Promise<{ account: Account; isLocked: boolean }> {
    const found = isId(accountId)
      ? await findWithFailures(db, { id: accountId, key: rowOf(accountId) })
      : null
    if (!found) throw notFound('account_not_found')
    return { account: found.account, isLocked: areTooMany(found.failures) }
  }

  /** The wait between two guesses stays as it is. */
  async function unlock(actor: Actor, accountId: string): Promise<void> {
    await db.inTransaction(async (tx) => {
      const before = await clearFailures(tx, rowOf(accountId))
      if (!areTooMany(before)) return
      await audit.record(tx, { type: 'account.unlocked', actor, accountId })
    })
  }

  return { isLocked, get, unlock }
}
