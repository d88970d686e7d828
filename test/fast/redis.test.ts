// Redis present, absent, killed and frozen: whatever it does, it costs little and decides nothing.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { stopwatch } from '../../src/kernel/time.ts'
import { openRedis, type Redis } from '../../src/platform/redis.ts'
import { captureLog } from '../support/edge.ts'
import { freePort } from '../support/ports.ts'
import { redisServer, startRedis, type TestRedis } from '../support/redis.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function connect(url: string | undefined): Promise<{ redis: Redis; lines: Record<string, unknown>[] }> {
  const { log, lines } = captureLog()
  const redis = await openRedis(url, { log })
  closing.push(() => redis.close())
  return { redis, lines }
}

async function connected(): Promise<{ server: TestRedis; redis: Redis; lines: Record<string, unknown>[] }> {
  const server = await startRedis()
  closing.push(() => server.close())
  const { redis, lines } = await connect(server.url)
  await vi.waitFor(() => expect(redis.isUp()).toBe(true), { timeout: 5_000 })
  return { server, redis, lines }
}

describe('without Redis', () => {
  it('everything is a miss', async () => {
    const { redis } = await connect(undefined)
    await redis.set('a', '1', 1_000)
    expect(await redis.get('a')).toBeNull()
    expect(redis.isUp()).toBe(false)
  })

  it('that was promised, everything is a miss too, and the log hears of it once', async () => {
    const { redis, lines } = await connect(`redis://127.0.0.1:${await freePort()}`)
    await expect.poll(() => lines.length).toBeGreaterThan(0)
    await sleep(300)
    await redis.set('a', '1', 1_000)
    expect(await redis.get('a')).toBeNull()
    expect(redis.isUp()).toBe(false)
    expect(lines.map(({ event, role }) => `${event} ${role}`).sort()).toEqual([
      'redis.down commands',
      'redis.down messages',
    ])
  })
})

describe.runIf(redisServer)('with Redis', () => {
  it('keeps values until they expire or are deleted', async () => {
    const { redis } = await connected()
    await redis.set('short', '1', 50)
    await redis.set('long', '2', 60_000)
    expect(await redis.get('long')).toBe('2')
    await expect.poll(() => redis.get('short')).toBeNull()
    expect(await redis.get('long')).toBe('2')
    await redis.delete('long')
    expect(await redis.get('long')).toBeNull()
  })

  it('carries messages between nodes, those who come back included', async () => {
    const { server, redis } = await connected()
    const { redis: other } = await connect(server.url)
    const heard: string[] = []
    other.subscribe('clients', (message) => heard.push(message))
    const hears = async (message: string) => {
      await vi.waitFor(
        async () => {
          await redis.publish('clients', message)
          expect(heard).toContain(message)
        },
        { timeout: 8_000, interval: 100 },
      )
    }
    await hears('before')
    await server.kill()
    await server.start()
    await hears('after')
  })

  it('is a miss while it is gone, and serves again by itself', async () => {
    const { server, redis } = await connected()
    await server.kill()
    expect(await redis.get('a')).toBeNull()
    await expect.poll(redis.isUp).toBe(false)
    await server.start()
    await expect.poll(redis.isUp).toBe(true)
    await redis.set('a', '1', 60_000)
    expect(await redis.get('a')).toBe('1')
  })

  it('costs next to nothing once it hangs, and serves again after it woke up', async () => {
    const { server, redis, lines } = await connected()
    server.freeze()
    await redis.get('a')
    await redis.get('a')
    const elapsed = stopwatch()
    for (let count = 0; count < 100; count += 1) expect(await redis.get('a')).toBeNull()
    // A hundred time-outs would be five seconds; half of one tells the two apart on any machine
    expect(elapsed()).toBeLessThan(0.5)
    expect(lines.map(({ event }) => event)).toContain('redis.paused')

    server.thaw()
    await vi.waitFor(
      async () => {
        await redis.set('a', '1', 60_000)
        expect(await redis.get('a')).toBe('1')
      },
      { timeout: 10_000, interval: 200 },
    )
  })
})
