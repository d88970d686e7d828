// Key sets that are fetched: how long they are served, and that they never take more memory than they may.
import { describe, expect, it } from 'vitest'
import { createWeighedMap } from '../../src/kernel/weighed-map.ts'
import { createOutgoing } from '../../src/oidc/outgoing.ts'

/** An address whose keys are as long as asked; it is down while `isDown` says so. */
function serverOf({ length }: { length: number }) {
  const state = { isDown: false, asked: 0, at: Date.UTC(2026, 0, 1) }
  const body = JSON.stringify({ keys: [], padding: 'x'.repeat(length) })
  const outgoing = createOutgoing({
    clock: { millis: () => state.at } as Parameters<typeof createOutgoing>[0]['clock'],
    call: async () => {
      state.asked += 1
      if (state.isDown) throw new Error('down')
      return { status: 200, headers: {}, body, bytes: Buffer.from(body) }
    },
  })
  return { state, outgoing }
}
const addressOf = (index: number) => `https://app-${index}.example/jwks`

describe('key sets that were fetched', () => {
  it('are served for a day while their address is down, which is left alone for half a minute', async () => {
    const { state, outgoing } = serverOf({ length: 10 })
    await outgoing.fetchKeys(addressOf(1))
    state.isDown = true
    for (const _ of [1, 2, 3]) expect((await outgoing.fetchKeys(addressOf(1))).status).toBe(200)
    expect(state.asked).toBe(2)
    state.at += 24 * 3_600_000
    await expect(outgoing.fetchKeys(addressOf(1))).rejects.toThrow()
  })

  it('are let go of by what they weigh, the oldest first', async () => {
    const { state, outgoing } = serverOf({ length: 60_000 })
    for (let index = 0; index < 100; index += 1) await outgoing.fetchKeys(addressOf(index))
    state.isDown = true
    await expect(outgoing.fetchKeys(addressOf(0))).rejects.toThrow()
    await expect(outgoing.fetchKeys(addressOf(30))).rejects.toThrow()
    // 8 MiB at two bytes a character hold 69 of them; each refusal above is noted in a few hundred bytes
    expect((await outgoing.fetchKeys(addressOf(40))).status).toBe(200)
    expect((await outgoing.fetchKeys(addressOf(99))).status).toBe(200)
  })

  it('are not taken when one alone is longer than any set of keys', async () => {
    const { outgoing } = serverOf({ length: 64 * 1024 })
    await expect(outgoing.fetchKeys(addressOf(1))).rejects.toThrow('too long')
  })
})

describe('a map that is bounded by weight', () => {
  const map = () => createWeighedMap<string>({ most: 10, weigh: (_, value) => value.length })

  it('lets go of as many as it takes, and of no more', () => {
    const kept = map()
    for (const key of ['a', 'b', 'c']) kept.set(key, '123')
    kept.set('d', '12345')
    expect(['a', 'b', 'c', 'd'].map(kept.get)).toEqual([undefined, undefined, '123', '12345'])
  })

  it('weighs what is set anew once', () => {
    const kept = map()
    kept.set('a', '12345')
    for (const _ of [1, 2, 3]) kept.set('b', '12345')
    expect([kept.get('a'), kept.get('b')]).toEqual(['12345', '12345'])
  })

  it('takes nothing that is too heavy by itself, and forgets what stood there', () => {
    const kept = map()
    kept.set('a', '1')
    kept.set('a', '12345678901')
    expect(kept.get('a')).toBeUndefined()
  })
})
