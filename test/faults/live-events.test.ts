// Live events while processes end: what one of them could not tell any more, another tells.
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { listenTo } from '../support/event-stream.ts'
import { all, createManagement } from '../support/management.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startPair } from '../support/process.ts'
import { ask } from '../support/raw.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

it('a stream ends with SIGTERM and with kill -9, and goes on at another process where it was', async () => {
  const [first, second] = await startPair({ databaseUrl: database.url })
  onTestFinished(async () => {
    await Promise.all([first.kill(), second.kill()])
  })
  const api = createManagement(first.issuer)
  const as = await api.machineToken(all)
  const { host } = new URL(first.issuer)
  const query = '?types=client.created,client.updated'
  const addresses = [first, second].map(({ port }) => `http://127.0.0.1:${port}`)
  const create = async (at: number) => {
    const { status, text } = await ask(addresses[at] ?? '', {
      method: 'POST',
      path: '/api/v1/clients',
      headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json', host },
      body: JSON.stringify({ grant_types: ['client_credentials'], client_name: 'Robot' }),
    })
    expect(status).toBe(201)
    return (JSON.parse(text) as { client_id: string }).client_id
  }

  const dying = await listenTo(addresses[1] ?? '', { as, host, query })
  const ending = await listenTo(addresses[0] ?? '', { as, host, query })
  const made = [await create(0), await create(1)]
  await Promise.all([dying.count(2), ending.count(2)])

  await second.kill()
  expect(await dying.ends()).toBe(true)
  made.push(await create(0))
  const resumed = await listenTo(addresses[0] ?? '', { as, host, query, lastEventId: dying.lastId() })
  await Promise.all([resumed.count(1), ending.count(3)])
  const ids = (...parts: { heard: { data: Record<string, unknown> }[] }[]) =>
    parts.flatMap(({ heard }) => heard.map(({ data }) => data.client_id))
  expect(ids(dying, resumed)).toEqual(made)
  expect(ids(ending)).toEqual(made)

  const startedAt = performance.now()
  expect(await first.stop()).toBe(0)
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  expect([await ending.ends(), await resumed.ends()]).toEqual([true, true])
}, 60_000)
