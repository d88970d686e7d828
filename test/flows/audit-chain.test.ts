// The audit log as a chain: what is written stays as it is, in one order, whoever writes and seals at the same time.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nextLink, origin } from '../../src/features/audit/chain-policy.ts'
import { canonicalSql, createSealStore } from '../../src/features/audit/seal-store.ts'
import { createSealing } from '../../src/features/audit/sealing-service.ts'
import { createAudit } from '../../src/features/audit/service.ts'
import { createClock } from '../../src/kernel/time.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const clock = createClock()
let database: TestDatabase
let audit: ReturnType<typeof createAudit>
let seal: () => Promise<void>
beforeAll(async () => {
  database = await createTestDatabase({ clock, poolSize: 20 })
  audit = createAudit({ db: database.db, clock })
  seal = createSealing({ store: createSealStore(database.db) }).sealAll
})
afterAll(() => database.drop())

const rows = <Row extends object>(text: string) => database.db.query<Row>({ text, values: [] })
const record = (clientId: string) =>
  audit.recordAlone({ type: 'client.created', actor: { kind: 'system' }, clientId })
const sealed = () =>
  rows<{ seq: number; hash: Buffer; client_id: string; canonical: string }>(
    `SELECT s.seq, s.hash, e.client_id, ${canonicalSql('e')} AS canonical
     FROM audit_seals s JOIN audit_events e ON e.id = s.event_id ORDER BY s.seq`,
  )

async function expectUnbroken(): Promise<void> {
  let last = origin
  for (const { seq, hash, canonical } of await sealed()) {
    last = nextLink(last, canonical)
    expect([seq, hash.toString('hex')]).toEqual([last.seq, last.hash.toString('hex')])
  }
}

describe('facts', () => {
  beforeAll(async () => {
    await record('kept')
    await seal()
  })

  it.each([
    'UPDATE audit_events SET type = type',
    'DELETE FROM audit_events',
    'TRUNCATE audit_events',
    'UPDATE audit_seals SET hash = hash',
    'DELETE FROM audit_seals',
    'TRUNCATE audit_seals',
  ])('are append-only: %s is refused', async (statement) => {
    await expect(rows(statement)).rejects.toMatchObject({ code: '23001' })
  })

  it('are append-only in each month by itself', async () => {
    const parts = await rows<{ name: string }>(
      "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'audit_events'::regclass",
    )
    expect(parts.length).toBeGreaterThanOrEqual(4)
    for (const { name } of parts) {
      await expect(rows(`TRUNCATE ${name}`)).rejects.toMatchObject({ code: '23001' })
    }
    const [{ name = '' } = {}] = await rows<{ name: string }>(
      'SELECT DISTINCT tableoid::regclass::text AS name FROM audit_events',
    )
    await expect(rows(`DELETE FROM ${name}`)).rejects.toMatchObject({ code: '23001' })
    await expect(rows(`UPDATE ${name} SET address = ''`)).rejects.toMatchObject({ code: '23001' })
  })

  it('are in the month of their time, or beside the months when there is none for it', async () => {
    const insert = (at: string) =>
      rows<{ part: string }>(`INSERT INTO audit_events (id, at, type) VALUES (gen_random_uuid(), '${at}', 'x')
        RETURNING tableoid::regclass::text AS part`)
    const month = clock.now().toISOString().slice(0, 7)
    expect(await insert(`${month}-01T00:00:00Z`)).toEqual([
      { part: `audit_events_${month.replace('-', '_')}` },
    ])
    expect(await insert('2999-01-01T00:00:00Z')).toEqual([{ part: 'audit_events_other' }])
  })
})

describe('the chain', () => {
  it('is one and unbroken after 50 parallel writers and four sealers', async () => {
    const writers = Array.from({ length: 50 }, async (_, writer) => {
      for (let fact = 0; fact < 4; fact += 1) await record(`writer-${writer}-${fact}`)
    })
    const writing = Promise.all(writers)
    let isWriting = true
    const sealers = Array.from({ length: 4 }, async () => {
      while (isWriting) await seal()
    })
    await writing
    isWriting = false
    await Promise.all(sealers)
    await seal()

    const clients = (await sealed()).map(({ client_id }) => client_id)
    expect(clients.filter((id) => id?.startsWith('writer-'))).toHaveLength(200)
    expect(await rows('SELECT id FROM audit_unsealed')).toEqual([])
    await expectUnbroken()
  })

  it('takes what commits late behind what committed before it, and loses neither', async () => {
    await database.db.inTransaction(async (tx) => {
      await audit.record(tx, { type: 'client.created', actor: { kind: 'system' }, clientId: 'late' })
      await record('early')
      await seal()
    })
    const order = async () => (await sealed()).map(({ client_id }) => client_id).slice(-2)
    expect((await order()).at(-1)).toBe('early')
    await seal()
    expect(await order()).toEqual(['early', 'late'])
    await expectUnbroken()
  })

  it('holds nothing of a transaction that is taken back', async () => {
    const failing = database.db.inTransaction(async (tx) => {
      await audit.record(tx, { type: 'client.created', actor: { kind: 'system' }, clientId: 'never' })
      throw new Error('taken back')
    })
    await expect(failing).rejects.toThrow('taken back')
    await seal()
    expect((await sealed()).map(({ client_id }) => client_id)).not.toContain('never')
  })

  it('seals a fact once, whoever has read it', async () => {
    await record('one')
    const store = createSealStore(database.db)
    const { head = origin, facts } = await store.readUnsealed(10)
    const link = nextLink(head, facts[0]?.canonical ?? '')
    expect(await store.seal(facts, [link])).toBe(true)
    expect(await store.seal(facts, [link])).toBe(false)
    await expectUnbroken()
  })
})
