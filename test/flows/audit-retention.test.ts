// The audit log by months: they are made ahead, dropped when their time is over, and what stays is still proven.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAuditLog } from '../../src/features/audit/audit-log.ts'
import { keptFrom, keptSince, monthOf, monthsNeeded } from '../../src/features/audit/retention-policy.ts'
import { createClock, days } from '../../src/kernel/time.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const clock = createClock()
let database: TestDatabase
let log: ReturnType<typeof createAuditLog>
beforeAll(async () => {
  database = await createTestDatabase({ clock })
  const listener = { on: () => undefined, onUp: () => undefined }
  log = createAuditLog({ db: database.db, clock, listener, config: { auditRetentionDays: 90 } })
})
afterAll(() => database.drop())

const rows = <Row extends object>(text: string) => database.db.query<Row>({ text, values: [] })
const record = (clientId: string) =>
  log.audit.recordAlone({ type: 'client.created', actor: { kind: 'system' }, clientId })
const clients = async () =>
  (
    await rows<{ client_id: string }>(
      'SELECT client_id FROM audit_events WHERE client_id IS NOT NULL ORDER BY at',
    )
  ).map(({ client_id }) => client_id)
const parts = async () =>
  (
    await rows<{ name: string }>(
      "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'audit_events'::regclass ORDER BY 1",
    )
  ).map(({ name }) => name)
const moveTo = (iso: string) => clock.setOffset(clock.offset() + Date.parse(iso) - clock.millis())

describe('the months of the audit log', () => {
  it.each([
    ['2026-11-30T23:59:59Z', ['2026_11', '2026_12', '2027_01']],
    ['2027-01-01T00:00:00Z', ['2027_01', '2027_02', '2027_03']],
  ])('needed at %s are this one and the next two', (now, names) => {
    expect(monthsNeeded(new Date(now)).map(({ name }) => name)).toEqual(names)
  })

  it('are read from the names of their parts', () => {
    expect(monthOf('audit_events_2026_12')).toEqual({
      name: '2026_12',
      from: new Date('2026-12-01T00:00:00Z'),
      to: new Date('2027-01-01T00:00:00Z'),
    })
    expect(monthOf('audit_events_other')).toBeUndefined()
  })

  it('go when every day of them is older than the retention', () => {
    expect(keptFrom(new Date('2026-12-31T12:00:00Z'), 31)).toEqual(new Date('2026-11-01T00:00:00Z'))
    expect(keptFrom(new Date('2027-01-01T12:00:00Z'), 31)).toEqual(new Date('2026-12-01T00:00:00Z'))
  })

  it.each([
    ['nothing', undefined, 0],
    ['a drop of what was old', { at: '2027-06-10', before: '2027-03-01' }, Date.parse('2027-03-01')],
    ['a drop of what was young', { at: '2027-06-10', before: '2027-06-01' }, 0],
    ['a drop in times to come', { at: '2031-01-01', before: '2030-01-01' }, 0],
    ['a drop of no time', { at: '2027-06-10', before: 'x' }, 0],
  ])('are believed to be gone after %s', (_, told, since) => {
    const fact = told && { at: new Date(told.at), before: new Date(told.before) }
    expect(keptSince(fact, new Date('2027-06-11')).getTime()).toBe(since)
  })
})

describe('the retention', () => {
  it('drops whole months, and the chain of what stays is still verifiable', async () => {
    const begin = clock.now()
    const month = (ahead: number) =>
      new Date(Date.UTC(begin.getUTCFullYear(), begin.getUTCMonth() + ahead, 10)).toISOString()
    moveTo(month(1))
    await log.auditRetention.keep()
    await record('first')
    await log.sealing.sealAll()
    const { head: oldHead } = await log.auditChain.verify()
    moveTo(month(2))
    await log.auditRetention.keep()
    await record('second')
    await log.sealing.sealAll()
    // Committed late, over the end of its month
    await rows(`INSERT INTO audit_events (id, at, type, client_id)
      VALUES ('01a22e30-0000-7000-8000-000000000000', '${month(1)}', 'client.created', 'late')`)
    await log.sealing.sealAll()
    moveTo(month(3))
    await log.auditRetention.keep()
    await record('third')
    await log.sealing.sealAll()
    const { head: lateHead, sealed } = await log.auditChain.verify()
    expect([sealed, await clients()]).toEqual([4, ['late', 'first', 'second', 'third']])

    moveTo(new Date(Date.parse(month(1)) + days(90 + 23)).toISOString())
    await record('fourth')
    await log.sealing.sealAll()
    const dropped = await log.auditRetention.keep()
    expect(dropped).toContain(`audit_events_${month(1).slice(0, 7).replace('-', '_')}`)
    expect(await clients()).toEqual(['second', 'third', 'fourth'])
    expect(await parts()).not.toEqual(expect.arrayContaining(dropped))

    await log.auditRetention.keep()
    await log.sealing.sealAll()
    const after = await log.auditChain.verify(lateHead)
    expect(after).toMatchObject({ damage: undefined, sealed: 4, unsealed: 0, isHeadCompared: true })
    expect(after.keptSince.toISOString()).toMatch(/-01T00:00:00.000Z$/)
    expect(await log.auditChain.verify(oldHead)).toMatchObject({ damage: undefined })
    await expect(log.feed.placeBehind(0)).rejects.toMatchObject({ kind: 'gone', code: 'events_gone' })
    const [told] = await rows<{ details: object }>(
      "SELECT details FROM audit_events WHERE type = 'audit.dropped'",
    )
    expect(told?.details).toEqual({ before: after.keptSince.toISOString(), parts: dropped })
  })

  it('leaves months that it made as append-only as the others', async () => {
    const made = await parts()
    for (const part of made) await expect(rows(`TRUNCATE ${part}`)).rejects.toMatchObject({ code: '23001' })
    await expect(rows("DELETE FROM audit_events WHERE client_id = 'third'")).rejects.toMatchObject({
      code: '23001',
    })
    await expect(
      rows("UPDATE audit_events SET address = '' WHERE client_id = 'third'"),
    ).rejects.toMatchObject({
      code: '23001',
    })
  })

  it('still finds what is removed or changed among what stays', async () => {
    const tamper = (statement: string) =>
      database.db.inTransaction(async (tx) => {
        await tx.$executeRawUnsafe('SET LOCAL session_replication_role = replica')
        await tx.$executeRawUnsafe(statement)
      })
    await tamper("UPDATE audit_events SET address = 'x' WHERE client_id = 'third'")
    expect((await log.auditChain.verify()).damage).toMatchObject({ what: 'changed' })
    await tamper("UPDATE audit_events SET address = NULL WHERE client_id = 'third'")
    expect((await log.auditChain.verify()).damage).toBeUndefined()
    await tamper("DELETE FROM audit_events WHERE client_id = 'second'")
    expect((await log.auditChain.verify()).damage).toMatchObject({ what: 'missing' })
  })

  it('takes what no month was there for with it, and drops all but one seal when everything is old', async () => {
    clock.setOffset(clock.offset() + days(900))
    await record('far')
    expect(
      await rows("SELECT tableoid::regclass::text AS part FROM audit_events WHERE client_id = 'far'"),
    ).toEqual([{ part: 'audit_events_other' }])
    await log.sealing.sealAll()
    await log.auditRetention.keep()
    await log.auditRetention.keep()
    expect(await clients()).toEqual(['far'])
    await log.sealing.sealAll()
    expect(await log.auditChain.verify()).toMatchObject({ damage: undefined, unsealed: 0 })

    clock.setOffset(clock.offset() + days(900))
    await log.auditRetention.keep()
    await log.auditRetention.keep()
    expect(await clients()).toEqual([])
    await log.sealing.sealAll()
    expect(await log.auditChain.verify()).toMatchObject({ damage: undefined, unsealed: 0 })
  })

  it('drops nothing that is not sealed', async () => {
    await record('unsealed')
    clock.setOffset(clock.offset() + days(900))
    await log.auditRetention.keep()
    expect(await clients()).toEqual(['unsealed'])
    await log.sealing.sealAll()
    await log.auditRetention.keep()
    expect(await clients()).toEqual([])
  })
})
