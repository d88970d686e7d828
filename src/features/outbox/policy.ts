// Owns the rule when a mail that could not be sent is tried again.
import { minutes, seconds } from '../../kernel/time.ts'

const firstWaitMs = seconds(2)
const longestWaitMs = minutes(10)
const spread = 0.2

/** 2 s · 2ⁿ after n tries before, at most 10 min, ±20 %, so that mails do not come back all at once. */
export function waitMs(tries: number, chance: number): number {
  const wait = Math.min(firstWaitMs * 2 ** tries, longestWaitMs)
  return Math.round(wait * (1 - spread + 2 * spread * chance))
}
