// Owns the end of an account: marked and signed out at once, undone by a mailed link for 30 days, then erased.
import { limits } from '../../config/limits.ts'
import { conflict, gone } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { hashSecret, issueSecret } from '../../kernel/secrets.ts'
import { after, type Clock, days } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { OutboxMail } from '../outbox/schema.ts'
import type { DeletionStore } from './deletion-store.ts'
import type { Account } from './schema.ts'
import type { Accounts } from './service.ts'
import type { AccountStore } from './store.ts'

export type DeletionDeps = {
  db: Pick<Db, 'inTransaction'>
  store: DeletionStore
  accountStore: Pick<
    AccountStore,
    'changeStatus' | 'insertTicket' | 'redeemTicket' | 'findTicket' | 'voidTickets' | 'lockAdministrators'
  >
  accounts: Pick<Accounts, 'get'>
  clock: Clock
  audit: Pick<Audit, 'record'>
  /** What becomes of the teams of somebody who goes: features/teams. */
  ownership: {
    /** Refuses while others would be left behind in a team without an owner. */
    assertHandedOver: (tx: Tx, accountId: string) => Promise<void>
    lockOwned: (tx: Tx, accountId: string) => Promise<string[]>
    passOn: (tx: Tx, teamIds: readonly string[]) => Promise<void>
  }
  /** Ends every session and token of an account. */
  endAll: (tx: Tx, accountId: string) => Promise<void>
  sendMail: (tx: Tx, mail: OutboxMail) => Promise<void>
  issuer: string
}

/** Where a request came from, for the audit log. */
type From = { requestId?: string; address?: string }

export type Deletion = ReturnType<typeof createDeletion>

/** Accounts erased in one run of the job; the next minute takes the rest. */
const batch = 100
const noticeLifetimeMs = days(7)

export function createDeletion(deps: DeletionDeps) {
  const { db, store, accountStore, accounts, ownership, clock, audit } = deps

  /** Of the mail of a deletion. */
  function mailOf(account: Account, token: string, until: Date): OutboxMail {
    return {
      to: account.email,
      language: account.locale ?? '',
      template: 'deletion_scheduled',
      values: { url: `${deps.issuer}/account/restore?token=${token}`, until: until.toISOString() },
      expiresAt: after(clock.now(), noticeLifetimeMs),
      priority: 'notice',
    }
  }

  /** Gives until when it can be undone. Whoever was disabled before gets no link: coming back is not theirs to decide. */
  async function remove(actor: Actor, id: string, from: From = {}): Promise<{ until: Date }> {
    const before = await accounts.get(id)
    const now = clock.now()
    return db.inTransaction(async (tx) => {
      await ownership.assertHandedOver(tx, id)
      const administrators = await accountStore.lockAdministrators(tx)
      if (administrators.length === 1 && administrators[0] === id) throw conflict('last_administrator')
      const account = await accountStore.changeStatus(tx, id, {
        status: 'deleted',
        from: ['active', 'disabled'],
        now,
      })
      if (!account) return { until: after(before.deletedAt ?? now, limits.deletionGraceMs) }
      const until = after(now, limits.deletionGraceMs)
      await deps.endAll(tx, id)
      await accountStore.voidTickets(tx, { purpose: 'set_password', accountId: id, now })
      await audit.record(tx, { type: 'account.deleted', actor, accountId: id, ...from })
      if (before.status === 'active' && !before.system) await offerReturn(tx, account, until)
      return { until }
    })
  }

  async function offerReturn(tx: Tx, account: Account, until: Date): Promise<void> {
    const { secret, hash } = issueSecret('foyer_link')
    const { id: accountId } = account
    await accountStore.insertTicket(tx, {
      idHash: hash,
      purpose: 'restore',
      accountId,
      now: clock.now(),
      expiresAt: until,
    })
    await deps.sendMail(tx, mailOf(account, secret, until))
  }

  /** Whether a link is good, without spending it: previews of mail open links too. */
  async function isReturnTicket(token: string): Promise<boolean> {
    return (await accountStore.findTicket(hashSecret(token), clock.now()))?.purpose === 'restore'
  }

  async function restoreIn(tx: Tx, actor: Actor, accountId: string, from: From): Promise<Account> {
    const now = clock.now()
    const account = await accountStore.changeStatus(tx, accountId, {
      status: 'active',
      from: ['deleted'],
      now,
    })
    if (!account) throw gone('link_spent')
    await accountStore.voidTickets(tx, { purpose: 'restore', accountId, now })
    await audit.record(tx, { type: 'account.restored', actor, accountId, ...from })
    await deps.sendMail(tx, {
      to: account.email,
      language: account.locale ?? '',
      template: 'account_restored',
      values: {},
      expiresAt: after(now, noticeLifetimeMs),
      priority: 'notice',
    })
    return account
  }

  /** For administrators, who need no link. */
  const restore = (actor: Actor, id: string, from: From = {}): Promise<Account> =>
    db.inTransaction((tx) => restoreIn(tx, actor, id, from))

  /** Unknown, expired and used links alike. */
  async function restoreByTicket(token: string, from: From = {}): Promise<Account> {
    return db.inTransaction(async (tx) => {
      const redeemed = await accountStore.redeemTicket(tx, hashSecret(token), clock.now())
      // Thrown inside the transaction: a link used at the wrong door is not spent.
      if (redeemed?.purpose !== 'restore' || redeemed.accountId === null) throw gone('link_spent')
      return restoreIn(tx, { kind: 'account', id: redeemed.accountId }, redeemed.accountId, from)
    })
  }

  /** Gives how many were erased. */
  async function eraseDue(): Promise<number> {
    const deletedBy = after(clock.now(), -limits.deletionGraceMs)
    let erased = 0
    for (const id of await store.listDue(deletedBy, batch)) {
      const done = await db.inTransaction(async (tx) => {
        const teams = await ownership.lockOwned(tx, id)
        if (!(await store.erase(tx, id, deletedBy))) return false
        await ownership.passOn(tx, teams)
        await deps.endAll(tx, id)
        await audit.record(tx, { type: 'account.erased', actor: { kind: 'system' }, accountId: id })
        return true
      })
      if (done) erased += 1
    }
    return erased
  }

  return { remove, isReturnTicket, restore, restoreByTicket, eraseDue }
}
