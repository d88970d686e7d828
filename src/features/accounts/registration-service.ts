// Owns how people get an account by themselves: at once, or by proving their address first. Codes and their cool-down
// are features/challenges; signing in with a proof is features/passwordless.
import { conflict, forbidden, rateLimited } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { newId } from '../../kernel/secrets.ts'
import { type Clock, minutes } from '../../kernel/time.ts'
import type { Limiter } from '../../platform/limiter.ts'
import { type Db, isUniqueViolation, type Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { HandOver } from '../challenges/mail.ts'
import type { Challenge, Handle, Origin, Resent } from '../challenges/schema.ts'
import type { Challenges } from '../challenges/service.ts'
import type { OutboxMail } from '../outbox/schema.ts'
import {
  type BeginRegistration,
  type Begun,
  type MailResent,
  type RegistrationConfirmed,
  type RegistrationMode,
  WaitingRegistration,
} from './registration-schema.ts'
import type { Holder, RegistrationStore } from './registration-store.ts'
import type { Accounts } from './service.ts'
import type { AccountStore, NewAccount } from './store.ts'

export type RegistrationDeps = {
  db: Pick<Db, 'inTransaction'>
  store: RegistrationStore
  accounts: Pick<Accounts, 'prepare' | 'insertIn' | 'findByIdentifier' | 'get'>
  accountStore: Pick<AccountStore, 'voidTickets'>
  challenges: Pick<Challenges, 'start' | 'resend' | 'tryCode' | 'spend' | 'mayMail'>
  handOver: HandOver
  limiter: Pick<Limiter, 'take'>
  clock: Clock
  audit: Pick<Audit, 'record'>
  /** Ends every session and token of an account. */
  endAll: (tx: Tx, accountId: string) => Promise<void>
  mode: RegistrationMode
  /** Where somebody who has an account already is sent. */
  accountUrl: string
}

/** Somebody who reads the mail of an address. */
export type ProvedAddress = { email: string; emailCanonical: string; language: string; origin: Origin }

export type Registration = ReturnType<typeof createRegistration>

const stranger: Actor = { kind: 'stranger' }
const closed = () => forbidden('registration_closed')

export function createRegistration(deps: RegistrationDeps) {
  const { db, store, accounts, challenges, handOver, limiter, clock, audit, mode } = deps

  async function limitAddress(name: 'register.address' | 'mail.address', origin: Origin): Promise<void> {
    const taken = await limiter.take([{ name, key: origin.addressPrefix }], clock.now())
    if (!taken.allowed) throw rateLimited(taken.retryAfterSeconds)
  }

  /** In `verified` mode the answer and the work are the same whether somebody has the address or not. */
  async function begin(input: BeginRegistration, origin: Origin): Promise<Begun> {
    if (mode === 'closed') throw closed()
    await limitAddress('register.address', origin)
    const { email, password, username, name, language } = input
    const prepared = await accounts.prepare({
      email: email.trim(),
      ...(password !== undefined && { password }),
      ...(username !== undefined && { username }),
      ...(name !== undefined && { name }),
    })
    // User names are no secret: whoever has one is called by it
    if (prepared.username !== null && (await accounts.findByIdentifier(prepared.username))) {
      throw conflict('username_taken')
    }
    if (mode === 'open' && password !== undefined) return register({ ...prepared, locale: language }, origin)
    return askForProof(prepared, input, origin)
  }

  async function register(prepared: NewAccount, origin: Origin): Promise<Begun> {
    try {
      const account = await db.inTransaction(async (tx) => {
        const made = await accounts.insertIn(tx, stranger, prepared)
        await recordRegistered(tx, made.id, origin)
        return made
      })
      return { outcome: 'created', account }
    } catch (cause) {
      if (!isUniqueViolation(cause)) throw cause
      const holder = await store.findHolder(prepared.emailCanonical)
      throw conflict(holder ? 'email_taken' : 'username_taken', cause)
    }
  }

  async function askForProof(prepared: NewAccount, input: BeginRegistration, origin: Origin): Promise<Begun> {
    const { email, emailCanonical: canonical, passwordHash, username, profile } = prepared
    const { appName, browserHash } = input
    const waiting: WaitingRegistration = {
      passwordHash,
      username,
      profile,
      language: input.language,
      ...(appName !== undefined && { appName }),
    }
    const holder = await store.findHolder(canonical)
    const mayMail = await challenges.mayMail(canonical)
    const started = await db.inTransaction(async (tx) => {
      const begun = await challenges.start(tx, {
        purpose: 'register',
        email: { address: email, canonical },
        carries: 'code',
        waiting,
        ...(browserHash && { browserHash }),
      })
      const letter = { to: email, code: begun.code, expiresAt: begun.expiresAt }
      await mail(tx, { letter, waiting, holder, mayMail, origin })
      return begun
    })
    const { id, flow, expiresAt, resendAt } = started
    return { outcome: 'sent', id, flow, email, expiresAt, resendAt }
  }

  type Mailing = {
    letter: { to: string; code: string | null; expiresAt: Date }
    waiting: WaitingRegistration
    holder: Holder | null
    mayMail: boolean
    origin: Origin
  }

  function mail(tx: Tx, { letter, waiting, holder, mayMail, origin }: Mailing): Promise<void> {
    const { to, code, expiresAt } = letter
    const language = holder?.locale ?? waiting.language
    const app = waiting.appName === undefined ? {} : { app: waiting.appName }
    const seen = { address: origin.address, ...app }
    const lasts = String(Math.round((expiresAt.getTime() - clock.millis()) / minutes(1)))
    const letterOfCode: OutboxMail = {
      to,
      language,
      expiresAt,
      template: 'code',
      values: { code: code ?? '', minutes: lasts, ...seen },
    }
    const letterToHolder: OutboxMail = {
      to: holder?.email ?? to,
      language,
      expiresAt,
      template: 'already_registered',
      values: { url: deps.accountUrl, ...seen },
    }
    const isForThem = holder === null || (holder.status === 'active' && !holder.system)
    return handOver(tx, holder ? letterToHolder : letterOfCode, {
      purpose: 'register',
      origin,
      accountId: holder?.id ?? null,
      withheld: withheldFrom(isForThem, mayMail),
    })
  }

  /** The code, the account and the end of its cool-down in one commit. */
  async function confirm(handle: Handle, code: string, origin: Origin): Promise<RegistrationConfirmed> {
    if (mode === 'closed') throw closed()
    const tried = await challenges.tryCode(handle, code, { purpose: 'register', origin })
    if (tried.outcome !== 'right') return tried
    const { challenge } = tried
    const id = await db.inTransaction(async (tx) =>
      (await challenges.spend(tx, challenge.id)) ? insertProved(tx, challenge, origin) : null,
    )
    return id === null ? { outcome: 'gone' } : { outcome: 'created', account: await accounts.get(id) }
  }

  /** null when the address got an account meanwhile: its owner signs in to that. */
  async function insertProved(tx: Tx, challenge: Challenge, origin: Origin): Promise<string | null> {
    const { email, emailCanonical } = challenge
    const { language, passwordHash, username, profile } = WaitingRegistration.parse(challenge.waiting)
    const proved = { ...blank({ email, emailCanonical, language }), passwordHash, profile }
    const isMade =
      (await store.insertUnlessTaken(tx, { ...proved, username })) ||
      // Somebody was faster with the user name: another one can be chosen later
      (username !== null && (await store.insertUnlessTaken(tx, proved)))
    if (!isMade) return null
    await recordMade(tx, proved.id, origin)
    return proved.id
  }

  function blank(proved: Omit<ProvedAddress, 'origin'>): NewAccount {
    const now = clock.now()
    const { email, emailCanonical, language } = proved
    return {
      id: newId(now),
      email,
      emailCanonical,
      emailVerifiedAt: now,
      username: null,
      passwordHash: null,
      profile: {},
      roles: [],
      locale: language,
      now,
    }
  }

  /** Another mail of the same registration, with the same code. */
  async function resend(handle: Handle, origin: Origin): Promise<MailResent> {
    await limitAddress('mail.address', origin)
    const resent = await db.inTransaction((tx) => challenges.resend(tx, handle, 'register'))
    if (resent.outcome !== 'due') return tooEarly(resent, clock.now())
    const { id, email, emailCanonical, expiresAt } = resent.challenge
    const waiting = WaitingRegistration.parse(resent.challenge.waiting)
    const holder = await store.findHolder(emailCanonical)
    const mayMail = await challenges.mayMail(emailCanonical)
    const letter = { to: email, code: resent.code, expiresAt }
    await db.inTransaction((tx) => mail(tx, { letter, waiting, holder, mayMail, origin }))
    return { outcome: 'sent', id, expiresAt, resendAt: resent.resendAt }
  }

  /**
   * Whose account a proof of an address opens, made by the first one. An account whose address was never proved loses
   * what a stranger may have left in it. null when there is none to open.
   */
  async function admit(
    tx: Tx,
    proved: ProvedAddress,
  ): Promise<{ accountId: string; created: boolean } | null> {
    if (mode !== 'closed') {
      const account = blank(proved)
      if (await store.insertUnlessTaken(tx, account)) {
        await recordMade(tx, account.id, proved.origin)
        return { accountId: account.id, created: true }
      }
    }
    const holder = await store.findHolder(proved.emailCanonical, tx)
    if (holder?.status !== 'active' || holder.system) return null
    if (!holder.isVerified) await takeOver(tx, holder.id, proved)
    return { accountId: holder.id, created: false }
  }

  /** What a stranger left in the account to get in later is gone: with it every session, token, link and code. */
  async function takeOver(tx: Tx, accountId: string, { language, origin }: ProvedAddress): Promise<void> {
    const now = clock.now()
    const first = await store.verifyFirst(tx, { id: accountId, language, now })
    if (!first) return
    const { purged } = first
    if (purged) {
      await deps.endAll(tx, accountId)
      await deps.accountStore.voidTickets(tx, { purpose: 'set_password', accountId, now })
    }
    const details = { purged }
    await audit.record(tx, { type: 'account.email_verified', ...by(accountId, origin), details })
  }

  async function recordMade(tx: Tx, accountId: string, origin: Origin): Promise<void> {
    await audit.record(tx, { type: 'account.created', ...by(accountId, origin), details: { roles: [] } })
    await recordRegistered(tx, accountId, origin)
  }

  async function recordRegistered(tx: Tx, accountId: string, origin: Origin): Promise<void> {
    await audit.record(tx, { type: 'account.registered', ...by(accountId, origin), details: { mode } })
  }

  return { begin, confirm, resend, admit }
}

const by = (accountId: string, { requestId, address }: Origin) => ({
  actor: { kind: 'account', id: accountId } as const,
  accountId,
  requestId,
  address,
})

/** Why an address gets no mail, whatever the answer says. */
export function withheldFrom(isForThem: boolean, mayMail: boolean): 'budget' | 'not_for_them' | null {
  if (!isForThem) return 'not_for_them'
  return mayMail ? null : 'budget'
}

/** What a resend that sends nothing answers. */
export function tooEarly(
  resent: Exclude<Resent, { outcome: 'due' }>,
  now: Date,
): Exclude<MailResent, { outcome: 'sent' }> {
  if (resent.outcome === 'gone') return resent
  const waitMs = Math.max(0, resent.resendAt.getTime() - now.getTime())
  return { ...resent, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }
}
