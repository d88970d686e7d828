// Owns the shape of a challenge: the proof of an address that a mailed code or link gives.
// What a proof is worth is decided where it is asked for: accounts, passwordless.

/** Where a request comes from: for limits, the audit log and the words of a mail. */
export type Origin = {
  address: string
  /** /32 or /64, the unit in which addresses are limited. */
  addressPrefix: string
  requestId: string
  /** The user agent as it was sent. */
  device: string
}

/**
 * What names a challenge: programs hold the secret `flow`, pages keep the id in the interaction, which is bound
 * to the browser's cookie.
 */
export type Handle = { flow: string } | { id: string }

export type ChallengePurpose = 'register' | 'sign_in' | 'recovery' | 'change_email'

/** What waits for the proof, sealed until then. Each purpose knows what it put there. */
export type Waiting = Readonly<Record<string, unknown>>

export type StartChallenge = {
  purpose: ChallengePurpose
  email: { address: string; canonical: string }
  /** The mail shows a code, or a link, or neither: strangers have a challenge as well. */
  carries: 'code' | 'link' | 'nothing'
  /** The account it is about, where that is known. It dies when the epoch moves on. */
  account?: { id: string; securityEpoch: number }
  /** Hash of the cookie of the browser that asked; unset where a program asked. */
  browserHash?: Uint8Array
  waiting?: Waiting
}

/** What the mail shows: the same in every mail of one challenge, since mails overtake each other. */
export type Carried = {
  code: string | null
  linkToken: string | null
}

export type Started = Carried & {
  id: string
  /** For programs; whoever holds it may try codes. */
  flow: string
  expiresAt: Date
  /** From when on another mail may be asked for. */
  resendAt: Date
}

export type Challenge = {
  id: string
  purpose: ChallengePurpose
  email: string
  emailCanonical: string
  accountId: string | null
  securityEpoch: number | null
  browserHash: Buffer | null
  waiting: Waiting
  attempts: number
  sends: number
  /** When the newest mail was asked for. */
  sentAt: Date
  expiresAt: Date
  usedAt: Date | null
}

export type Blocked = { outcome: 'blocked'; retryAt: Date; retryAfterSeconds: number }

export type Tried =
  /** Not spent yet: `spend` does that, in the transaction that uses the proof. */
  | { outcome: 'right'; challenge: Challenge }
  /** An unknown flow as well. */
  | { outcome: 'wrong' }
  /** Not compared and not counted. */
  | Blocked
  /** Used, expired, or tried too often: only a new challenge helps. */
  | { outcome: 'gone' }

export type Resent =
  | ({ outcome: 'due'; challenge: Challenge; resendAt: Date } & Carried)
  | { outcome: 'too_early'; resendAt: Date }
  | { outcome: 'gone' }

export type PeekedLink =
  /** In any browser but the one that asked, the code is all that a link gives. */
  | { state: 'same_browser' | 'other_browser'; challenge: Challenge; code: string }
  | { state: 'used'; challenge: Challenge }
  /** A link that never was as well: it may be long gone. */
  | { state: 'expired' }

/** What a page that asks for a code shows of it. */
export type ChallengeView = {
  id: string
  purpose: ChallengePurpose
  carries: 'code' | 'link' | 'nothing'
  email: string
  emailMasked: string
  sentAt: Date
  expiresAt: Date
  resendAt: Date
  /** Mails so far: after three a page leads with other ways. */
  sends: number
  /** A code may still be typed. */
  open: boolean
}
