// The arithmetic of the benchmark: what it says of a server must follow from what it saw.
import { describe, expect, it } from 'vitest'
import { isWarm, lengthOf, warmUpOf } from '../../bench/effort.ts'
import { goalsOf, judged } from '../../bench/goals.ts'
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

describe('a goal', () => {
  const nothing = { rows: [], refreshForms: undefined }
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
})
