// A process is killed while it hands a mail to the mail server. Another one sends it, as the same mail.
import { expect, it, onTestFinished } from 'vitest'
import { startApp } from '../support/app.ts'
import { startSmtp } from '../support/mails.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startProduct } from '../support/process.ts'

it('a mail whose process is killed in the middle of it is sent by the next, under the same Message-ID', async () => {
  const database = await createTestDatabase()
  onTestFinished(() => database.drop())
  let begun: string[] = []
  // The first mail server takes everything and never says that it has
  const silent = await startSmtp({
    onData: (stream) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        begun = Buffer.concat(chunks).toString().split('\r\n')
      })
    },
  })
  const smtp = await startSmtp()
  onTestFinished(async () => {
    await Promise.all([silent.close(), smtp.close()])
  })

  const first = await startProduct({ databaseUrl: database.url, env: { SMTP_URL: silent.url } })
  const app = await startApp({ databaseUrl: database.url })
  onTestFinished(() => app.close())
  const { services } = app
  await services.db.inTransaction((tx) =>
    services.outbox.enqueue(tx, {
      to: 'ada@example.test',
      language: 'en',
      template: 'code',
      values: { code: '424242', minutes: '10' },
      expiresAt: new Date(services.clock.millis() + 600_000),
    }),
  )
  await expect.poll(() => begun.length).toBeGreaterThan(10)
  await first.kill()

  const second = await startProduct({ databaseUrl: database.url, env: { SMTP_URL: smtp.url } })
  onTestFinished(async () => {
    await second.stop()
  })
  // Its next try was written before the one that was cut off, and is due a minute later
  const due = `UPDATE graphile_worker._private_jobs SET run_at = now() - interval '1 s'
    WHERE locked_at IS NULL AND key LIKE 'mail:%' RETURNING id`
  expect(await services.db.query({ text: due, values: [] })).toHaveLength(1)
  await expect.poll(() => smtp.received.length).toBe(1)
  const { mail } = smtp.received[0] ?? {}
  expect(mail?.subject).toBe('424242 is your Foyer code')
  expect(begun).toContain(`Message-ID: ${mail?.messageId}`)
})
