import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gapMs, gcra } from '../../src/platform/limiter.ts'

// What GCRA is an optimisation of: a bucket of whole attempts that drips one gap at a time.
function createOracle({ burst, gap }: { burst: number; gap: number }) {
  let spentMs = 0
  let last = 0
  return (now: number) => {
    spentMs = Math.max(0, spentMs - (now - last))
    last = now
    if (spentMs + gap > burst * gap) return { allowed: false, retryAfterMs: spentMs + gap - burst * gap }
    spentMs += gap
    return { allowed: true, retryAfterMs: 0 }
  }
}

const rate = fc.record({
  burst: fc.integer({ min: 1, max: 50 }),
  periodMs: fc.integer({ min: 50, max: 4_000_000 }),
})
const pauses = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300_000 })), { maxLength: 200 })

describe('gcra', () => {
  it('decides as a leaking bucket does, whenever attempts arrive', () => {
    fc.assert(
      fc.property(rate, pauses, (given, waits) => {
        const oracle = createOracle({ burst: given.burst, gap: gapMs(given) })
        let now = 1_000_000
        let tat = 0
        for (const wait of waits) {
          now += wait
          const expected = oracle(now)
          const decision = gcra(tat, now, { rate: given })
          expect({ allowed: decision.allowed, retryAfterMs: decision.retryAfterMs }).toEqual(expected)
          tat = decision.tat
        }
      }),
      { numRuns: 500 },
    )
  })

  it('allows the attempt at the stated wait and refuses it a millisecond earlier', () => {
    fc.assert(
      fc.property(rate, (given) => {
        let tat = 0
        for (let attempt = 0; attempt < given.burst; attempt += 1) tat = gcra(tat, 1000, { rate: given }).tat
        const { allowed, retryAfterMs } = gcra(tat, 1000, { rate: given })
        expect(allowed).toBe(false)
        expect(gcra(tat, 1000 + retryAfterMs, { rate: given }).allowed).toBe(true)
        expect(gcra(tat, 999 + retryAfterMs, { rate: given }).allowed).toBe(false)
      }),
    )
  })

  it('leaves the bucket as it is when it refuses', () => {
    const given = { burst: 2, periodMs: 1000 }
    const full = 1000 + 2 * gapMs(given)
    expect(gcra(full, 1000, { rate: given })).toMatchObject({ allowed: false, tat: full })
  })

  it('takes as many gaps as an attempt costs', () => {
    const given = { burst: 4, periodMs: 4000 }
    expect(gcra(0, 10_000, { rate: given, cost: 3 }).tat).toBe(13_000)
    expect(gcra(0, 10_000, { rate: given, cost: 5 })).toMatchObject({ allowed: false, retryAfterMs: 1000 })
  })
})
