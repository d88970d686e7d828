// Owns one-time links that let someone set a first password: an operator's invitation, and the claim of a new
// installation by its first administrator. They work once, for a day, and rest as hashes.
import { conflict, gone } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { hashSecret, issueSecret } from '../../kernel/secrets.ts'
import { after, type Clock, hours } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { isUniqueViolation } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { Account } from './schema.ts'
import { type Accounts, holderOf } from './service.ts'
import type { AccountStore, Redeemed, TicketPurpose } from './store.ts'

export type TicketsDeps = {
  db: Pick<Db, 'inTransaction'>
  store: AccountStore
  accounts: Pick<Accounts, 'get' | 'prepare' | 'insertIn' | 'hashNew' | 'setPasswordIn'>
  clock: Clock
  audit: Pick<Audit, 'record'>
}

export type NewTicket =
  | { purpose: 'claim'; ttlMs?: number }
  | { purpose: 'set_password'; accountId: string; ttlMs?: number }
export type IssuedTicket = { token: string; expiresAt: Date }
/** `email`: whose password it is for, where that is known. */
export type ReadTicket = { purpose: NewTicket['purpose']; accountId: string | null; email: string | null }
export type Tickets = ReturnType<typeof createTickets>

const lifetimeMs = hours(24)
const stranger: Actor = { kind: 'stranger' }
/** Unknown, expired and used alike. */
const linkSpent = () => gone('link_spent')

export function createTickets({ db, store, accounts, clock, audit }: TicketsDeps) {
  /** The newest link is the only one: older ones of the same kind die with its making. */
  async function issueTicket(ticket: NewTicket): Promise<IssuedTicket> {
    const { secret, hash } = issueSecret('foyer_link')
    const now = clock.now()
    const expiresAt = after(now, ticket.ttlMs ?? lifetimeMs)
    const accountId = ticket.purpose === 'set_password' ? ticket.accountId : null
    await db.inTransaction(async (tx) => {
      await store.voidTickets(tx, { purpose: ticket.purpose, accountId, now })
      await store.insertTicket(tx, { idHash: hash, purpose: ticket.purpose, accountId, now, expiresAt })
    })
    return { token: secret, expiresAt }
  }

  /** What a link is for, without spending it: previews of mail open links too. */
  async function readTicket(token: string): Promise<ReadTicket> {
    const found = await store.findTicket(hashSecret(token), clock.now())
    // The way back from a deletion is deletion-service.ts
    if (!found || found.purpose === 'restore') throw linkSpent()
    const { purpose, accountId } = found
    return { purpose, accountId, email: accountId === null ? null : (await accounts.get(accountId)).email }
  }

  async function redeemTicket(tx: Tx, token: string, purpose: TicketPurpose): Promise<Redeemed> {
    const redeemed = await store.redeemTicket(tx, hashSecret(token), clock.now())
    // Thrown inside the transaction: a link used at the wrong door is not spent.
    if (redeemed?.purpose !== purpose) throw linkSpent()
    return redeemed
  }

  /** The link and the password change in one commit; a refused password leaves the link usable. */
  async function setPasswordByTicket(token: string, password: string): Promise<Account> {
    const { purpose, accountId } = await readTicket(token)
    if (purpose !== 'set_password' || accountId === null) throw linkSpent()
    const passwordHash = await accounts.hashNew(holderOf(await accounts.get(accountId)), password)

    return db.inTransaction(async (tx) => {
      await redeemTicket(tx, token, 'set_password')
      const actor: Actor = { kind: 'account', id: accountId }
      return accounts.setPasswordIn(tx, actor, { accountId, passwordHash })
    })
  }

  /** The first administrator; afterwards nobody can be one this way. */
  async function claimInstance(
    token: string,
    person: { email: string; password: string; name?: string },
  ): Promise<Account> {
    if ((await readTicket(token)).purpose !== 'claim') throw linkSpent()
    // Whoever reads the log of this installation is its operator, whatever becomes of the address
    const prepared = await accounts.prepare({ ...person, roles: ['admin'], vouched: true })

    try {
      return await db.inTransaction(async (tx) => {
        await redeemTicket(tx, token, 'claim')
        if (await store.hasAdministrator(tx)) throw linkSpent()
        const account = await accounts.insertIn(tx, stranger, prepared)
        await audit.record(tx, { type: 'instance.claimed', actor: stranger, accountId: account.id })
        return account
      })
    } catch (cause) {
      if (isUniqueViolation(cause)) throw conflict('email_taken', cause)
      throw cause
    }
  }

  /** Whether nobody administers this installation yet. */
  const isUnclaimed = (): Promise<boolean> =>
    db.inTransaction(async (tx) => !(await store.hasAdministrator(tx)))

  return { issueTicket, readTicket, redeemTicket, setPasswordByTicket, claimInstance, isUnclaimed }
}
