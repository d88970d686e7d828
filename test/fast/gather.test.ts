// What requests of one turn of the event loop ask for together.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { unavailable } from '../../src/kernel/errors.ts'
import { gather } from '../../src/platform/gather.ts'

function doubling(refuses: (inputs: number[]) => Error | undefined = () => undefined) {
  const runs: number[][] = []
  const double = gather<number, number>(
    async (inputs) => {
      runs.push(inputs)
      const error = refuses(inputs)
      if (error) throw error
      return inputs.map((input) => 2 * input)
    },
    { most: 3 },
  )
  return { double, runs }
}

describe('calls of one turn', () => {
  it('are answered from one run, each with its own output', async () => {
    const { double, runs } = doubling()
    expect(await Promise.all([double(1), double(2)])).toEqual([2, 4])
    expect(runs).toEqual([[1, 2]])
  })

  it('do not wait for those of a later turn', async () => {
    const { double, runs } = doubling()
    const first = double(1)
    await nextTurn()
    expect(await Promise.all([first, double(2)])).toEqual([2, 4])
    expect(runs).toEqual([[1], [2]])
  })

  it('go out at once when they are many', async () => {
    const { double, runs } = doubling()
    await Promise.all([1, 2, 3, 4].map(double))
    expect(runs).toEqual([[1, 2, 3], [4]])
  })

  it('do not suffer from one that fails', async () => {
    const { double, runs } = doubling((inputs) => (inputs.includes(2) ? new Error('no twos') : undefined))
    const outcomes = await Promise.allSettled([double(1), double(2), double(3)])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(runs).toEqual([[1, 2, 3], [1], [2], [3]])
  })

  it('are not tried one by one on a database that is away', async () => {
    const { double, runs } = doubling(() => unavailable('database_unavailable'))
    const outcomes = await Promise.allSettled([double(1), double(2)])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(runs).toHaveLength(1)
  })
})
