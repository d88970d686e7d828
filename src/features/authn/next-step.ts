// Owns the decision what a sign-in still needs. Pure: it sees the stored attempt and says the next step;
// steps never route to one another, and an unknown or empty proof counts for nothing.

/** A proof that was given in this very attempt, by whom and when (epoch seconds). */
export type Proof = { method: 'pwd'; accountId: string; at: number }

/** What an interaction knows of the person so far. */
export type Attempt = {
  /** As it was typed: shown again, never trusted. */
  identifier?: string
  proofs?: readonly Proof[]
}

export type Layout = 'identifier-first' | 'single'

export type Step =
  | { do: 'identifier' }
  | { do: 'password'; identifier: string }
  | { do: 'sign_in'; identifier: string | undefined }
  | { do: 'done'; accountId: string; amr: string[]; acr: string; authTime: number }

/** Password alone (RFC 8176 `pwd`). */
const singleFactor = 'urn:foyer:acr:pwd'

/** Every level a sign-in can reach, for `acr_values_supported`. */
export const acrValues = [singleFactor]

export function nextStep(attempt: Attempt, { layout }: { layout: Layout }): Step {
  const proof = attempt.proofs?.find((given) => given.method === 'pwd' && given.accountId !== '')
  if (proof)
    return { do: 'done', accountId: proof.accountId, amr: ['pwd'], acr: singleFactor, authTime: proof.at }

  if (layout === 'single') return { do: 'sign_in', identifier: attempt.identifier }
  if (attempt.identifier === undefined) return { do: 'identifier' }
  return { do: 'password', identifier: attempt.identifier }
}
