// Owns the move of an account to another address: a code proves the new one, and both hear of it.
// How a code is compared and slowed down is features/challenges.
import { limits } from '../../config/limits.ts'
import { conflict, rateLimited } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { after, type Clock, minutes } from '../../kernel/time.ts'
import type { Limiter } from '../../platform/limiter.ts'
import { type Db, isUniqueViolation, type Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { Blocked, Challenge, Handle, Origin } from '../challenges/schema.ts'
import type { Challenges } from '../challenges/service.ts'
import { type Email, requireEmail } from './email.ts'
import type { EmailChangeStore } from './email-change-store.ts'
import type { SendMail } from './password-mail.ts'
import type { Account } from './schema.ts'
import type { Accounts } from './service.ts'
import type { AccountStore } from './store.ts'

export type EmailChangeDeps = {
  db: Pick<Db, 'inTransaction'>
  store: EmailChangeStore
  accounts: Pick<Accounts, 'get' | 'getActive' | 'findByIdentifier'>
  /** Its codes of this purpose have the cool-down of confirmations, counted for this account and this address. */
  challenges: Pick<Challenges, 'start' | 'tryCode' | 'spend' | 'mayMail'>
  accountStore: Pick<AccountStore, 'voidTickets'>
  limiter: Pick<Limiter, 'take'>
  sendMail: SendMail
  clock: Clock
  audit: Pick<Audit, 'record'>
  /** Where a mail to somebody who has an account already leads. */
  issuer: string
}

export type StartEmailChange = {
  accountId: string
  /** As it was when its person was recognised. */
  securityEpoch?: number
  email: string
  origin: Origin
  language: string
  appName?: string
  browserHash?: Uint8Array
}

export type StartedEmailChange = { id: string; flow: string; expiresAt: Date; resendAt: Date }

export type Confirmed =
  | { outcome: 'changed'; account: Account }
  | { outcome: 'wrong' }
  | Blocked
  | { outcome: 'gone' }

export type EmailChange = ReturnType<typeof createEmailChange>

export function createEmailChange(deps: EmailChangeDeps) {
  const { db, store, accounts, challenges, limiter, clock, audit } = deps

  /** Whether somebody else has the address is told to its mailbox alone. */
  async function start(input: StartEmailChange): Promise<StartedEmailChange> {
    const { origin } = input
    const email = requireEmail(input.email)
    const account = await accounts.getActive(input.accountId)
    // The address that is left hears of it, and whose it is nobody may have shown
    const taken = await limiter.take(
      [
        { name: 'mail.address', key: origin.addressPrefix },
        { name: 'email.change', key: account.emailCanonical },
      ],
      clock.now(),
    )
    if (!taken.allowed) throw rateLimited(taken.retryAfterSeconds)
    const owner = await accounts.findByIdentifier(email.canonical)
    const mails = await challenges.mayMail(email.canonical)

    return db.inTransaction(async (tx) => {
      const { id, flow, code, expiresAt, resendAt } = await challenges.start(tx, {
        purpose: 'change_email',
        email,
        // A code that nobody is mailed would only be there to be guessed, by each account anew.
        carries: mails ? 'code' : 'nothing',
        account: { id: account.id, securityEpoch: input.securityEpoch ?? account.securityEpoch },
        ...(input.browserHash && { browserHash: input.browserHash }),
      })
      const isFree = owner === null || owner.id === account.id
      if (mails) await mailIn(tx, { input, email, code: isFree ? code : null, expiresAt })
      await audit.record(tx, {
        type: mails ? 'mail.requested' : 'mail.withheld',
        ...actedBy(account.id, origin),
        details: { purpose: 'change_email' },
      })
      return { id, flow, expiresAt, resendAt }
    })
  }

  async function mailIn(
    tx: Tx,
    {
      input,
      email,
      code,
      expiresAt,
    }: { input: StartEmailChange; email: Email; code: string | null; expiresAt: Date },
  ): Promise<void> {
    const app = input.appName === undefined ? {} : { app: input.appName }
    const mail = { to: email.address, language: input.language, expiresAt, priority: 'auth' } as const
    if (code === null) {
      return deps.sendMail(tx, {
        ...mail,
        template: 'already_registered',
        values: { url: deps.issuer, ...app },
      })
    }
    const values = { code, minutes: String(limits.challengeMs / minutes(1)), ...app }
    return deps.sendMail(tx, { ...mail, template: 'code', values })
  }

  /** Of the account whose change it is: a code that somebody else asked for moves nobody. */
  async function confirm(
    handle: Handle,
    code: string,
    { accountId, origin }: { accountId: string; origin: Origin },
  ): Promise<Confirmed> {
    const tried = await challenges.tryCode(handle, code, { purpose: 'change_email', origin })
    if (tried.outcome !== 'right') return tried
    const { challenge } = tried
    if (challenge.accountId !== accountId || challenge.securityEpoch === null) return { outcome: 'wrong' }
    const before = await accounts.get(accountId)
    const moved = await move(before, { ...challenge, securityEpoch: challenge.securityEpoch }, origin)
    return moved ? { outcome: 'changed', account: await accounts.get(accountId) } : { outcome: 'gone' }
  }

  async function move(
    before: Account,
    challenge: Pick<Challenge, 'id' | 'email' | 'emailCanonical'> & { securityEpoch: number },
    origin: Origin,
  ): Promise<boolean> {
    const { id: challengeId, securityEpoch } = challenge
    const email = { address: challenge.email, canonical: challenge.emailCanonical }
    try {
      return await db.inTransaction(async (tx) => {
        const now = clock.now()
        if (!(await challenges.spend(tx, challengeId))) return false
        if (!(await store.move(tx, { id: before.id, securityEpoch, email, now }))) return false
        // What was mailed or handed to the address before, or proved by it, is void with it
        await store.endHalfDone(tx, before.id)
        await deps.accountStore.voidTickets(tx, { purpose: 'set_password', accountId: before.id, now })
        const about = { from: before.email, to: email.address }
        await audit.record(tx, { type: 'account.email_changed', ...actedBy(before.id, origin) })
        for (const to of [before.email, email.address]) {
          const expiresAt = after(now, limits.noticeMs)
          const language = before.locale ?? ''
          await deps.sendMail(tx, {
            to,
            language,
            template: 'email_changed',
            values: about,
            expiresAt,
            priority: 'notice',
          })
        }
        return true
      })
    } catch (cause) {
      // Somebody else confirmed the same address a moment before; this person reads its mail all the same
      if (isUniqueViolation(cause)) throw conflict('email_taken', cause)
      throw cause
    }
  }

  return { start, confirm }
}

function actedBy(accountId: string, { requestId, address }: Origin) {
  const actor: Actor = { kind: 'account', id: accountId }
  return { actor, accountId, requestId, address }
}
