// Owns sign-in attempts: takes a proof, counts it against the limits, and adds it to the stored attempt.
// It is the only door to a session; what an attempt still needs is next-step.ts, what a page shows is src/oidc.
import { createHmac } from 'node:crypto'
import { AppError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/time.ts'
import { after, seconds } from '../../kernel/time.ts'
import type { Passwords } from '../../platform/passwords.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Sealer } from '../../platform/sealer.ts'
import { parseEmail } from '../accounts/email.ts'
import { parseUsername } from '../accounts/schema.ts'
import type { AccountStore } from '../accounts/store.ts'
import type { Artifacts } from '../artifacts/service.ts'
import { currentUnit, stage } from '../artifacts/unit-of-work.ts'
import type { Audit } from '../audit/service.ts'
import type { Outbox } from '../outbox/service.ts'
import { type AttemptsDeps, createAttempts } from './attempts.ts'
import { addDevice, readDevices, removeDevice } from './device.ts'
import type { Done, Proof } from './next-step.ts'
import { amrOf, doneBy } from './next-step.ts'
import { createSeen } from './seen.ts'
import type { BegunAttempt, PasswordAttempt } from './store.ts'
import {
  beginPasswordAttempt,
  beginPasswordInInteraction,
  giveBackPasswordStatement,
  settleOwnerProof,
  settlePasswordAttempt,
} from './store.ts'

export type AuthnDeps = AttemptsDeps & {
  db: Db
  clock: Clock
  sealer: Pick<Sealer, 'derive'>
  passwords: Passwords
  artifacts: Pick<Artifacts, 'rememberInteraction' | 'find'>
  accounts: Pick<AccountStore, 'replaceHash'>
  audit: Pick<Audit, 'recordWrite'>
  outbox: Pick<Outbox, 'mailWrite'>
  /** Whom test hooks exempt from the limits. */
  isUnlimited: (emailCanonical: string | null) => boolean
  /** Told how each attempt ended, for metrics. */
  observe: (method: Proof['method'], result: 'succeeded' | 'failed' | 'limited') => void
}

/** Where a proof came from. */
export type ProofOrigin = { address: string; requestId: string; deviceCookie: string | undefined }

export type PasswordProof = ProofOrigin & {
  identifier: string
  password: string
  /** /32 or /64, the unit in which addresses are limited. */
  addressPrefix: string
}

export type Proved = { outcome: 'proved'; accountId: string; deviceCookie: string }

export type Refused =
  /** Unknown person, wrong password and disabled account alike. */
  { outcome: 'refused' } | { outcome: 'limited'; retryAt: Date; retryAfterSeconds: number }

/** `expired`: the interaction is over; nothing was compared. */
export type Submitted = { outcome: 'expired' } | Proved | Refused

/** A sign-in without an interaction: an app of the owner's has a form of its own. */
export type SignedIn = { outcome: 'signed_in'; done: Done; deviceCookie: string }

export type Authn = ReturnType<typeof createAuthn>

export function createAuthn(deps: AuthnDeps) {
  const { db, clock, passwords, artifacts, accounts, audit, observe } = deps
  const seen = createSeen(deps)
  const { keepProof, ...steps } = createAttempts(deps)
  const deviceKey = deps.sealer.derive('device-cookie')
  const identifierKey = deps.sealer.derive('login-identifier')

  /**
   * Adds the proof that somebody reads the mail of this account: the service that spent the code or the link says so.
   * It shows the owner too, so that a password that guessing has turned off is on again.
   */
  function acceptMail(
    uid: string,
    { accountId, created = false }: { accountId: string; created?: boolean },
    origin: ProofOrigin,
  ): Proved {
    stage(currentUnit(), settleOwnerProof(accountId))
    const given: Proof = { method: 'email', accountId, at: clock.seconds() }
    keepProof(uid, given, created)
    return proved(given, origin)
  }

  function attemptBy(proof: PasswordProof): PasswordAttempt {
    const email = parseEmail(proof.identifier.trim())
    const username = email ? null : parseUsername(proof.identifier.trim())
    const spelled = email?.canonical ?? username ?? proof.identifier.trim().normalize('NFKC').toLowerCase()
    return {
      emailCanonical: email?.canonical ?? null,
      username,
      identifierHmac: createHmac('sha256', identifierKey).update(spelled).digest('base64url'),
      devices: readDevices(proof.deviceCookie, deviceKey, clock.now()),
      addressPrefix: proof.addressPrefix,
      unlimited: deps.isUnlimited(email?.canonical ?? null),
      now: clock.now(),
    }
  }

  /** Adds a password proof to the attempt. Two statements in all: one before the comparison, one after the handler. */
  async function submitPassword(uid: string, proof: PasswordProof): Promise<Submitted> {
    passwords.assertRoom()
    const { begun, interaction } = await beginPasswordInInteraction(db, uid, attemptBy(proof))
    artifacts.rememberInteraction(uid, interaction)
    const running = await artifacts.find('Interaction', uid)
    if (!running) return { outcome: 'expired' }

    steps.submitIdentifier(uid, proof.identifier)
    const compared = await compare(begun, proof)
    if ('outcome' in compared) return compared
    const given: Proof = { method: 'pwd', accountId: compared.accountId, at: clock.seconds() }
    keepProof(uid, given)
    return proved(given, proof)
  }

  /** The same without an interaction: whoever asks for it issues the session. */
  async function provePassword(proof: PasswordProof): Promise<SignedIn | Refused> {
    passwords.assertRoom()
    const begun = await beginPasswordAttempt(db, attemptBy(proof))
    const compared = await compare(begun, proof)
    return 'outcome' in compared ? compared : signIn('pwd', compared.accountId, proof)
  }

  /** Signs in whom another service has just proved: somebody who registered, or who read a mail of theirs. */
  function signIn(method: Proof['method'], accountId: string, origin: ProofOrigin): SignedIn {
    const given: Proof = { method, accountId, at: clock.seconds() }
    const done = doneBy(given, { emailMethods: true })
    if (!done) throw new Error(`${method} proves nothing`)
    if (method === 'email') stage(currentUnit(), settleOwnerProof(accountId))
    return { outcome: 'signed_in', done, deviceCookie: welcome(given, origin) }
  }

  /** Whose password it is, or why it is refused. Its limits are spent by now. */
  async function compare(
    begun: BegunAttempt,
    proof: PasswordProof,
  ): Promise<{ accountId: string } | Refused> {
    if (!begun.allowed) return refuse(proof, begun, 'limited')

    const { account } = begun
    const orGiveBack = (error: unknown) => giveBack(begun, error)
    const { ok, rehash } = await passwords
      .verify(account?.password_hash ?? null, proof.password)
      .catch(orGiveBack)
    if (!ok || !account || account.status !== 'active') return refuse(proof, begun, 'failed')

    if (rehash && account.password_hash) {
      const to = await passwords.hash(proof.password).catch(orGiveBack)
      await accounts.replaceHash(account.id, { from: account.password_hash, to })
    }
    stage(currentUnit(), settlePasswordAttempt(begun))
    // A sign-in that a new password overtakes while this one is compared would outlive it.
    seen.note(account.id, account.security_epoch)
    if (!begun.trusted) seen.noteNewDevice(account, proof)
    return { accountId: account.id }
  }

  /** Whom the full hash queue turns away has guessed nothing: trying again is not throttled for it. */
  async function giveBack(begun: BegunAttempt, error: unknown): Promise<never> {
    if (error instanceof AppError && error.kind === 'unavailable') {
      await db.query(giveBackPasswordStatement(begun))
    }
    throw error
  }

  const proved = (given: Proof, origin: ProofOrigin): Proved => ({
    outcome: 'proved',
    accountId: given.accountId,
    deviceCookie: welcome(given, origin),
  })

  /** Notes that somebody is in, and gives the cookie by which this device is known from now on. */
  function welcome(given: Proof, { requestId, address, deviceCookie }: ProofOrigin): string {
    const { accountId, method } = given
    seen.note(accountId)
    stage(
      currentUnit(),
      audit.recordWrite({
        type: 'authn.succeeded',
        actor: { kind: 'account', id: accountId },
        accountId,
        requestId,
        address,
        details: { amr: amrOf(given) },
      }),
    )
    observe(method, 'succeeded')
    return addDevice(accountId, { cookie: deviceCookie, key: deviceKey, now: clock.now() })
  }

  function refuse(proof: PasswordProof, begun: BegunAttempt, result: 'failed' | 'limited'): Refused {
    const { account, refusedBy, retryAfterSeconds } = begun
    stage(
      currentUnit(),
      audit.recordWrite({
        type: result === 'limited' ? 'authn.limited' : 'authn.failed',
        actor: { kind: 'stranger' },
        ...(account && { accountId: account.id }),
        requestId: proof.requestId,
        address: proof.address,
        details: { refusedBy: refusedBy ?? 'password' },
      }),
    )
    observe('pwd', result)
    if (result === 'failed') return { outcome: 'refused' }
    return { outcome: 'limited', retryAfterSeconds, retryAt: after(clock.now(), seconds(retryAfterSeconds)) }
  }

  /** Who has signed in in the browser with this cookie, the last one first. */
  const rememberedIn = (cookie: string | undefined): string[] => [
    ...readDevices(cookie, deviceKey, clock.now()).keys(),
  ]
  const forgetIn = (cookie: string | undefined, accountId: string): string =>
    removeDevice(accountId, { cookie, key: deviceKey, now: clock.now() })

  return {
    ...steps,
    rememberedIn,
    forgetIn,
    submitPassword,
    acceptMail,
    provePassword,
    signIn,
  }
}
