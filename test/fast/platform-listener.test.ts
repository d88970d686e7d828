import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createListener, type Listener } from '../../src/platform/listener.ts'
import { createTestDatabase, silentLog, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

async function listening(): Promise<Listener> {
  const listener = createListener({ connection: database.connection, log: silentLog() })
  onTestFinished(() => listener.close())
  await expect.poll(listener.isUp).toBe(true)
  return listener
}

const notify = (channel: string, payload: string) =>
  database.db.query({ text: 'SELECT pg_notify($1, $2)', values: [channel, payload] })

const cutOff = () =>
  database.db.query({
    text: "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'foyer listener' AND datname = current_database()",
    values: [],
  })

describe('the listener', () => {
  it('hears what is notified on its channels, and nothing else', async () => {
    const listener = await listening()
    const heard: string[] = []
    listener.on('clients', (payload) => heard.push(payload))
    listener.on('clients', (payload) => heard.push(`${payload} again`))
    await expect.poll(listener.isUp).toBe(true)

    await notify('others', 'x')
    await notify('clients', 'a')
    await expect.poll(() => heard).toEqual(['a', 'a again'])
  })

  it('is down until a new channel is heard, and then says that caches begin anew', async () => {
    const listener = await listening()
    let begun = 0
    listener.onUp(() => {
      begun += 1
    })
    listener.on('Strange "channel"', () => undefined)
    expect(listener.isUp()).toBe(false)
    await expect.poll(listener.isUp).toBe(true)
    expect(begun).toBe(1)
  })

  it('is down as soon as its connection breaks, comes back, and hears again', async () => {
    const listener = await listening()
    const heard: string[] = []
    const states: boolean[] = []
    listener.on('clients', (payload) => heard.push(payload))
    await expect.poll(listener.isUp).toBe(true)
    listener.onUp(() => states.push(listener.isUp()))
    listener.onDown(() => states.push(listener.isUp()))

    await cutOff()
    await expect.poll(listener.isUp, { interval: 1 }).toBe(false)
    await expect.poll(listener.isUp, { timeout: 5_000 }).toBe(true)
    expect([states.at(0), states.at(-1)]).toEqual([false, true])
    await notify('clients', 'b')
    await expect.poll(() => heard).toEqual(['b'])
  })

  it('survives a handler that fails', async () => {
    const listener = await listening()
    const heard: string[] = []
    listener.on('clients', () => {
      throw new Error('broken')
    })
    listener.on('clients', (payload) => heard.push(payload))
    await expect.poll(listener.isUp).toBe(true)
    await notify('clients', 'c')
    await expect.poll(() => heard).toEqual(['c'])
  })

  it('is down for good once closed', async () => {
    const listener = await listening()
    await listener.close()
    expect(listener.isUp()).toBe(false)
  })
})
