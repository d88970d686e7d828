// Owns when a delivery that did not arrive is tried again, and when an address is given up.
import { days, hours, minutes, seconds } from '../../kernel/time.ts'

/** Before each try, as Standard Webhooks 1.0 proposes: after the last one there is no other. */
const waitsMs = [
  0,
  seconds(5),
  minutes(5),
  minutes(30),
  hours(2),
  hours(5),
  hours(10),
  hours(14),
  hours(20),
  hours(24),
]
const spread = 0.1
const longestFailureMs = days(5)

/** The answer of the receiver, or why there is none. */
export type Outcome = { status: number } | { error: 'timeout' | 'refused' | 'unreachable' }

export type Verdict = {
  state: 'delivered' | 'pending' | 'failed'
  /** From now; only of what is pending. */
  waitMs: number | null
  /** Why nothing is sent there any more. */
  disabled: 'gone' | 'failing' | undefined
}

export type Tried = { tries: number; failingSince: Date | null; now: Date; chance: number }

export const hasArrived = (outcome: Outcome): boolean =>
  'status' in outcome && outcome.status >= 200 && outcome.status < 300

/** `tries` counts the one that just ended. */
export function judge(outcome: Outcome, { tries, failingSince, now, chance }: Tried): Verdict {
  if (hasArrived(outcome)) return { state: 'delivered', waitMs: null, disabled: undefined }
  // The receiver says that it wants no more
  if ('status' in outcome && outcome.status === 410) return over('gone')
  if (failingSince && now.getTime() - failingSince.getTime() >= longestFailureMs) return over('failing')
  const wait = waitsMs[tries]
  if (wait === undefined) return over()
  return { state: 'pending', waitMs: spreadOut(wait, chance), disabled: undefined }
}

const over = (disabled?: Verdict['disabled']): Verdict => ({ state: 'failed', waitMs: null, disabled })

/** ±10 %, so that what failed together does not come back together. */
const spreadOut = (wait: number, chance: number): number =>
  Math.round(wait * (1 - spread + 2 * spread * chance))
