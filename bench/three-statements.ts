// The form that a refresh takes in an ordinary adapter: three statements, each a transaction of its own, that write
// the same rows as Foyer's one. Measured is what they cost PostgreSQL, on copies of Foyer's tables.
import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { connectDatabase } from '../src/platform/database.ts'
import { createLog } from '../src/platform/log.ts'
import type { Foyer } from './targets.ts'

const connections = 14

const tables = `
  DROP TABLE IF EXISTS bench_refresh_tokens, bench_artifacts;
  CREATE TABLE bench_refresh_tokens (LIKE refresh_tokens INCLUDING ALL);
  CREATE TABLE bench_artifacts (LIKE artifacts INCLUDING ALL)`

const statements = {
  consume: `UPDATE bench_refresh_tokens SET consumed_at = now(), replaced_by = $2 WHERE id_hash = $1`,
  refreshToken: `INSERT INTO bench_refresh_tokens
    (id_hash, family_id, generation, grant_id, client_id, account_id, payload, issued_at, expires_at)
    VALUES ($1, $2, 1, $3, 'bench', $4, $5, now(), now() + interval '30 days')`,
  accessToken: `INSERT INTO bench_artifacts (kind, id_hash, grant_id, client_id, payload, expires_at)
    VALUES ('AccessToken', $1, $2, 'bench', $3, now() + interval '15 minutes')`,
}

/** Microseconds of PostgreSQL for one refresh. Needs rows to take payloads from, so Foyer must have refreshed. */
export async function measureThreeStatements(foyer: Foyer, seconds: number): Promise<number> {
  const log = createLog({ level: 'silent', color: false })
  const config = { databaseUrl: undefined, dataDir: foyer.dataDir }
  const { connection, close } = await connectDatabase({ config, role: 'guest', log })
  const clients = Array.from({ length: connections }, () => new pg.Client(connection))
  try {
    await Promise.all(clients.map((client) => client.connect()))
    const [first] = clients
    await first?.query(tables)
    const payloads = {
      refresh: await samplePayload(first, 'refresh_tokens'),
      access: await samplePayload(first, 'artifacts'),
    }

    await Promise.all(clients.map((client) => rotate(client, payloads, 0.5)))
    const before = foyer.databaseCpu()
    const counts = await Promise.all(clients.map((client) => rotate(client, payloads, seconds)))
    const used = foyer.databaseCpu() - before
    await first?.query('DROP TABLE bench_refresh_tokens, bench_artifacts')
    return used / counts.reduce((sum, count) => sum + count, 0)
  } finally {
    await Promise.all(clients.map((client) => client.end()))
    await close()
  }
}

async function samplePayload(client: pg.Client | undefined, table: string): Promise<string> {
  const found = await client?.query<{ payload: object }>(`SELECT payload FROM ${table} LIMIT 1`)
  return JSON.stringify(found?.rows[0]?.payload ?? {})
}

type Payloads = { refresh: string; access: string }

/** One family, rotated until the time is over; says how often. */
async function rotate(client: pg.Client, payloads: Payloads, seconds: number): Promise<number> {
  const [familyId, accountId, grantId] = [randomUUID(), randomUUID(), randomBytes(32).toString('base64url')]
  const run = (name: keyof typeof statements, values: unknown[]) =>
    client.query({ name: `bench ${name}`, text: statements[name], values })

  let token = randomBytes(32)
  await run('refreshToken', [token, familyId, grantId, accountId, payloads.refresh])
  let count = 0
  for (const endsAt = performance.now() + seconds * 1000; performance.now() < endsAt; count += 1) {
    const next = randomBytes(32)
    await run('consume', [token, next])
    await run('refreshToken', [next, familyId, grantId, accountId, payloads.refresh])
    await run('accessToken', [randomBytes(32), grantId, payloads.access])
    token = next
  }
  return count
}
