// Owns what is kept of a sign-in between its pages: who somebody says they are, which mail they were sent, which proof
// is in, and what is still to be asked. Whether a proof is one is service.ts.
import type { Artifacts } from '../artifacts/service.ts'
import {
  type Attempt,
  type Demand,
  type Layout,
  type Mailed,
  nextStep,
  type Proof,
  type Step,
} from './next-step.ts'

export type AttemptsDeps = {
  artifacts: Pick<Artifacts, 'saveAttempt' | 'attemptOf' | 'find' | 'accountOf'>
  layout: Layout
}

export function createAttempts({ artifacts, layout }: AttemptsDeps) {
  const attemptOf = (uid: string) => artifacts.attemptOf(uid) as Attempt

  /** What the stored attempt needs next; `undefined` when the interaction is over. */
  async function stepOf(uid: string, demand: Demand): Promise<Step | undefined> {
    if (!(await artifacts.find('Interaction', uid))) return undefined
    const attempt = attemptOf(uid)
    return nextStep(attempt, { layout, demand, isNamed: await isNamed(attempt) })
  }

  /** Only newcomers are looked up: the read of their interaction has brought the account along. */
  async function isNamed({ isNewcomer, proofs = [] }: Attempt): Promise<boolean> {
    const [proof] = proofs
    if (!isNewcomer || !proof) return false
    return (await artifacts.accountOf(proof.accountId))?.profile.name !== undefined
  }

  /** Keeps who the person says they are. Says nothing about whether there is such a person. */
  function submitIdentifier(uid: string, identifier: string | undefined): void {
    artifacts.saveAttempt(uid, identifier === undefined ? {} : { identifier }, null)
  }

  /** What is known of the person in an interaction that is under way in this browser. */
  async function runningAttempt(uid: string): Promise<Attempt | undefined> {
    return (await artifacts.find('Interaction', uid)) && attemptOf(uid)
  }

  /** Keeps which mail the person was sent; without one they are back at the password. */
  function keepMailed(uid: string, mailed: Mailed | undefined): void {
    const identifier = mailed?.email ?? attemptOf(uid).identifier
    artifacts.saveAttempt(uid, { ...(identifier && { identifier }), ...(mailed && { mailed }) }, null)
  }

  /** Nothing else is waited for any more. */
  function keepProof(uid: string, given: Proof, isNewcomer = false): void {
    const { identifier } = attemptOf(uid)
    const attempt: Attempt = {
      ...(identifier && { identifier }),
      proofs: [given],
      ...(isNewcomer && { isNewcomer }),
    }
    artifacts.saveAttempt(uid, attempt, given.accountId)
  }

  /** The newcomer has been asked, whatever the answer was. */
  function settleProfile(uid: string, accountId: string): void {
    const { isNewcomer: _, ...attempt } = attemptOf(uid)
    artifacts.saveAttempt(uid, attempt, accountId)
  }

  return { stepOf, submitIdentifier, runningAttempt, keepMailed, keepProof, settleProfile }
}
