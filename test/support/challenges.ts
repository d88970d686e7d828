// Challenges of a running product under a clock that the test holds, and requests that come from anywhere.

import type { ChallengePurpose, Origin, StartChallenge } from '../../src/features/challenges/schema.ts'
import { createChallenges } from '../../src/features/challenges/service.ts'
import { createLimiter } from '../../src/platform/limiter.ts'
import type { TestApp } from './app.ts'

export const noon = new Date('2026-11-01T12:00:00.000Z')

let origins = 0
/** One nobody used before: limits of addresses are not what a test is about. */
export function newOrigin(): Origin {
  const address = `198.${18 + ((origins >> 16) & 1)}.${(origins >> 8) & 255}.${origins++ & 255}`
  return { address, addressPrefix: `${address}/32`, requestId: 'test', device: 'Test' }
}
export const from = (address = newOrigin().address) => ({ headers: { 'x-forwarded-for': address } })

export function createHeldClock(now = noon) {
  let millis = now.getTime()
  return {
    now: () => new Date(millis),
    millis: () => millis,
    seconds: () => Math.floor(millis / 1000),
    pass: (seconds: number) => {
      millis += seconds * 1000
    },
  }
}

export function challengesOf(app: TestApp, clock = createHeldClock()) {
  const limiter = createLimiter(app.services)
  const challenges = createChallenges({ ...app.services, clock, limiter, unlimited: [] })

  /** One that a mail would be sent for. */
  const start = (purpose: ChallengePurpose, email: string, more: Partial<StartChallenge> = {}) =>
    app.services.db.inTransaction((tx) =>
      challenges.start(tx, {
        purpose,
        email: { address: email, canonical: email },
        carries: 'code',
        ...more,
      }),
    )
  const guess = (purpose: ChallengePurpose, flow: string, code: string, origin = newOrigin()) =>
    challenges.tryCode({ flow }, code, { purpose, origin })
  const spend = (id: string) => app.services.db.inTransaction((tx) => challenges.spend(tx, id))
  return { challenges, clock, start, guess, spend }
}

/** A code that this one is not. */
export const otherThan = (code: string | null): string => (code === '000000' ? '111111' : '000000')
