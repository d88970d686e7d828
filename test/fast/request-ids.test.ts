// The ids of requests: made without drawing chance for each, and never the same for two.
import { describe, expect, it } from 'vitest'
import { createRequestIds } from '../../src/kernel/request-ids.ts'

const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('the ids of requests', () => {
  it('are UUIDv7 of the moment, ascending while the counter lasts', () => {
    let now = 1_800_000_000_000
    const next = createRequestIds({ millis: () => now })
    const ids = [next(), next(), next()]
    now += 1
    ids.push(next())
    for (const id of ids) expect(id).toMatch(shape)
    expect(ids.toSorted()).toEqual(ids)
    const stamp = Number.parseInt((ids[0] ?? '').replace('-', '').slice(0, 12), 16)
    expect(stamp).toBe(1_800_000_000_000)
  })

  it('differ within a millisecond, beyond the counter, and between processes', () => {
    const clock = { millis: () => 1_800_000_000_000 }
    const [one, other] = [createRequestIds(clock), createRequestIds(clock)]
    const ids = Array.from({ length: 10_000 }, () => [one(), other()]).flat()
    expect(new Set(ids).size).toBe(20_000)
  })

  it('differ when the clock steps back', () => {
    let now = 1_800_000_000_000
    const next = createRequestIds({ millis: () => now })
    const ids = [5, 0, 5, 0].map((offset) => {
      now = 1_800_000_000_000 + offset
      return next()
    })
    expect(new Set(ids).size).toBe(4)
  })
})
