// Owns recovery: one mail with a code and a link, and the new password that either of them lets its reader choose.
// Codes are compared by features/challenges; what a password must look like is password-policy.ts.
import { limits } from '../../config/limits.ts'
import { gone, rateLimited } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { hashSecret, issueSecret, newId } from '../../kernel/secrets.ts'
import { after, type Clock, minutes } from '../../kernel/time.ts'
import type { Limiter } from '../../platform/limiter.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import { maskEmail } from '../challenges/policy.ts'
import type { Blocked, Handle, Origin } from '../challenges/schema.ts'
import type { Challenges } from '../challenges/service.ts'
import { parseEmail, requireEmail } from './email.ts'
import { noticeOf, type SendMail } from './password-mail.ts'
import type { Recoverable, RecoveryStore } from './recovery-store.ts'
import type { Account } from './schema.ts'
import { type Accounts, holderOf } from './service.ts'
import type { AccountStore } from './store.ts'

export type RecoveryDeps = {
  db: Pick<Db, 'inTransaction'>
  store: RecoveryStore
  accounts: Pick<Accounts, 'get' | 'hashNew'>
  accountStore: Pick<AccountStore, 'voidTickets' | 'forgetFailures'>
  challenges: Pick<Challenges, 'start' | 'resend' | 'tryCode' | 'spend' | 'mayMail'>
  limiter: Pick<Limiter, 'take'>
  sendMail: SendMail
  clock: Clock
  audit: Pick<Audit, 'record'>
  /** Where a mail to somebody without an account leads. */
  issuer: string
  endAll: (tx: Tx, accountId: string) => Promise<void>
}

export type StartRecovery = Words & {
  email: string
  origin: Origin
  /** Hash of the cookie of the browser that asked. */
  browserHash?: Uint8Array
  interactionUid?: string
  /** Who asked, when it was not the person: nobody is known at the door. */
  actor?: Actor
}

/** What the mail says: in which language, for which app, and where its link leads (`?token=` is added). */
export type Words = { language: string; appName?: string; linkUrl: string }

export type StartedRecovery = { id: string; flow: string; expiresAt: Date; resendAt: Date }

export type Peeked =
  | { state: 'live'; emailMasked: string; expiresAt: Date }
  | { state: 'used' }
  /** Unknown ones too, and those that died with a change of the account. */
  | { state: 'expired' }

type NotRight = { outcome: 'wrong' } | Blocked | { outcome: 'gone' }
export type CheckedCode = { outcome: 'right'; ticket: string; expiresAt: Date } | NotRight
export type ResetByCode = { outcome: 'reset'; account: Account } | NotRight
export type ResentRecovery = { outcome: 'sent' | 'too_early'; resendAt: Date } | { outcome: 'gone' }

export type Recovery = ReturnType<typeof createRecovery>

type Mailing = {
  person: Recoverable | null
  to: string
  /** null: the mail shows the link alone. */
  code: string | null
  /** Of the code, which is over before the link: a mail that shows both states the shorter time. */
  codeExpiresAt: Date
  words: Words & { actor?: Actor }
  origin: Origin
}

const inMinutes = (milliseconds: number): string => String(Math.ceil(milliseconds / minutes(1)))
/** Unknown, expired, used and overtaken alike. */
const linkSpent = () => gone('link_spent')

export function createRecovery(deps: RecoveryDeps) {
  const { db, store, accounts, accountStore, challenges, limiter, clock, audit } = deps

  /** By the address alone, so that it tells nothing about who has it: what this mail may carry. */
  async function budgetOf(emailCanonical: string): Promise<'code' | 'link' | 'nothing'> {
    if (await challenges.mayMail(emailCanonical)) return 'code'
    const spare = await limiter.take([{ name: 'mail.recovery', key: emailCanonical }], clock.now())
    return spare.allowed ? 'link' : 'nothing'
  }

  async function limitAddress({ addressPrefix }: Origin): Promise<void> {
    const taken = await limiter.take([{ name: 'mail.address', key: addressPrefix }], clock.now())
    if (!taken.allowed) throw rateLimited(taken.retryAfterSeconds)
  }

  /** The same statements for everybody, be there an account or not. */
  async function mailIn(tx: Tx, { person, to, code, codeExpiresAt, words, origin }: Mailing): Promise<void> {
    const now = clock.now()
    const { secret, hash } = issueSecret('foyer_recovery')
    const expiresAt = after(now, limits.recoveryLinkMs)
    const link = { id: newId(now), tokenHash: hash, accountId: person?.id ?? null, now, expiresAt }
    await store.insertLink(tx, link, limits.recoveryLinksAlive)

    const url = new URL(words.linkUrl)
    url.searchParams.set('token', secret)
    const lastsMs = code === null ? limits.recoveryLinkMs : codeExpiresAt.getTime() - now.getTime()
    const values = { url: url.href, minutes: inMinutes(lastsMs) }
    const mail = { to, language: person?.locale ?? words.language, expiresAt, priority: 'auth' } as const
    if (!person) await deps.sendMail(tx, { ...mail, template: 'no_account', values: { url: deps.issuer } })
    else if (code === null) await deps.sendMail(tx, { ...mail, template: 'recovery_link', values })
    else await deps.sendMail(tx, { ...mail, template: 'recovery', values: { ...values, code } })
    await audit.record(tx, {
      type: 'mail.requested',
      actor: words.actor ?? { kind: 'stranger' },
      ...(person && { accountId: person.id }),
      requestId: origin.requestId,
      address: origin.address,
      details: { purpose: 'recovery' },
    })
  }

  /** Answers alike whether the address is known or not, and whether a mail went or not. */
  async function start(input: StartRecovery): Promise<StartedRecovery> {
    const email = requireEmail(input.email)
    await limitAddress(input.origin)
    const carries = await budgetOf(email.canonical)
    return db.inTransaction(async (tx) => {
      const person = await store.findByEmail(tx, email.canonical)
      const started = await challenges.start(tx, {
        purpose: 'recovery',
        email,
        carries: carries === 'code' ? 'code' : 'nothing',
        ...(person && { account: { id: person.id, securityEpoch: person.securityEpoch } }),
        ...(input.browserHash && { browserHash: input.browserHash }),
        ...(input.interactionUid !== undefined && { interactionUid: input.interactionUid }),
      })
      const { id, flow, code, expiresAt, resendAt } = started
      const to = person?.email ?? email.address
      const mailing = { person, to, code, codeExpiresAt: expiresAt, words: input, origin: input.origin }
      if (carries !== 'nothing') await mailIn(tx, mailing)
      return { id, flow, expiresAt, resendAt }
    })
  }

  /** Another mail of the same recovery, with the same code and a link of its own. */
  async function resend(handle: Handle, origin: Origin, words: Words): Promise<ResentRecovery> {
    await limitAddress(origin)
    const resent = await db.inTransaction((tx) => challenges.resend(tx, handle, 'recovery'))
    if (resent.outcome !== 'due') return resent
    const { email, emailCanonical, expiresAt: codeExpiresAt } = resent.challenge
    // Outside a transaction, since it takes a connection of its own
    const carries = await budgetOf(emailCanonical)
    const code = carries === 'code' ? resent.code : null
    await db.inTransaction(async (tx) => {
      const person = await store.findByEmail(tx, emailCanonical)
      const mailing = { person, to: person?.email ?? email, code, codeExpiresAt, words, origin }
      if (carries !== 'nothing') await mailIn(tx, mailing)
    })
    return { outcome: 'sent', resendAt: resent.resendAt }
  }

  /** A right code becomes a ticket that sets a password: a link that was never mailed, and lives five minutes. */
  async function checkCode(handle: Handle, code: string, origin: Origin): Promise<CheckedCode> {
    const tried = await challenges.tryCode(handle, code, { purpose: 'recovery', origin })
    if (tried.outcome !== 'right') return tried
    const { id, accountId } = tried.challenge
    if (accountId === null) return { outcome: 'wrong' }
    return db.inTransaction(async (tx) => {
      if (!(await challenges.spend(tx, id))) return { outcome: 'gone' }
      const now = clock.now()
      const { secret, hash } = issueSecret('foyer_reset')
      const expiresAt = after(now, limits.recoveryTicketMs)
      const ticket = { id: newId(now), tokenHash: hash, accountId, now, expiresAt }
      await store.insertLink(tx, ticket, limits.recoveryLinksAlive)
      return { outcome: 'right', ticket: secret, expiresAt }
    })
  }

  async function peekLink(token: string): Promise<Peeked> {
    const link = await store.findLink(hashSecret(token), clock.now())
    if (link?.consumedAt) return { state: 'used' }
    if (!link?.live) return { state: 'expired' }
    return { state: 'live', emailMasked: maskEmail(link.email), expiresAt: link.expiresAt }
  }

  /**
   * Checked and hashed before the link is spent: a refused password leaves it usable. `expected`, an address, keeps a
   * link that somebody slipped into this browser from being taken for the person's own.
   */
  async function resetByLink(
    token: string,
    password: string,
    origin: Origin,
    expected?: string,
  ): Promise<Account> {
    const tokenHash = hashSecret(token)
    const link = await store.findLink(tokenHash, clock.now())
    if (!link?.live) throw linkSpent()
    if (expected !== undefined && parseEmail(expected)?.canonical !== link.emailCanonical) throw linkSpent()
    const passwordHash = await accounts.hashNew(link, password)
    await db.inTransaction(async (tx) => {
      if (!(await store.spendLink(tx, tokenHash, clock.now()))) throw linkSpent()
      if (!(await resetIn(tx, link, { passwordHash, origin, by: 'link' }))) throw linkSpent()
    })
    return accounts.get(link.id)
  }

  /** The code and the password at once. A refused password spends nothing but one of the five comparisons. */
  async function resetByCode(
    handle: Handle,
    code: string,
    { password, origin }: { password: string; origin: Origin },
  ): Promise<ResetByCode> {
    const tried = await challenges.tryCode(handle, code, { purpose: 'recovery', origin })
    if (tried.outcome !== 'right') return tried
    const { id, accountId, securityEpoch } = tried.challenge
    if (accountId === null || securityEpoch === null) return { outcome: 'wrong' }

    const before = await accounts.get(accountId)
    const passwordHash = await accounts.hashNew(holderOf(before), password)
    const done = await db.inTransaction(async (tx) => {
      if (!(await challenges.spend(tx, id))) return false
      return resetIn(
        tx,
        { ...before, ...holderOf(before), securityEpoch },
        { passwordHash, origin, by: 'code' },
      )
    })
    return done ? { outcome: 'reset', account: await accounts.get(accountId) } : { outcome: 'gone' }
  }

  /** Everybody who was signed in is signed out, tokens included, and whoever reads the mail hears of it. */
  async function resetIn(
    tx: Tx,
    person: Recoverable,
    { passwordHash, origin, by }: { passwordHash: string; origin: Origin; by: 'code' | 'link' },
  ): Promise<boolean> {
    const now = clock.now()
    if (!(await store.resetPassword(tx, person, { passwordHash, now }))) return false
    await deps.endAll(tx, person.id)
    await accountStore.voidTickets(tx, { purpose: 'set_password', accountId: person.id, now })
    await accountStore.forgetFailures(tx, person.id)
    const actor: Actor = { kind: 'account', id: person.id }
    await audit.record(tx, {
      type: 'account.recovered',
      actor,
      accountId: person.id,
      requestId: origin.requestId,
      address: origin.address,
      details: { by },
    })
    await deps.sendMail(tx, noticeOf(person, { origin, now, template: 'recovery_used' }))
    return true
  }

  return { start, resend, checkCode, peekLink, resetByLink, resetByTicket: resetByLink, resetByCode }
}
