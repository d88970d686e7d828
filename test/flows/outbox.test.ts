// Mails from the transaction that causes them to the mail server: sealed, tried again, in time or not at all.
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { simpleParser } from 'mailparser'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { OutboxMail } from '../../src/features/outbox/schema.ts'
import { createOutbox, type MailResult, mailTask } from '../../src/features/outbox/service.ts'
import { deviceNameOf } from '../../src/features/sessions/device-names.ts'
import { projectFolder } from '../../src/kernel/places.ts'
import { createClock, minutes, seconds } from '../../src/kernel/time.ts'
import { compose, type Write } from '../../src/platform/compose.ts'
import { createMessages } from '../../src/platform/i18n.ts'
import { createMailer } from '../../src/platform/mailer.ts'
import { createQueue, type RunningQueue } from '../../src/platform/queue.ts'
import { createSealer } from '../../src/platform/sealer.ts'
import { loadTemplates } from '../../src/platform/templates.ts'
import { captureLog } from '../support/edge.ts'
import { startSmtp } from '../support/mails.ts'
import { freePort } from '../support/ports.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const messages = createMessages(projectFolder('locales'))
const templates = loadTemplates(projectFolder('views/mail'))

let database: TestDatabase
const closing: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await database.drop()
})

async function startOutbox(smtpUrl: string) {
  const { log, lines } = captureLog()
  log.level = 'trace'
  const clock = createClock()
  const queue = createQueue({ db: database.db, log })
  await queue.migrate()
  const mailer = createMailer({
    config: { smtpUrl, mailFrom: 'Foyer <no-reply@id.example.com>' },
    log,
    clock,
  })
  const results: MailResult[] = []
  const outbox = createOutbox({
    queue,
    sealer: createSealer({ key: Buffer.alloc(32, 7) }),
    mailer,
    clock,
    log,
    sender: { product: 'Foyer', issuer: 'https://id.example.com', deviceOf: deviceNameOf },
    wordsOf: (language) => messages.translator(messages.choose({ account: language, fallback: 'en' })),
    render: (letter) => templates.render('letter', letter),
    observe: (result) => results.push(result),
  })
  let running: RunningQueue | undefined
  const stop = async () => {
    await running?.stop()
    running = undefined
  }
  closing.push(async () => {
    await stop()
    mailer.close()
  })
  return {
    outbox,
    queue,
    clock,
    lines,
    results,
    stop,
    run: async () => {
      running = await queue.run({ [mailTask]: outbox.task })
    },
    enqueue: (mail: OutboxMail) => database.db.inTransaction((tx) => outbox.enqueue(tx, mail)),
  }
}

type Kit = Awaited<ReturnType<typeof startOutbox>>

const codeMail = ({ clock }: Kit, changes: Partial<Extract<OutboxMail, { template: 'code' }>> = {}) =>
  ({
    to: 'ada@example.test',
    language: 'en',
    template: 'code',
    values: { code: '424242', app: 'Canary', minutes: '10', address: '203.0.113.7' },
    expiresAt: new Date(clock.millis() + minutes(10)),
    ...changes,
  }) satisfies OutboxMail

type JobRow = { payload: unknown; last_error: string | null; priority: number; due_in: number }
const jobs = () =>
  database.db.query<JobRow>({
    text: `SELECT payload, last_error, priority, extract(epoch FROM run_at - now())::float8 AS due_in
      FROM graphile_worker._private_jobs`,
    values: [],
  })

/** In how many seconds the mail is due that was tried so often: a minute while it is tried, its wait afterwards. */
const dueOf = async (tries: number): Promise<number | undefined> =>
  (await jobs()).find(({ payload }) => (payload as { tries: number }).tries === tries)?.due_in

/** The same once the try is over. */
async function waitsFor(tries: number): Promise<number> {
  await expect.poll(() => dueOf(tries)).toBeLessThan(50)
  return (await dueOf(tries)) ?? Number.NaN
}

/** Makes every waiting job due. */
const hurry = async () => {
  await database.db.query({
    text: `UPDATE graphile_worker._private_jobs SET run_at = now() - interval '1 s' WHERE locked_at IS NULL`,
    values: [],
  })
  await database.db.query({ text: `SELECT pg_notify('jobs:insert', '{"r":1,"count":1}')`, values: [] })
}

describe('a mail', () => {
  it('goes out once its transaction is committed, in text and HTML, and leaves nothing behind', async () => {
    const smtp = await startSmtp()
    closing.push(smtp.close)
    const kit = await startOutbox(smtp.url)
    await kit.run()
    const failed = database.db.inTransaction(async (tx) => {
      await kit.outbox.enqueue(tx, codeMail(kit, { to: 'rolled-back@example.test' }))
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    await kit.enqueue(codeMail(kit))

    await expect.poll(() => smtp.received.length).toBe(1)
    const { mail, recipients } = smtp.received[0] ?? {}
    expect(recipients).toEqual(['ada@example.test'])
    expect(mail?.subject).toBe('424242 is your Foyer code')
    expect(mail?.text).toMatch(/^424242$/m)
    expect(mail?.text).toContain('to continue to Canary')
    expect(mail?.text).toMatch(/within 10 minutes/)
    expect(mail?.text).toMatch(/Asked for on .* UTC from the address 203\.0\.113\.7/)
    expect(mail?.html).toContain('424242')
    await expect.poll(jobs).toEqual([])
    expect(kit.results).toEqual(['sent'])
  })

  it('rests sealed, and neither it nor its address gets into a log', async () => {
    const kit = await startOutbox(`smtp://127.0.0.1:${await freePort()}`)
    await kit.enqueue(codeMail(kit))
    const canaries = /424242|ada@|Canary|203\.0\.113\.7/
    expect(JSON.stringify(await jobs())).not.toMatch(canaries)
    await kit.run()
    await expect.poll(() => kit.results).toContain('deferred')
    await expect.poll(jobs).toEqual([expect.objectContaining({ last_error: null })])
    expect(JSON.stringify(await jobs())).not.toMatch(canaries)
    expect(JSON.stringify(kit.lines)).not.toMatch(canaries)
    expect(kit.lines).toContainEqual(
      expect.objectContaining({ event: 'mail.not_sent', reason: expect.stringContaining('CONN') }),
    )
  })

  it('is tried again after 2, 4, 8 … seconds while the server is away, and arrives when it is back', async () => {
    const port = await freePort()
    const kit = await startOutbox(`smtp://127.0.0.1:${port}`)
    await kit.enqueue(codeMail(kit))
    await kit.run()
    for (const tries of [1, 2, 3]) {
      const due = await waitsFor(tries)
      expect(due).toBeGreaterThan(2 ** tries * 0.8 - 5)
      expect(due).toBeLessThanOrEqual(2 ** tries * 1.2)
      await hurry()
    }
    await waitsFor(4)
    const smtp = await startSmtp({}, port)
    closing.push(smtp.close)
    await hurry()
    await expect.poll(() => smtp.received.length).toBe(1)
    await expect.poll(jobs).toEqual([])
    expect(kit.results).toEqual(['deferred', 'deferred', 'deferred', 'deferred', 'sent'])
  })

  it('keeps its Message-ID from try to try', async () => {
    let tries = 0
    const ids: (string | undefined)[] = []
    const smtp = await startSmtp({
      onData: (stream, _, done) => {
        tries += 1
        const refuses = tries < 3
        simpleParser(stream).then(({ messageId }) => {
          ids.push(messageId)
          done(refuses ? Object.assign(new Error('not now'), { responseCode: 451 }) : undefined)
        }, done)
      },
    })
    closing.push(smtp.close)
    const kit = await startOutbox(smtp.url)
    await kit.enqueue(codeMail(kit))
    await kit.run()
    for (const next of [1, 2]) {
      await waitsFor(next)
      await hurry()
    }
    await expect.poll(() => kit.results).toEqual(['deferred', 'deferred', 'sent'])
    expect(new Set(ids).size).toBe(1)
    expect(ids[0]).toMatch(/^<[0-9a-f-]{36}@id\.example\.com>$/)
  })

  it('is given up when the server refuses its recipient for good', async () => {
    const smtp = await startSmtp({
      onRcptTo: (_, __, done) =>
        done(Object.assign(new Error('nobody <ada@example.test>'), { responseCode: 550 })),
    })
    closing.push(smtp.close)
    const kit = await startOutbox(smtp.url)
    await kit.enqueue(codeMail(kit))
    await kit.run()
    await expect.poll(() => kit.results).toEqual(['refused'])
    await expect.poll(jobs).toEqual([])
    expect(JSON.stringify(kit.lines)).not.toContain('ada@')
  })

  it('is not sent once it is too old, and is not kept until then', async () => {
    const smtp = await startSmtp()
    closing.push(smtp.close)
    const away = await startOutbox(`smtp://127.0.0.1:${await freePort()}`)
    await away.enqueue(codeMail(away, { expiresAt: new Date(away.clock.millis() + seconds(1)) }))
    await away.run()
    // The next try would be too late
    await expect.poll(() => away.results).toEqual(['expired'])
    await expect.poll(jobs).toEqual([])
    await away.stop()

    const kit = await startOutbox(smtp.url)
    await kit.enqueue(codeMail(kit))
    kit.clock.setOffset(minutes(10))
    await kit.run()
    await expect.poll(() => kit.results).toEqual(['expired'])
    await expect.poll(jobs).toEqual([])
    expect(smtp.received).toEqual([])
  })

  it('holds nobody up whose mail server says nothing, and is not lost with the process that sends it', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket.on('error', () => undefined)))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', () => resolve()))
    closing.push(async () => silent.close())
    const { port } = silent.address() as AddressInfo
    const kit = await startOutbox(`smtp://127.0.0.1:${port}`)
    await kit.run()
    await kit.enqueue(codeMail(kit))
    await expect.poll(() => sockets.length).toBe(1)
    // Its next try stands in the database while this one is under way
    expect(await dueOf(1)).toBeGreaterThan(50)
    // A process that ends waits a second for it, not until the mail server is timed out
    const stoppedAt = performance.now()
    await kit.stop()
    expect(performance.now() - stoppedAt).toBeLessThan(4_000)
    expect(kit.results).toEqual(['deferred'])
    expect(await waitsFor(1)).toBeLessThan(10)
  })

  it('that a code waits for goes before all notices', async () => {
    const smtp = await startSmtp()
    closing.push(smtp.close)
    const kit = await startOutbox(smtp.url)
    const notice: OutboxMail = {
      to: 'notice@example.test',
      language: 'en',
      template: 'account_restored',
      values: {},
      expiresAt: new Date(kit.clock.millis() + minutes(60)),
    }
    for (let count = 0; count < 6; count += 1) await kit.enqueue(notice)
    for (let count = 0; count < 4; count += 1) await kit.enqueue(codeMail(kit))
    await kit.run()
    await expect.poll(() => smtp.received.length).toBe(10)
    const order = smtp.received.map(({ recipients }) => recipients[0])
    expect(order.slice(0, 4)).toEqual(Array(4).fill('ada@example.test'))
  })
})

describe('a mail of a unit of work', () => {
  const cause: Write = {
    row: 'rate_limits:x',
    shape: 'test_cause',
    guard: false,
    survivesRefusal: true,
    sql: (bind) => `INSERT INTO rate_limits (key, tat, expires_at)
      SELECT key, ${bind(new Date(0), 'timestamptz')}, ${bind(new Date(), 'timestamptz')}
      FROM unnest(${bind(['x', 'y'], 'text[]')}) AS key WHERE true`,
  }
  const guard = (key: string): Write => ({
    row: `rate_limits:${key}`,
    shape: 'test_guard',
    guard: true,
    survivesRefusal: true,
    sql: (bind) => `UPDATE rate_limits SET failures = failures + 1 WHERE key = ${bind(key, 'text')}`,
  })

  it('goes out for each row that its cause writes', async () => {
    const kit = await startOutbox('smtp://127.0.0.1:1')
    const write = kit.outbox.mailWrite(codeMail(kit), cause)
    expect(await database.db.query(compose([write]))).toEqual([{ ok: true }])
    // The same mail twice is one job, since jobs go by their key
    expect(await jobs()).toHaveLength(1)
  })

  it('does not go out where a guard of the unit is lost', async () => {
    const kit = await startOutbox('smtp://127.0.0.1:1')
    const write = kit.outbox.mailWrite(codeMail(kit), cause)
    expect(await database.db.query(compose([guard('nobody'), write]))).toEqual([{ ok: false }])
    expect(await jobs()).toEqual([])
  })
})
