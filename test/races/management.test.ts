// What happens once at the management API although many ask two products for it at the same moment.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { raceRounds } from '../support/barrier.ts'
import { all, createManagement } from '../support/management.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const parallel = 50
const rounds = raceRounds(10)

let database: TestDatabase
let apps: TestApp[] = []
let doors: { api: ReturnType<typeof createManagement>; token: string }[] = []

beforeAll(async () => {
  database = await createTestDatabase()
  apps = [await startApp({ databaseUrl: database.url }), await startApp({ databaseUrl: database.url })]
  const [first, second] = apps
  if (!first || !second) throw new Error('no product')
  // The second start made the demo’s machine one of its own API; it is one of both
  const identifier = `${first.issuer}/api/v1`
  const scopes = all.split(' ')
  await first.services.clients.allowApi('demo-machine', { identifier, scopes, serves: true })
  doors = await Promise.all(
    apps.map(async ({ issuer }) => {
      const api = createManagement(issuer)
      return { api, token: await api.machineToken(all, undefined, `${issuer}/api/v1`) }
    }),
  )
}, 60_000)

afterAll(async () => {
  for (const app of apps) await app.close()
  await database.drop()
})

type Asking = {
  method: string
  path: string
  json: (turn: number) => object
  headers?: Record<string, string>
}

async function askAtOnce({ method, path, json, headers = {} }: Asking) {
  // More than a minute’s worth is asked here
  await database.db.query({ text: `DELETE FROM rate_limits WHERE key LIKE 'api.%'`, values: [] })
  return Promise.all(
    Array.from({ length: parallel }, (_, turn) => {
      const door = doors[turn % doors.length]
      if (!door) throw new Error('no product')
      return door.api.ask(method, path, { as: door.token, json: json(turn), headers })
    }),
  )
}

describe(`${parallel} at once, ${rounds} rounds`, () => {
  it('make one client for one Idempotency-Key', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const name = `Robot ${round}`
      const answers = await askAtOnce({
        method: 'POST',
        path: '/clients',
        json: () => ({ grant_types: ['client_credentials'], client_name: name }),
        headers: { 'idempotency-key': randomUUID() },
      })
      const made = await database.db.query({
        text: `SELECT id FROM clients WHERE metadata->>'client_name' = $1`,
        values: [name],
      })
      expect(made).toHaveLength(1)
      const secrets = answers.filter(({ status }) => status === 201).map(({ body }) => body.client_secret)
      expect(new Set(secrets).size).toBe(1)
      expect(new Set(answers.map(({ status }) => status))).toEqual(
        new Set(answers.some(({ status }) => status === 409) ? [201, 409] : [201]),
      )
    }
  })

  it('change one version of a person once', async () => {
    const [door] = doors
    if (!door) throw new Error('no product')
    const made = await door.api.ask('POST', '/users', {
      as: door.token,
      json: { email: 'raced@example.test' },
    })
    const path = `/users/${made.body.id}`
    for (let round = 1; round <= rounds; round += 1) {
      const read = await door.api.ask('GET', path, { as: door.token })
      const answers = await askAtOnce({
        method: 'PATCH',
        path,
        json: (turn) => ({ nickname: `n${turn}` }),
        headers: { 'if-match': read.headers.get('etag') ?? '' },
      })
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
      // A machine that is busy elsewhere may add that the database took too long
      const others = answers.map(({ status }) => status).filter((status) => status !== 200 && status !== 503)
      expect(new Set(others)).toEqual(new Set([412]))
    }
  })
})
