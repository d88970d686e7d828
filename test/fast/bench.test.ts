// The arithmetic of the benchmark: what it says of a server must follow from what it saw.
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { BesideSignIns, Probes } from '../../bench/beside-sign-ins.ts'
import { isWarm, lengthOf, warmUpOf } from '../../bench/effort.ts'
import { goalsOf, judged } from '../../bench/goals.ts'
import { lending, openLoop } from '../../bench/open-loop.ts'
import { readOptions } from '../../bench/options.ts'
import { visitor } from '../../bench/people.ts'
import { peopleOf, peopleWithoutHash, planRun, stagesOf } from '../../bench/plan.ts'
import { median, medianRatio, quantile } from '../../bench/statistics.ts'

describe('statistics', () => {
  it('takes the middle, or the mean of the middle two', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN])
  })

  it('finds the value that a share of all does not exceed', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1)
    expect([0.5, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([50, 99, 100])
    expect([quantile([7], 0.99), quantile([], 0.99)]).toEqual([7, Number.NaN])
  })

  it('compares within each round, so that a noisy round spoils one pair only', () => {
    expect(medianRatio([2, 40, 6], [1, 20, 1])).toBe(2)
    expect(medianRatio([2, 4], [1])).toBe(2)
    expect(medianRatio(undefined, [1])).toBeUndefined()
  })
})

describe('a warm-up', () => {
  const wanted = { seconds: 8, operations: 8000, mostSeconds: 30 }

  it('takes the seconds and the operations, whichever come later', () => {
    expect(isWarm({ seconds: 8, operations: 7999 }, wanted)).toBe(false)
    expect(isWarm({ seconds: 7.9, operations: 90_000 }, wanted)).toBe(false)
    expect(isWarm({ seconds: 8, operations: 8000 }, wanted)).toBe(true)
  })

  it('ends at its cap, also when that is shorter than what was asked for', () => {
    expect(isWarm({ seconds: 30, operations: 5 }, wanted)).toBe(true)
    expect(isWarm({ seconds: 2, operations: 0 }, { ...wanted, mostSeconds: 2 })).toBe(true)
  })

  it('is shorter in later rounds, and takes the share of operations of its scenario', () => {
    expect(warmUpOf(wanted, { round: 1, share: 1 / 4 })).toEqual({ ...wanted, operations: 2000 })
    const later = { seconds: 1.5, operations: 50, mostSeconds: 6 }
    expect(warmUpOf(wanted, { round: 2, share: 1 / 20 })).toEqual(later)
  })
})

describe('a plan', () => {
  const planned = (only: string) => planRun(readOptions(['--only', only]))

  it('counts what each stage takes in all rounds', () => {
    const warmUp = { seconds: 8, operations: 8000, mostSeconds: 30 }
    const stage = { name: 'any', warmUps: 2, measuredSeconds: 8 }
    expect(lengthOf(stage, { rounds: 1, seconds: 4, warmUp })).toEqual({ least: 24, most: 68 })
    expect(lengthOf(stage, { rounds: 3, seconds: 4, warmUp })).toEqual({ least: 46, most: 108 })
  })

  it('keeps what has a part of the name, and makes people for it alone', () => {
    const { effort } = readOptions([])
    expect(stagesOf(planned('refresh'), effort).map(({ name }) => name)).toEqual([
      'refresh',
      'refresh in PostgreSQL',
    ])
    const people = ['discovery', 'code flow', 'refresh in', ''].map((only) => peopleOf(planned(only)))
    expect(people).toEqual([0, 0, 14, 32])
    expect(['code flow', 'userinfo'].map((only) => peopleWithoutHash(planned(only)))).toEqual([8, undefined])
  })

  it('refuses what is no number', () => {
    for (const text of ['', 'four', '-1', 'Infinity'])
      expect(() => readOptions([`--seconds=${text}`])).toThrow('--seconds takes a number')
  })

  it('gives each visitor an address and an account of their own', () => {
    const many = Array.from({ length: 70_000 }, (_, number) => visitor(number))
    expect(new Set(many.map(({ address }) => address)).size).toBe(many.length)
    expect(new Set(many.map(({ email }) => email)).size).toBe(many.length)
    expect(visitor(65_537).address).toBe('198.19.0.1')
  })
})

describe('load at a fixed rate', () => {
  it('counts the wait for its turn, so that a standstill shows', async () => {
    let asked = 0
    const lend = lending(['the only connection'])
    const latencies = await openLoop({
      perSecond: 200,
      isOver: () => asked === 10,
      operation: () => {
        asked += 1
        return lend(async () => asked < 0 || (await sleep(20, true)))
      },
    })
    // Ten are due within 45 ms and take 200 one after the other: the last one waits for nine.
    expect(latencies).toHaveLength(10)
    expect(latencies.at(-1)).toBeGreaterThan(140)
  })

  it('never finishes what is turned away, and ends with what goes wrong', async () => {
    let asked = 0
    const twice = { perSecond: 1000, isOver: () => asked === 2 }
    const found = await openLoop({ ...twice, operation: async () => asked++ === 0 })
    expect(found.at(-1)).toBe(Number.POSITIVE_INFINITY)
    const failing = async () => {
      throw new Error('a reply that nobody expected')
    }
    await expect(openLoop({ ...twice, isOver: () => false, operation: failing })).rejects.toThrow('nobody')
  })

  it('lends in the order of asking, and takes back what was dropped', async () => {
    const lend = lending([1])
    const order: string[] = []
    const dropped = lend(async () => {
      order.push('first')
      throw new Error('dropped')
    })
    const second = lend(async () => order.push('second'))
    await expect(dropped).rejects.toThrow('dropped')
    await second
    expect(order).toEqual(['first', 'second'])
  })
})

describe('a goal', () => {
  const nothing = { rows: [], refreshForms: undefined, besideSignIns: undefined }
  const found = (number: string, findings: Partial<Parameters<typeof goalsOf>[0]>) =>
    goalsOf({ ...nothing, ...findings })
      .filter(({ goal }) => goal.startsWith(number))
      .map(({ found, reached }) => [found, reached])

  it('is reached at its bound, and not judged without a measurement', () => {
    expect(judged('x', 1.2, { most: 1.2 })).toEqual({
      goal: 'x',
      wanted: '≤ 1.2',
      found: '1.20',
      reached: true,
    })
    expect(judged('x', 0.84, { least: 0.85 }).reached).toBe(false)
    expect(judged('x', undefined, { most: 1 })).toMatchObject({ found: '–', reached: undefined })
    expect(goalsOf(nothing).every(({ reached }) => reached === undefined)).toBe(true)
  })

  it('5 compares the writes with the writes, not with the whole refresh', () => {
    const refreshForms = {
      threeWrites: [160, 170, 400],
      oneWrite: [80, 68, 160],
      ordinaryRefresh: [320, 320, 320],
      foyerRefresh: [300, 300, 300],
    }
    expect(found('5', { refreshForms })).toEqual([['0.40', true]])
  })

  it('9 compares the slowest hundredth with and without a full queue, if it was full', () => {
    const latency = (p99Ms: number) => ({ p50Ms: 1, p99Ms, samples: 500 })
    const probes = (token: number, introspection: number): Probes => ({
      token: latency(token),
      introspection: latency(introspection),
    })
    const beside = (turnedAway: number): BesideSignIns => ({
      rounds: [
        { unloaded: probes(2, 2), loaded: probes(5, 7), offeredPerSecond: 200, signedIn: 900, turnedAway },
      ],
    })
    expect(found('9', { besideSignIns: beside(40) })).toEqual([
      ['2.50', true],
      ['3.50', false],
    ])
    expect(found('9', { besideSignIns: beside(0) })).toEqual([
      ['–', undefined],
      ['–', undefined],
    ])
  })
})
