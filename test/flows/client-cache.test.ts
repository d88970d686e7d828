// Clients in memory: a change made by one process is seen by the others, and Redis is believed no further than that.

import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { redisServer, startRedis } from '../support/redis.ts'
import { basic } from '../support/rp.ts'

const operator = { kind: 'operator' } as const

async function machineToken({ issuer }: TestApp): Promise<number> {
  const response = await fetch(`${issuer}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: basic('demo-machine', 'demo-machine-secret') },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'users:read' }),
  })
  await response.arrayBuffer()
  return response.status
}

/** Within the second that the contract allows. */
async function soon(expected: number, ask: () => Promise<number>): Promise<number> {
  let status = await ask()
  for (let tries = 0; status !== expected && tries < 20; tries += 1) {
    await sleep(50)
    status = await ask()
  }
  return status
}

describe('two processes on one database', () => {
  let database: TestDatabase
  const apps: TestApp[] = []
  const open = async (env: Record<string, string> = {}) => {
    const app = await startApp({ databaseUrl: database.url, env })
    apps.push(app)
    return app
  }

  beforeEach(async () => {
    database = await createTestDatabase()
  })
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()))
    await database.drop()
  })

  it('reads a client once and then from memory', async () => {
    const app = await open()
    await machineToken(app)
    app.statements()
    expect(await machineToken(app)).toBe(200)
    expect(app.statements().filter((name) => name === 'client_for_protocol')).toEqual([])
  })

  it('sees a secret that the other process rotated twice', async () => {
    const [one, two] = [await open(), await open()]
    expect(await machineToken(two)).toBe(200)
    await one.services.clients.rotateSecret(operator, 'demo-machine')
    expect(await machineToken(two)).toBe(200)
    await one.services.clients.rotateSecret(operator, 'demo-machine')
    expect(await soon(401, () => machineToken(two))).toBe(401)
  })

  it('forgets what it remembers when the connection that tells of changes was lost', async () => {
    const app = await open()
    expect(await machineToken(app)).toBe(200)
    // Behind its back: nobody was told, so memory still answers.
    await database.db.query({
      text: `UPDATE clients SET enabled = false WHERE id = 'demo-machine'`,
      values: [],
    })
    expect(await machineToken(app)).toBe(200)

    const listening = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'foyer listener'`
    await database.db.query({ text: listening, values: [] })
    expect(await soon(401, () => machineToken(app))).toBe(401)
    await database.db.query({
      text: `UPDATE clients SET enabled = true WHERE id = 'demo-machine'`,
      values: [],
    })
  })

  describe.skipIf(redisServer === undefined)('with Redis', () => {
    it('takes from Redis what another process read, sealed, and drops what was put there by a stranger', async () => {
      const redis = await startRedis()
      const client = new Redis(redis.url)
      onTestFinished(async () => {
        client.disconnect()
        await redis.close()
      })
      const one = await open({ REDIS_URL: redis.url })
      const two = await open({ REDIS_URL: redis.url })
      // Both told Redis of their start; the stamp settles with the first read.
      await machineToken(one)
      await sleep(100)
      const kept = await client.get('foyer:client:demo-machine')
      expect(kept).toBeTruthy()
      expect(Buffer.from(String(kept), 'base64').toString('latin1')).not.toContain('demo-machine')

      two.statements()
      await machineToken(two)
      expect(two.statements()).not.toContain('client_for_protocol')

      await client.set('foyer:client:demo-web', 'forged')
      const three = await open({ REDIS_URL: redis.url })
      three.statements()
      const response = await fetch(`${three.issuer}/oauth2/token`, {
        method: 'POST',
        headers: { authorization: basic('demo-web', 'demo-web-secret') },
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'unknown' }),
      })
      expect(response.status).toBe(400)
      expect(three.statements()).toContain('client_for_protocol')
    })
  })
})
