// Owns proofs of an address: begins them, counts and compares guesses, spends what was right. What a mail says is
// features/outbox; what a proof is worth is decided by whoever asked for it.
import { createHmac } from 'node:crypto'
import { limits, type RateName } from '../../config/limits.ts'
import { hashSecret, newId, randomToken, sameHash } from '../../kernel/secrets.ts'
import { after, type Clock } from '../../kernel/time.ts'
import type { Limiter, LimitKey } from '../../platform/limiter.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Sealer } from '../../platform/sealer.ts'
import type { Audit } from '../audit/service.ts'
import { createConfirmationStore } from './confirmation-store.ts'
import { codeLength, maskEmail, readCode, resendWaitMs } from './policy.ts'
import type {
  Blocked,
  Carried,
  Challenge,
  ChallengePurpose,
  ChallengeView,
  Handle,
  Origin,
  PeekedLink,
  Resent,
  StartChallenge,
  Started,
  Tried,
} from './schema.ts'
import {
  createChallengeStore,
  type Found,
  type LinkBearer,
  type StoredChallenge,
  type StoredHandle,
} from './store.ts'

export type ChallengesDeps = {
  db: Pick<Db, 'query'>
  sealer: Sealer
  limiter: Pick<Limiter, 'take' | 'refund'>
  clock: Clock
  audit: Pick<Audit, 'recordAlone'>
  /** Canonical addresses that test hooks exempt from the limits. */
  unlimited: readonly string[]
}

export type Try = { purpose: ChallengePurpose; origin: Origin; browserHash?: Uint8Array | undefined }

export type Challenges = ReturnType<typeof createChallenges>

/** Guesses at these are slowed down by the cool-down of confirmations instead of being numbered. */
const confirmations: readonly ChallengePurpose[] = ['register', 'change_email']
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const nobodysId = '00000000-0000-0000-0000-000000000000'
const codeSpace = 10 ** codeLength
/** More than an int4 column ever holds. */
const unnumbered = 2 ** 31 - 1
const mailBudgets = ['mail.hour', 'mail.day'] as const satisfies RateName[]

export function createChallenges(deps: ChallengesDeps) {
  const { db, limiter, clock, audit } = deps
  const store = createChallengeStore(deps)
  const counts = createConfirmationStore({ db, challenges: store })
  const guessKey = deps.sealer.derive('challenge-code')
  const secretKey = deps.sealer.derive('challenge-secret')

  /** What rests instead of a code: good for this purpose, challenge and address only. */
  const hmacOf = (code: string, { id, purpose, emailCanonical }: CodePlace): Buffer =>
    createHmac('sha256', guessKey).update([purpose, id, emailCanonical, code].join('\0')).digest()

  /**
   * Derived, so that a further mail repeats them although they rest nowhere. The code beside a link comes from its
   * token: whoever holds the link can be shown it.
   */
  function carriedBy(id: string, carries: ChallengeView['carries']): Carried {
    if (carries === 'nothing') return { code: null, linkToken: null }
    const secret = createHmac('sha256', secretKey).update(`${carries}\0${id}`).digest('base64url')
    if (carries === 'code') return { code: codeFrom(secret), linkToken: null }
    const linkToken = `foyer_link_${secret}`
    return { code: codeFrom(linkToken), linkToken }
  }

  function codeFrom(secret: string): string {
    const chance = createHmac('sha256', secretKey).update(`digits\0${secret}`).digest()
    // 48 bits: that some codes are likelier by one in 280 million helps nobody
    return String(chance.readUIntBE(0, 6) % codeSpace).padStart(codeLength, '0')
  }

  /** Same work for everybody. The caller hands the mail over in the same transaction. */
  async function start(tx: Tx, challenge: StartChallenge): Promise<Started> {
    const { purpose, email, account } = challenge
    const now = clock.now()
    const id = newId(now)
    const flow = randomToken()
    const { code, linkToken } = carriedBy(id, challenge.carries)
    const expiresAt = after(now, lifetimeOf(purpose))
    await store.insert(tx, {
      id,
      flowHash: hashSecret(flow),
      purpose,
      email: email.address,
      emailCanonical: email.canonical,
      accountId: account?.id ?? null,
      securityEpoch: account?.securityEpoch ?? null,
      codeHmac: code === null ? null : hmacOf(code, { id, purpose, emailCanonical: email.canonical }),
      linkHash: linkToken === null ? null : hashSecret(linkToken),
      browserHash: challenge.browserHash ?? null,
      waiting: challenge.waiting ?? {},
      now,
      expiresAt,
    })
    return { id, flow, code, linkToken, expiresAt, resendAt: after(now, resendWaitMs(1)) }
  }

  /** Allows one more mail, with the same code and link as before, and gives what it shows. */
  async function resend(tx: Tx, handle: Handle, purpose: ChallengePurpose): Promise<Resent> {
    const now = clock.now()
    const attempts = confirmations.includes(purpose) ? unnumbered : limits.codeAttempts
    const asked = { ...stored(handle), purpose, now, lifetimeMs: lifetimeOf(purpose), attempts }
    const { challenge, counted } = await store.countMail(tx, asked)
    if (!challenge) return { outcome: 'gone' }
    const resendAt = after(challenge.sentAt, resendWaitMs(challenge.sends))
    if (counted) {
      const carried = carriedBy(challenge.id, carriesOf(challenge))
      return { outcome: 'due', challenge: plain(challenge), resendAt, ...carried }
    }
    return isOpen(challenge, now, attempts) ? { outcome: 'too_early', resendAt } : { outcome: 'gone' }
  }

  /** Counts first, compares then. A right code is not spent yet: that is `spend`. */
  async function tryCode(handle: Handle, text: string, attempt: Try): Promise<Tried> {
    const now = clock.now()
    const { purpose, origin } = attempt
    const found = { ...stored(handle), purpose, now }
    const { challenge, may, refundable } = confirmations.includes(purpose)
      ? await countConfirmation(found, origin)
      : await countGuess(found, origin)
    if (may !== 'compare' && may !== 'gone') return may
    // A page's id is one of ours: what is not there any more has been swept.
    if (may === 'gone' || (!challenge && 'id' in handle)) return { outcome: 'gone' }
    if (!challenge || !matches(challenge, text, attempt.browserHash)) {
      await audit.recordAlone({
        type: 'authn.code_failed',
        actor: { kind: 'stranger' },
        ...(challenge?.accountId && { accountId: challenge.accountId }),
        requestId: origin.requestId,
        address: origin.address,
        details: { purpose },
      })
      return { outcome: 'wrong' }
    }
    if (refundable.length > 0) await limiter.refund(refundable)
    return { outcome: 'right', challenge: plain(challenge) }
  }

  async function countGuess(found: Found, { addressPrefix }: Origin): Promise<Counted> {
    const { unlimited } = deps
    const { challenge, counted, waitMs } = await store.countGuess({ ...found, addressPrefix, unlimited })
    if (waitMs !== null)
      return { challenge, may: blockedUntil(after(found.now, waitMs), found.now), refundable: [] }
    if (!challenge) return { challenge, may: 'compare', refundable: [] }
    if (!counted) return { challenge, may: 'gone', refundable: [] }
    const { emailCanonical } = challenge
    const keys: LimitKey[] = [
      { name: 'code.address', key: addressPrefix },
      { name: 'code.email', key: emailCanonical },
    ]
    return { challenge, may: 'compare', refundable: unlimited.includes(emailCanonical) ? [] : keys }
  }

  async function countConfirmation(found: Found, { addressPrefix }: Origin): Promise<Counted> {
    const asked = { ...found, addressPrefix }
    const { challenge, counted, blockedUntil: until, spent } = await counts.countConfirmation(asked)
    if (counted) return { challenge, may: 'compare', refundable: spent }
    // A rival was counted in its place
    if (spent.length > 0) await limiter.refund(spent)
    const isGone = challenge !== null && !isOpen(challenge, found.now)
    return { challenge, may: isGone ? 'gone' : blockedUntil(until, found.now), refundable: [] }
  }

  function matches(challenge: StoredChallenge, text: string, browserHash?: Uint8Array): boolean {
    const code = readCode(text)
    // Compared in any case, so that what was typed and what was mailed cost the same
    const given = hmacOf(code ?? '', challenge)
    const isRight = sameHash(challenge.codeHmac ?? Buffer.alloc(given.length), given)
    return isRight && code !== null && isFrom(challenge, browserHash)
  }

  /** Inside the transaction that uses the proof: of any number at once exactly one is told true. */
  async function spend(tx: Tx, id: string): Promise<boolean> {
    const spent = await store.spend(tx, id, clock.now())
    if (spent && confirmations.includes(spent.purpose)) await counts.forgetConfirmations(tx, spent)
    return spent !== null
  }

  /** What a link is for. Spends nothing: mail scanners and previews open links too. */
  async function peekLink(token: string, browserHash?: Uint8Array): Promise<PeekedLink> {
    const challenge = await store.findByLink(hashSecret(token))
    if (!challenge) return { state: 'expired' }
    if (challenge.usedAt) return { state: 'used', challenge: plain(challenge) }
    const asker = challenge.browserHash
    const isSame = asker !== null && browserHash !== undefined && sameHash(asker, browserHash)
    const isGuessedOut = !isSame && challenge.attempts >= limits.codeAttempts
    if (isGuessedOut || !isOpen(challenge, clock.now())) return { state: 'expired' }
    const state = isSame ? 'same_browser' : 'other_browser'
    return { state, challenge: plain(challenge), code: codeFrom(token) }
  }

  /** Spends the challenge by its link, for the one who asked for it; null for everybody else. */
  async function useLink(
    tx: Tx,
    token: string,
    use: { purpose: ChallengePurpose; bearer: LinkBearer },
  ): Promise<Challenge | null> {
    const spent = await store.spendLink(tx, hashSecret(token), { ...use, now: clock.now() })
    return spent && plain(spent)
  }

  /** What a page shows while it waits for the code; null when there is nothing to wait for. */
  async function view(handle: Handle): Promise<ChallengeView | null> {
    const challenge = await store.find(stored(handle))
    if (!challenge) return null
    const { id, purpose, email, sentAt, expiresAt, sends } = challenge
    const isNumbered = !confirmations.includes(purpose)
    return {
      id,
      purpose,
      carries: carriesOf(challenge),
      email,
      emailMasked: maskEmail(email),
      sentAt,
      expiresAt,
      resendAt: after(sentAt, resendWaitMs(sends)),
      sends,
      open: isOpen(challenge, clock.now(), isNumbered ? limits.codeAttempts : unnumbered),
    }
  }

  /**
   * Whether an address may have one more mail, over all purposes. Asked for everybody, known or not; the answer to
   * the person stays the same.
   */
  async function mayMail(emailCanonical: string): Promise<boolean> {
    const keys = mailBudgets.map((name) => ({ name, key: emailCanonical }))
    const taken = await limiter.take(keys, clock.now())
    const spentInVain = keys.filter(({ name }) => !taken.refusedBy.includes(name))
    if (!taken.allowed && spentInVain.length > 0) await limiter.refund(spentInVain)
    return taken.allowed || deps.unlimited.includes(emailCanonical)
  }

  return { start, resend, tryCode, spend, peekLink, useLink, view, mayMail }
}

type CodePlace = Pick<Challenge, 'id' | 'purpose' | 'emailCanonical'>
type Counted = {
  challenge: StoredChallenge | null
  may: 'compare' | 'gone' | Blocked
  refundable: LimitKey[]
}

const lifetimeOf = (purpose: ChallengePurpose): number =>
  purpose === 'register' ? limits.confirmationMs : limits.challengeMs

const isOpen = (challenge: StoredChallenge, now: Date, attempts = unnumbered): boolean =>
  challenge.usedAt === null && challenge.expiresAt > now && challenge.attempts < attempts

/** What no browser asked for may be typed in any. */
const isFrom = (challenge: StoredChallenge, browserHash: Uint8Array | undefined): boolean =>
  challenge.browserHash === null || browserHash === undefined || sameHash(challenge.browserHash, browserHash)

function carriesOf(challenge: StoredChallenge): ChallengeView['carries'] {
  if (challenge.linkHash) return 'link'
  return challenge.codeHmac ? 'code' : 'nothing'
}

function stored(handle: Handle): StoredHandle {
  if ('flow' in handle) return { flowHash: hashSecret(handle.flow) }
  return { id: uuid.test(handle.id) ? handle.id : nobodysId }
}

function blockedUntil(retryAt: Date, now: Date): Blocked {
  const waitMs = Math.max(0, retryAt.getTime() - now.getTime())
  return { outcome: 'blocked', retryAt, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }
}

/** Hashes stay here. */
const plain = ({ codeHmac: _, linkHash: __, ...challenge }: StoredChallenge): Challenge => challenge
