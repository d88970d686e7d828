import { createSecretKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  deriveSuccessor,
  type Outage,
  type PresentedToken,
  useOf,
} from '../../src/features/artifacts/refresh.ts'

const usedAt = new Date('2026-11-01T12:00:00Z')
const later = (seconds: number) => new Date(usedAt.getTime() + seconds * 1000)
const used: PresentedToken = { consumedAt: usedAt, hasChild: true, childConsumed: false, graceSeconds: 10 }
const outage = (from: number, to: number): Outage => ({ downSince: later(from), upSince: later(to) })

describe('what becomes of a refresh token that is presented', () => {
  const rows: [string, Partial<PresentedToken>, number, Outage | undefined, string][] = [
    ['unused', { consumedAt: null, hasChild: false }, 0, undefined, 'rotate'],
    [
      'unused, of a strict client',
      { consumedAt: null, hasChild: false, graceSeconds: 0 },
      0,
      undefined,
      'rotate',
    ],
    ['used this moment', {}, 0, undefined, 'replay'],
    ['used 9.9 s ago', {}, 9.9, undefined, 'replay'],
    ['used exactly 10 s ago', {}, 10, undefined, 'replay'],
    ['used 10.1 s ago', {}, 10.1, undefined, 'reuse'],
    ['used long ago', {}, 86_400, undefined, 'reuse'],
    ['used this moment, its child used too', { childConsumed: true }, 0, undefined, 'reuse'],
    ['used this moment, without a child', { hasChild: false }, 0, undefined, 'reuse'],
    ['used this moment, of a strict client', { graceSeconds: 0 }, 0, undefined, 'reuse'],
    ['used 59 s ago, with a grace of 60', { graceSeconds: 60 }, 59, undefined, 'replay'],
    ['grace cut by an outage, retried as it ends', {}, 100, outage(2, 95), 'replay'],
    ['grace cut by an outage, retried 10 s after its end', {}, 105, outage(2, 95), 'replay'],
    ['grace cut by an outage, retried 10.1 s after its end', {}, 105.1, outage(2, 95), 'reuse'],
    ['grace cut by an outage, its child used since', { childConsumed: true }, 96, outage(2, 95), 'reuse'],
    ['grace cut by an outage, of a strict client', { graceSeconds: 0 }, 96, outage(2, 95), 'reuse'],
    ['an outage that was over before the use', {}, 11, outage(-60, -1), 'reuse'],
    ['an outage that began after the grace', {}, 100, outage(11, 95), 'reuse'],
    ['an outage that began as the grace ended', {}, 96, outage(10, 95), 'replay'],
    ['an outage under way when the token was used', {}, 14, outage(-1, 5), 'replay'],
  ]
  it.each(rows)('%s', (_, token, seconds, away, expected) => {
    expect(useOf({ ...used, ...token }, later(seconds), away)).toBe(expected)
  })
})

describe('the successor', () => {
  const keyOf = (byte: number) => createSecretKey(Buffer.alloc(32, byte))
  const key = keyOf(1)

  it('is the same each time, and another for each parent, family and key', () => {
    const child = deriveSuccessor(key, 'family', 'parent')
    expect(deriveSuccessor(key, 'family', 'parent')).toBe(child)
    expect(child).toMatch(/^[\w-]{43}$/)
    const others = [
      deriveSuccessor(key, 'family', 'another'),
      deriveSuccessor(key, 'another', 'parent'),
      deriveSuccessor(keyOf(2), 'family', 'parent'),
    ]
    expect(new Set([child, ...others]).size).toBe(4)
  })
})
