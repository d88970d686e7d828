// `foyer audit verify` against somebody who can write to the database, and beside an instance that runs.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runCli } from '../../src/cli/program.ts'
import type { CliEnvironment, CliServices } from '../../src/cli/services.ts'
import { createAuditLog } from '../../src/features/audit/audit-log.ts'
import { createClock } from '../../src/kernel/time.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const clock = createClock()
let database: TestDatabase
let log: ReturnType<typeof createAuditLog>
const facts = 12

beforeAll(async () => {
  database = await createTestDatabase({ clock })
  const listener = { on: () => undefined, onUp: () => undefined }
  log = createAuditLog({ db: database.db, clock, listener, config: { auditRetentionDays: 400 } })
})
afterAll(() => database.drop())

/** As somebody does who owns the database: with triggers off. */
const tamper = (...statements: string[]) =>
  database.db.inTransaction(async (tx) => {
    await tx.$executeRawUnsafe('SET LOCAL session_replication_role = replica')
    for (const statement of statements) await tx.$executeRawUnsafe(statement)
  })
const record = (clientId: string) =>
  log.audit.recordAlone({ type: 'client.created', actor: { kind: 'system' }, clientId })

beforeEach(async () => {
  await tamper('DELETE FROM audit_events', 'DELETE FROM audit_seals', 'DELETE FROM audit_unsealed')
  for (let at = 1; at <= facts; at += 1) await record(`fact-${at}`)
  await log.sealing.sealAll()
})

async function verify(...args: string[]) {
  let stdout = ''
  let stderr = ''
  const services: Partial<CliServices> = {
    auditChain: log.auditChain,
    unhurried: database.db.unhurried,
    close: async () => undefined,
  }
  const environment: Partial<CliEnvironment> = {
    readConfig: () => ({ issuer: 'http://localhost' }) as ReturnType<CliEnvironment['readConfig']>,
    openServices: async () => services as CliServices,
    writeOut: (text) => {
      stdout += text
    },
    writeError: (text) => {
      stderr += text
    },
  }
  const code = await runCli(['audit', 'verify', ...args], environment as CliEnvironment)
  return { code, stdout, stderr }
}
const verdict = async (...args: string[]) => {
  const { code, stdout } = await verify('--json', ...args)
  return {
    code,
    ...(JSON.parse(stdout) as { ok: boolean; sealed: number; unsealed: number; bad: object | null }),
  }
}

const fifth = '(SELECT event_id FROM audit_seals WHERE seq = 5)'

describe('foyer audit verify', () => {
  it('prints the head and how many facts are sealed, and holds the log against a head that was kept', async () => {
    const { code, stdout, stderr } = await verify()
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^12:[0-9a-f]{64}\n$/)])
    expect(stderr).toContain('12 facts are as they were sealed')
    const head = stdout.trim()
    await record('later')
    await log.sealing.sealAll()
    expect(await verdict('--head', head)).toMatchObject({ code: 0, ok: true, sealed: 13, unsealed: 0 })
    expect((await verify('--head', '12:abc')).code).toBe(2)
  })

  it('says how many facts are not sealed yet', async () => {
    await record('waits')
    expect(await verdict()).toMatchObject({ code: 0, ok: true, sealed: facts, unsealed: 1 })
    expect((await verify()).stderr).toContain('1 are not sealed yet')
  })

  it.each([
    ['a changed fact', `UPDATE audit_events SET address = '192.0.2.1' WHERE id = ${fifth}`, 'changed'],
    ['changed details', `UPDATE audit_events SET details = '{"a":1}' WHERE id = ${fifth}`, 'changed'],
    [
      'a fact moved in time',
      `UPDATE audit_events SET at = at - interval '1 s' WHERE id = ${fifth}`,
      'missing',
    ],
    ['a removed fact', `DELETE FROM audit_events WHERE id = ${fifth}`, 'missing'],
    ['a removed seal', 'DELETE FROM audit_seals WHERE seq = 5', 'gap'],
    ['a changed seal', "UPDATE audit_seals SET hash = sha256('x') WHERE seq = 5", 'changed'],
  ])('names %s', async (_, statement, what) => {
    await tamper(statement)
    expect(await verdict()).toMatchObject({ code: 1, ok: false, bad: { what, seq: 5 } })
    expect((await verify()).stderr).toContain('fact 5 of the chain')
  })

  it('names facts that changed places', async () => {
    await tamper(
      'UPDATE audit_seals SET seq = 0 WHERE seq = 4',
      'UPDATE audit_seals SET seq = 4 WHERE seq = 5',
      'UPDATE audit_seals SET seq = 5 WHERE seq = 0',
    )
    expect(await verdict()).toMatchObject({ code: 1, bad: { what: 'changed', seq: 4 } })
  })

  it('names a fact that was put in without a seal', async () => {
    await tamper(`INSERT INTO audit_events (id, at, type) SELECT '01a22e30-0000-7000-8000-000000000000', now(),
      'authn.succeeded'`)
    expect(await verdict()).toMatchObject({
      code: 1,
      bad: { what: 'foreign', id: '01a22e30-0000-7000-8000-000000000000' },
    })
  })

  it('names a fact that was taken away before it was sealed', async () => {
    await record('waits')
    await tamper(`DELETE FROM audit_events WHERE client_id = 'waits'`)
    expect(await verdict()).toMatchObject({ code: 1, bad: { what: 'missing', seq: null } })
  })

  it('finds what was cut off the end, and a chain made anew, by a head that was kept', async () => {
    const head = (await verify()).stdout.trim()
    await tamper(
      'DELETE FROM audit_events WHERE id IN (SELECT event_id FROM audit_seals WHERE seq > 10)',
      'DELETE FROM audit_seals WHERE seq > 10',
    )
    expect(await verdict()).toMatchObject({ code: 0, sealed: 10 })
    expect(await verdict('--head', head)).toMatchObject({ code: 1, bad: { what: 'cut_off', seq: 12 } })
    await record('other')
    await record('others')
    await log.sealing.sealAll()
    expect(await verdict('--head', head)).toMatchObject({ code: 1, bad: { what: 'other_chain', seq: 12 } })
  })

  it('finds nothing wrong while facts are written and sealed', async () => {
    let isRunning = true
    const writing = Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        while (isRunning) await record(`beside-${writer}`)
      }),
    )
    const sealing = (async () => {
      while (isRunning) await log.sealing.sealAll()
    })()
    for (let turn = 0; turn < 20; turn += 1) expect(await verdict()).toMatchObject({ code: 0, ok: true })
    isRunning = false
    await Promise.all([writing, sealing])
    await log.sealing.sealAll()
    expect(await verdict()).toMatchObject({ code: 0, unsealed: 0 })
  })
})
