// Owns the decision what a sign-in still needs. Pure: it sees the stored attempt and says the next step;
// steps never route to one another, and an unknown or empty proof counts for nothing.

/** A proof that was given in this very attempt, by whom and when (epoch seconds). */
export type Proof = { method: 'pwd' | 'email'; accountId: string; at: number }

/** A mail that the person was sent in this attempt and has not answered yet. */
export type Mailed = {
  /** Of the challenge, which knows the rest: see features/challenges. */
  id: string
  via: 'code' | 'link' | 'sign_up' | 'recovery'
  /** As it was typed. */
  email: string
  /** The code of a recovery was right, and a new password is what is missing. */
  proved?: true
}

/** What an interaction knows of the person so far. */
export type Attempt = {
  /** As it was typed: shown again, never trusted. */
  identifier?: string
  mailed?: Mailed
  proofs?: readonly Proof[]
  /** The proof made the account, and nobody has asked yet what its person is called. */
  isNewcomer?: true
}

export type Layout = 'identifier-first' | 'single'

/** What the client asks of a sign-in. */
export type Demand = {
  /** Whether a mail may sign in here at all. */
  emailMethods: boolean
  /** One of these levels must be reached (OIDC Core §5.5.1.1, essential `acr`); any level when absent. */
  levels?: readonly string[]
  /** The app wants the profile of its people, and no page of consent is to follow. */
  asksProfile?: boolean
}

export type Done = { do: 'done'; accountId: string; amr: string[]; acr: string; authTime: number }

export type Step =
  | { do: 'identifier' }
  | { do: 'password'; identifier: string }
  | { do: 'sign_in'; identifier: string | undefined }
  | { do: 'mail'; mailed: Mailed }
  | { do: 'new_password'; mailed: Mailed }
  /** Of an account just made: may be left empty, and is asked once. */
  | { do: 'profile'; accountId: string }
  | Done

/** Somebody who reads the account's mail, and nothing more. */
const emailLevel = 'urn:foyer:acr:email'
const passwordLevel = 'urn:foyer:acr:pwd'

/** Every level a sign-in can reach, the lowest first, for `acr_values_supported`: whoever reaches one has those before it. */
export const acrValues = [emailLevel, passwordLevel]

/** How a proof is named in `amr` (RFC 8176 §2), and the level it reaches alone. */
const worth = {
  // NIST SP 800-63B-4 §3.1.3.1 does not count mail as a factor, so it has the lowest level of its own.
  email: { amr: ['otp'], acr: emailLevel },
  pwd: { amr: ['pwd'], acr: passwordLevel },
} as const satisfies Record<Proof['method'], { amr: string[]; acr: string }>

export const amrOf = ({ method }: Proof): string[] => [...worth[method].amr]

/** Whether a session began with a mail and nothing else. Its level does not tell: a client may ask for the lowest. */
export const isByMailAlone = (amr: readonly string[] = []): boolean =>
  amr.length > 0 && amr.every((method) => method === 'otp')

/** The level to report: the highest that was reached of those asked for. */
function levelFor(reached: string, { levels = acrValues }: Demand): string | undefined {
  return acrValues.slice(0, acrValues.indexOf(reached) + 1).findLast((level) => levels.includes(level))
}

/** What a proof is worth by itself under these demands; nothing when it is not enough. */
export function doneBy(proof: Proof, demand: Demand): Done | undefined {
  const { method, accountId, at } = proof
  if (accountId === '' || !Object.hasOwn(worth, method)) return undefined
  if (method === 'email' && !demand.emailMethods) return undefined
  const acr = levelFor(worth[method].acr, demand)
  return acr === undefined ? undefined : { do: 'done', accountId, amr: amrOf(proof), acr, authTime: at }
}

/** Whether a proof by mail alone would do. */
export const mailSuffices = (demand: Demand): boolean =>
  demand.emailMethods && levelFor(emailLevel, demand) !== undefined

export type Known = {
  layout: Layout
  demand: Demand
  /** Whether the account that was proved says what its person is called. */
  isNamed?: boolean
}

export function nextStep(attempt: Attempt, { layout, demand, isNamed = false }: Known): Step {
  const byWorth = (attempt.proofs ?? []).toSorted(
    (left, right) => Number(right.method === 'pwd') - Number(left.method === 'pwd'),
  )
  for (const proof of byWorth) {
    const done = doneBy(proof, demand)
    if (!done) continue
    const asks = attempt.isNewcomer === true && demand.asksProfile === true && !isNamed
    return asks ? { do: 'profile', accountId: done.accountId } : done
  }

  const { mailed, identifier } = attempt
  if (mailed) return { do: mailed.proved ? 'new_password' : 'mail', mailed }
  if (layout === 'single') return { do: 'sign_in', identifier }
  if (identifier === undefined) return { do: 'identifier' }
  return { do: 'password', identifier }
}
