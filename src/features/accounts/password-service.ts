// Owns what a signed-in person does with their password: change it, set a first one, take it off.
// Forgotten ones are recovery-service.ts; what a password must look like is password-policy.ts.
import { conflict, notFound, rateLimited } from '../../kernel/errors.ts'
import type { Actor, EventType } from '../../kernel/events.ts'
import { after, type Clock, seconds } from '../../kernel/time.ts'
import type { Limiter, LimitKey, Taken } from '../../platform/limiter.ts'
import type { Passwords } from '../../platform/passwords.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { Blocked, Origin } from '../challenges/schema.ts'
import { noticeOf, type SendMail } from './password-mail.ts'
import type { Holder, PasswordStore } from './password-store.ts'
import type { Account } from './schema.ts'
import type { Accounts } from './service.ts'
import type { AccountStore } from './store.ts'

export type PasswordChangeDeps = {
  db: Pick<Db, 'inTransaction'>
  store: PasswordStore
  accounts: Pick<Accounts, 'get' | 'hashNew'>
  accountStore: Pick<AccountStore, 'voidTickets' | 'forgetFailures'>
  passwords: Pick<Passwords, 'verify'>
  limiter: Pick<Limiter, 'take' | 'refund'>
  sendMail: SendMail
  clock: Clock
  audit: Pick<Audit, 'record' | 'recordAlone'>
  /** Ends every other session, and every token that does not hang on the one that is kept. */
  endOthers: (tx: Tx, accountId: string, keepSessionUid: string | undefined) => Promise<unknown>
}

/** Who stays signed in: the session in which this happens. */
export type Keep = { keepSessionUid?: string | undefined }

export type Changed =
  | { outcome: 'changed'; account: Account }
  /** The password before was another one, or there was none. */
  | { outcome: 'wrong' }
  | Blocked

export type PasswordChange = ReturnType<typeof createPasswordChange>

export function createPasswordChange(deps: PasswordChangeDeps) {
  const { db, store, accounts, passwords, limiter, clock, audit } = deps

  async function holderOf(accountId: string): Promise<Holder> {
    const holder = await store.findHolder(accountId)
    if (!holder) throw notFound('account_not_found')
    return holder
  }

  /**
   * Guesses are limited as at the sign-in of a known device, apart from it: strangers who fail there keep nobody
   * from changing a password, and whoever holds a stolen session gets ten guesses and no more.
   */
  const keysOf = (accountId: string, { addressPrefix }: Origin): LimitKey[] => [
    { name: 'login.address', key: addressPrefix },
    { name: 'login.device', key: `${accountId}:change` },
  ]

  /** Each change is told to the address by mail, which may be somebody else's: right passwords are limited too. */
  const changeOf = ({ emailCanonical }: Holder): LimitKey[] => [
    { name: 'password.change', key: emailCanonical },
  ]

  /** A full hash queue compares nothing, and a password that is refused changes nothing. */
  const orRefund =
    (keys: LimitKey[]) =>
    async (error: unknown): Promise<never> => {
      await limiter.refund(keys)
      throw error
    }

  async function changePassword(
    accountId: string,
    { current, next }: { current: string; next: string },
    { origin, keepSessionUid }: { origin: Origin } & Keep,
  ): Promise<Changed> {
    const keys = keysOf(accountId, origin)
    const taken = await limiter.take(keys, clock.now())
    if (!taken.allowed) return block(accountId, origin, taken)

    const holder = await holderOf(accountId)
    const { ok } = await passwords.verify(holder.passwordHash, current).catch(orRefund(keys))
    if (!ok) {
      await recordRefusal('authn.failed', accountId, origin)
      return { outcome: 'wrong' }
    }
    await limiter.refund(keys)
    const change = changeOf(holder)
    const mayChange = await limiter.take(change, clock.now())
    if (!mayChange.allowed) return block(accountId, origin, mayChange)
    const passwordHash = await accounts.hashNew(holder, next).catch(orRefund(change))
    const type = 'account.password_changed'
    return {
      outcome: 'changed',
      account: await setNew(holder, passwordHash, { origin, keepSessionUid, type }),
    }
  }

  async function block(
    accountId: string,
    origin: Origin,
    { retryAfterSeconds }: Pick<Taken, 'retryAfterSeconds'>,
  ): Promise<Blocked> {
    await recordRefusal('authn.limited', accountId, origin)
    return {
      outcome: 'blocked',
      retryAfterSeconds,
      retryAt: after(clock.now(), seconds(retryAfterSeconds)),
    }
  }

  /** For those who came by mail so far: nothing else tells a stranger who was here when the owner came. */
  async function setFirstPassword(
    accountId: string,
    password: string,
    { origin, keepSessionUid, securityEpoch }: { origin: Origin; securityEpoch?: number } & Keep,
  ): Promise<Account> {
    const found = await holderOf(accountId)
    if (found.passwordHash !== null) throw conflict('password_exists')
    const holder = { ...found, ...(securityEpoch !== undefined && { securityEpoch }) }
    const passwordHash = await accounts.hashNew(holder, password)
    return setNew(holder, passwordHash, { origin, keepSessionUid, type: 'account.password_set' })
  }

  async function setNew(
    holder: Holder,
    passwordHash: string,
    { origin, keepSessionUid, type }: { origin: Origin; type: EventType } & Keep,
  ): Promise<Account> {
    await db.inTransaction(async (tx) => {
      if (!(await store.replace(tx, holder, { passwordHash, now: clock.now() }))) {
        throw conflict('account_changed_meanwhile')
      }
      await afterwardsIn(tx, holder, { origin, keepSessionUid, type })
    })
    return accounts.get(holder.id)
  }

  /** Only for whom mail signs in: nobody takes away their own last way in. */
  async function removePassword(
    accountId: string,
    { origin, keepSessionUid }: { origin: Origin } & Keep,
  ): Promise<Account> {
    const holder = await holderOf(accountId)
    const taken = await limiter.take(changeOf(holder), clock.now())
    if (!taken.allowed) throw rateLimited(taken.retryAfterSeconds)
    await db.inTransaction(async (tx) => {
      if (!(await store.remove(tx, accountId, clock.now()))) throw conflict('password_needed')
      await afterwardsIn(tx, holder, { origin, keepSessionUid, type: 'account.password_removed' })
    })
    return accounts.get(accountId)
  }

  /** Whoever was signed in elsewhere is not any more, mailed links are void, and the person hears of it. */
  async function afterwardsIn(
    tx: Tx,
    holder: Holder,
    { origin, keepSessionUid, type }: { origin: Origin; type: EventType } & Keep,
  ): Promise<void> {
    const now = clock.now()
    await deps.endOthers(tx, holder.id, keepSessionUid)
    await deps.accountStore.voidTickets(tx, { purpose: 'set_password', accountId: holder.id, now })
    await deps.accountStore.forgetFailures(tx, holder.id)
    await audit.record(tx, { type, ...actedBy(holder.id, origin) })
    const template = type === 'account.password_removed' ? 'password_removed' : 'password_changed'
    await deps.sendMail(tx, noticeOf(holder, { origin, now, template }))
  }

  const recordRefusal = (type: EventType, accountId: string, origin: Origin): Promise<void> =>
    audit.recordAlone({ type, ...actedBy(accountId, origin), details: { at: 'password_change' } })

  return { changePassword, setFirstPassword, removePassword }
}

function actedBy(accountId: string, { requestId, address }: Origin) {
  const actor: Actor = { kind: 'account', id: accountId }
  return { actor, accountId, requestId, address }
}
