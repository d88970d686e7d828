// The threads that compute argon2id: one hash at a time each, behind everything else, and replaced when they end.
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openHashThreads } from '../../src/platform/hash-threads.ts'

const options = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 }
const password = Buffer.from('analytical-engine-1843')

const kept: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(kept.splice(0).map((threads) => threads.close()))
})

async function open(count: number, observeHash?: (seconds: number) => void) {
  const threads = await openHashThreads({ count, options, observeHash })
  kept.push(threads)
  return threads
}

describe('the threads that compute hashes', () => {
  it('answer each in the order in which it was handed over, one thread one hash at a time', async () => {
    const observeHash = vi.fn()
    const threads = await open(1, observeHash)
    const answered: string[] = []
    const ask = (name: string) => threads.hash(Buffer.from(name)).then(() => answered.push(name))
    const startedAt = performance.now()
    await Promise.all(['first', 'second', 'third'].map(ask))
    const elapsed = (performance.now() - startedAt) / 1000
    expect(answered).toEqual(['first', 'second', 'third'])
    const computed = observeHash.mock.calls.map(([seconds]) => Number(seconds))
    expect(computed).toHaveLength(3)
    // Three at once would have taken less time than their sum.
    expect(computed.reduce((sum, seconds) => sum + seconds, 0)).toBeLessThanOrEqual(elapsed)
  })

  it('tell a malformed hash from a wrong password', async () => {
    const threads = await open(1)
    const hash = await threads.hash(password)
    expect(await threads.verify(hash, password)).toBe(true)
    expect(await threads.verify(hash, Buffer.from('wrong'))).toBe(false)
    await expect(threads.verify('$argon2id$nonsense', password)).rejects.toThrow()
    expect(await threads.verify(hash, password)).toBe(true)
  })

  it('leave the caller its bytes', async () => {
    const threads = await open(1)
    const bytes = Buffer.from(password)
    await threads.hash(bytes)
    expect(bytes.toString()).toBe('analytical-engine-1843')
  })

  it.runIf(process.platform === 'linux')('give way to everything else in the process', async () => {
    // The nineteenth field of proc_pid_stat(5), counted behind the name, which may hold anything
    const niceOf = (thread: string) =>
      Number(readFileSync(`/proc/self/task/${thread}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[16])
    const nices = () => readdirSync('/proc/self/task').map(niceOf)
    const own = niceOf(String(process.pid))
    const before = nices().filter((nice) => nice > own).length
    await open(1)
    const behind = nices().filter((nice) => nice > own)
    expect(behind).toHaveLength(before + 1)
    expect(niceOf(String(process.pid))).toBe(own)
  })

  it('are replaced when one ends, and whoever waited for it is told', async () => {
    const threads = await open(1)
    const hash = await threads.hash(password)
    const lost = threads.verify(hash, password)
    await threads.close()
    await expect(lost).rejects.toThrow('ended')
    expect(await threads.verify(hash, password)).toBe(true)
  })
})
