// Owns signing in by mail: a code or a link that proves an address, and makes its account at the first proof.
// What the proof is worth beside others is features/authn; codes and links themselves are features/challenges.
import { forbidden, rateLimited } from '../../kernel/errors.ts'
import { type Clock, minutes } from '../../kernel/time.ts'
import type { Limiter } from '../../platform/limiter.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { parseEmail, requireEmail } from '../accounts/email.ts'
import type { MailResent, RegistrationMode } from '../accounts/registration-schema.ts'
import { type Registration, tooEarly, withheldFrom } from '../accounts/registration-service.ts'
import type { Holder, RegistrationStore } from '../accounts/registration-store.ts'
import type { HandOver } from '../challenges/mail.ts'
import { maskEmail } from '../challenges/policy.ts'
import type { Carried, Challenge, Handle, Origin } from '../challenges/schema.ts'
import type { Challenges } from '../challenges/service.ts'
import type { OutboxMail } from '../outbox/schema.ts'
import {
  type PeekedSignInLink,
  type StartedPasswordless,
  type StartPasswordless,
  type Verified,
  WaitingSignIn,
} from './schema.ts'

export type PasswordlessDeps = {
  db: Pick<Db, 'inTransaction'>
  holders: Pick<RegistrationStore, 'findHolder'>
  registration: Pick<Registration, 'admit'>
  challenges: Pick<Challenges, 'start' | 'resend' | 'tryCode' | 'spend' | 'peekLink' | 'useLink' | 'mayMail'>
  handOver: HandOver
  limiter: Pick<Limiter, 'take'>
  clock: Clock
  mode: RegistrationMode
}

export type Passwordless = ReturnType<typeof createPasswordless>

type Mailing = {
  challenge: { to: string; expiresAt: Date } & Carried
  waiting: WaitingSignIn
  holder: Holder | null
  mayMail: boolean
  origin: Origin
}

export function createPasswordless(deps: PasswordlessDeps) {
  const { db, holders, registration, challenges, handOver, limiter, clock, mode } = deps

  async function limitAddress({ addressPrefix }: Origin): Promise<void> {
    const taken = await limiter.take([{ name: 'mail.address', key: addressPrefix }], clock.now())
    if (!taken.allowed) throw rateLimited(taken.retryAfterSeconds)
  }

  /** The same work and the same answer for everybody, whether a mail goes or not. */
  async function start(input: StartPasswordless): Promise<StartedPasswordless> {
    if (input.intent === 'sign_up' && mode === 'closed') throw forbidden('registration_closed')
    const { origin, method, browserHash, interactionUid, appName, language, linkUrl } = input
    const email = requireEmail(input.email)
    await limitAddress(origin)
    const waiting: WaitingSignIn = {
      language,
      linkUrl,
      ...(appName !== undefined && { appName }),
      ...(interactionUid !== undefined && { interactionUid }),
    }
    const holder = await holders.findHolder(email.canonical)
    const mayMail = await challenges.mayMail(email.canonical)
    return db.inTransaction(async (tx) => {
      const { id, flow, expiresAt, resendAt, code, linkToken } = await challenges.start(tx, {
        purpose: 'sign_in',
        email,
        carries: method,
        waiting,
        ...(holder && { account: { id: holder.id, securityEpoch: holder.securityEpoch } }),
        ...(browserHash && { browserHash }),
      })
      const challenge = { to: email.address, expiresAt, code, linkToken }
      await mail(tx, { challenge, waiting, holder, mayMail, origin })
      return { id, flow, expiresAt, resendAt }
    })
  }

  function mail(tx: Tx, { challenge, waiting, holder, mayMail, origin }: Mailing): Promise<void> {
    const isForThem = holder ? holder.status === 'active' && !holder.system : mode !== 'closed'
    return handOver(tx, letterOf(challenge, { waiting, holder, origin, now: clock.now() }), {
      purpose: 'sign_in',
      origin,
      accountId: holder?.id ?? null,
      withheld: withheldFrom(isForThem, mayMail),
    })
  }

  /** Another mail of the same sign-in, with the same code or link. */
  async function resend(handle: Handle, origin: Origin): Promise<MailResent> {
    await limitAddress(origin)
    const resent = await db.inTransaction((tx) => challenges.resend(tx, handle, 'sign_in'))
    if (resent.outcome !== 'due') return tooEarly(resent, clock.now())
    const { id, email, emailCanonical, expiresAt } = resent.challenge
    const { code, linkToken, resendAt } = resent
    const waiting = WaitingSignIn.parse(resent.challenge.waiting)
    const holder = await holders.findHolder(emailCanonical)
    const mayMail = await challenges.mayMail(emailCanonical)
    const challenge = { to: email, expiresAt, code, linkToken }
    await db.inTransaction((tx) => mail(tx, { challenge, waiting, holder, mayMail, origin }))
    return { outcome: 'sent', id, expiresAt, resendAt }
  }

  /** The code of the mail, or of the page that its link shows elsewhere. */
  async function verifyCode(
    handle: Handle,
    code: string,
    origin: Origin & { browserHash?: Uint8Array | undefined },
  ): Promise<Verified> {
    const { browserHash } = origin
    const tried = await challenges.tryCode(handle, code, { purpose: 'sign_in', origin, browserHash })
    if (tried.outcome !== 'right') return tried
    return db.inTransaction(async (tx) => {
      if (!(await challenges.spend(tx, tried.challenge.id))) return { outcome: 'gone' }
      return admit(tx, tried.challenge, origin)
    })
  }

  /** What a link would do here. It spends nothing, however often it is opened. */
  async function peekLink(token: string, browserHash?: Uint8Array): Promise<PeekedSignInLink> {
    const peeked = await challenges.peekLink(token, browserHash)
    if (peeked.state === 'expired' || peeked.challenge.purpose !== 'sign_in') return { state: 'expired' }
    const { id, email, expiresAt } = peeked.challenge
    const { appName, interactionUid } = WaitingSignIn.parse(peeked.challenge.waiting)
    const shown = { id, emailMasked: maskEmail(email), ...(appName !== undefined && { appName }) }
    if (peeked.state === 'used') return { ...shown, state: 'used' }
    const { state, code } = peeked
    const isBack = state === 'same_browser' && interactionUid !== undefined
    const askedBy = peeked.challenge.browserHash === null ? 'program' : 'browser'
    return { ...shown, state, code, expiresAt, askedBy, ...(isBack && { interactionUid }) }
  }

  /**
   * By the link: in the browser that asked for it, or by the program that did, which names the address. Anywhere else
   * it opens nothing, so that nobody signs a stranger's browser in by clicking.
   */
  async function verifyLink(
    token: string,
    { email, browserHash, origin }: { email?: string; browserHash?: Uint8Array | undefined; origin: Origin },
  ): Promise<Verified> {
    const named = email === undefined ? null : parseEmail(email.trim())
    const bearer = browserHash ? { browserHash } : named && { emailCanonical: named.canonical }
    if (!bearer) return { outcome: 'wrong' }
    const verified = await db.inTransaction(async (tx) => {
      const challenge = await challenges.useLink(tx, token, { purpose: 'sign_in', bearer })
      return challenge && admit(tx, challenge, origin)
    })
    if (verified) return verified
    const { state } = await challenges.peekLink(token)
    return { outcome: state === 'other_browser' ? 'wrong' : 'gone' }
  }

  async function admit(tx: Tx, challenge: Challenge, origin: Origin): Promise<Verified> {
    const { email, emailCanonical } = challenge
    const { language, interactionUid } = WaitingSignIn.parse(challenge.waiting)
    const admitted = await registration.admit(tx, { email, emailCanonical, language, origin })
    if (!admitted) return { outcome: 'wrong' }
    return { outcome: 'proved', ...admitted, ...(interactionUid !== undefined && { interactionUid }) }
  }

  return { start, resend, verifyCode, peekLink, verifyLink }
}

function letterOf(
  { to, expiresAt, code, linkToken }: Mailing['challenge'],
  {
    waiting,
    holder,
    origin,
    now,
  }: { waiting: WaitingSignIn; holder: Holder | null; origin: Origin; now: Date },
): OutboxMail {
  const mail = { to: holder?.email ?? to, language: holder?.locale ?? waiting.language, expiresAt }
  const values = {
    minutes: String(Math.round((expiresAt.getTime() - now.getTime()) / minutes(1))),
    address: origin.address,
    ...(waiting.appName !== undefined && { app: waiting.appName }),
  }
  if (linkToken === null) return { ...mail, template: 'code', values: { ...values, code: code ?? '' } }
  const url = new URL(waiting.linkUrl)
  url.searchParams.set('token', linkToken)
  return { ...mail, template: 'link', values: { ...values, url: url.href } }
}
