// Owns sign-in attempts: takes a proof, counts it against the limits, and adds it to the stored attempt.
// It is the only door to a session; what an attempt still needs is next-step.ts, what a page shows is src/oidc.
import { createHmac } from 'node:crypto'
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
import { addDevice, readDevices } from './device.ts'
import type { Attempt, Layout, Step } from './next-step.ts'
import { nextStep } from './next-step.ts'
import type { BegunAttempt } from './store.ts'
import { beginPasswordInInteraction, settlePasswordAttempt } from './store.ts'

export type AuthnDeps = {
  db: Db
  clock: Clock
  sealer: Pick<Sealer, 'derive'>
  passwords: Passwords
  artifacts: Pick<Artifacts, 'rememberInteraction' | 'saveAttempt' | 'attemptOf' | 'find'>
  accounts: Pick<AccountStore, 'replaceHash'>
  audit: Pick<Audit, 'recordWrite'>
  layout: Layout
  /** Whom test hooks exempt from the limits. */
  isUnlimited: (emailCanonical: string | null) => boolean
  /** Told how each attempt ended, for metrics. */
  observe: (result: 'succeeded' | 'failed' | 'limited') => void
}

export type PasswordProof = {
  identifier: string
  password: string
  address: string
  /** /32 or /64, the unit in which addresses are limited. */
  addressPrefix: string
  requestId: string
  deviceCookie: string | undefined
}

export type Submitted =
  /** The interaction is over; nothing was compared. */
  | { outcome: 'expired' }
  | { outcome: 'proved'; accountId: string; deviceCookie: string }
  /** Unknown person, wrong password and disabled account alike. */
  | { outcome: 'refused' }
  | { outcome: 'limited'; retryAt: Date; retryAfterSeconds: number }

export type Authn = ReturnType<typeof createAuthn>

export function createAuthn(deps: AuthnDeps) {
  const { db, clock, passwords, artifacts, accounts, audit, observe } = deps
  const deviceKey = deps.sealer.derive('device-cookie')
  const identifierKey = deps.sealer.derive('login-identifier')

  function attemptOf(uid: string): Attempt {
    return artifacts.attemptOf(uid) as Attempt
  }

  /** What the stored attempt needs next; `undefined` when the interaction is over. */
  async function stepOf(uid: string): Promise<Step | undefined> {
    if (!(await artifacts.find('Interaction', uid))) return undefined
    return nextStep(attemptOf(uid), { layout: deps.layout })
  }

  /** Keeps who the person says they are. Says nothing about whether there is such a person. */
  async function submitIdentifier(uid: string, identifier: string | undefined): Promise<Step | undefined> {
    if (!(await artifacts.find('Interaction', uid))) return undefined
    const { identifier: _, ...rest } = attemptOf(uid)
    const attempt: Attempt = identifier === undefined ? rest : { ...rest, identifier }
    artifacts.saveAttempt(uid, attempt, null)
    return nextStep(attempt, { layout: deps.layout })
  }

  async function begin(uid: string, proof: PasswordProof) {
    const email = parseEmail(proof.identifier.trim())
    const username = email ? null : parseUsername(proof.identifier.trim())
    const spelled = email?.canonical ?? username ?? proof.identifier.trim().normalize('NFKC').toLowerCase()
    return beginPasswordInInteraction(db, uid, {
      emailCanonical: email?.canonical ?? null,
      username,
      identifierHmac: createHmac('sha256', identifierKey).update(spelled).digest('base64url'),
      devices: readDevices(proof.deviceCookie, deviceKey, clock.now()),
      addressPrefix: proof.addressPrefix,
      unlimited: deps.isUnlimited(email?.canonical ?? null),
      now: clock.now(),
    })
  }

  /** Adds a password proof to the attempt. Two statements in all: one before the comparison, one after the handler. */
  async function submitPassword(uid: string, proof: PasswordProof): Promise<Submitted> {
    const { begun, interaction } = await begin(uid, proof)
    artifacts.rememberInteraction(uid, interaction)
    const running = await artifacts.find('Interaction', uid)
    if (!running) return { outcome: 'expired' }

    artifacts.saveAttempt(uid, { ...attemptOf(uid), identifier: proof.identifier }, null)
    if (!begun.allowed) return refuse(proof, begun, 'limited')

    const { account } = begun
    const { ok, rehash } = await passwords.verify(account?.password_hash ?? null, proof.password)
    if (!ok || !account || account.status !== 'active') return refuse(proof, begun, 'failed')

    if (rehash && account.password_hash) {
      const to = await passwords.hash(proof.password)
      await accounts.replaceHash(account.id, { from: account.password_hash, to })
    }
    return accept(uid, proof, begun, account.id)
  }

  function accept(uid: string, proof: PasswordProof, begun: BegunAttempt, accountId: string): Submitted {
    const unit = currentUnit()
    stage(unit, settlePasswordAttempt(begun))
    stage(
      unit,
      audit.recordWrite({
        type: 'authn.succeeded',
        actor: { kind: 'account', id: accountId },
        accountId,
        requestId: proof.requestId,
        address: proof.address,
        details: { amr: ['pwd'] },
      }),
    )
    const given = { method: 'pwd', accountId, at: clock.seconds() } as const
    artifacts.saveAttempt(uid, { identifier: proof.identifier, proofs: [given] }, accountId)
    observe('succeeded')
    return {
      outcome: 'proved',
      accountId,
      deviceCookie: addDevice(accountId, { cookie: proof.deviceCookie, key: deviceKey, now: clock.now() }),
    }
  }

  function refuse(proof: PasswordProof, begun: BegunAttempt, result: 'failed' | 'limited'): Submitted {
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
    observe(result)
    if (result === 'failed') return { outcome: 'refused' }
    return { outcome: 'limited', retryAfterSeconds, retryAt: after(clock.now(), seconds(retryAfterSeconds)) }
  }

  return { stepOf, submitIdentifier, submitPassword }
}
