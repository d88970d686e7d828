// Mails on their way to a real SMTP server, and the inbox of development.
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { type ParsedMail, simpleParser } from 'mailparser'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { afterEach, describe, expect, it } from 'vitest'
import { createClock } from '../../src/kernel/time.ts'
import { createInbox, createMailer } from '../../src/platform/mailer.ts'
import { captureLog } from '../support/edge.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function startSmtp(options: SMTPServerOptions = {}) {
  const received: { mail: ParsedMail; recipients: string[] }[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, session, done) => {
      simpleParser(stream).then((mail) => {
        received.push({ mail, recipients: session.envelope.rcptTo.map(({ address }) => address) })
        done()
      }, done)
    },
    ...options,
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  closing.push(() => new Promise((resolve) => server.close(() => resolve())))
  const { port } = server.server.address() as AddressInfo
  return { url: `smtp://127.0.0.1:${port}`, port, received }
}

function mailerTo(
  smtpUrl: string | undefined,
  { capture }: { capture?: ReturnType<typeof createInbox> } = {},
) {
  const { log, lines } = captureLog()
  const config = { smtpUrl, mailFrom: 'Foyer <no-reply@id.example.com>' }
  const mailer = createMailer({ config, log, clock: createClock(), capture })
  closing.push(async () => mailer.close())
  return { mailer, lines }
}

const mail = {
  to: 'ada@example.test',
  subject: 'Your link',
  text: 'Follow ?token=canary',
  html: '<p>canary</p>',
}

describe('a mail', () => {
  it('goes through the mail server as text and HTML, from the configured sender', async () => {
    const smtp = await startSmtp()
    const { mailer, lines } = mailerTo(smtp.url)
    await mailer.send({ ...mail, messageId: '<one@id.example.com>' })

    expect(smtp.received).toHaveLength(1)
    const { mail: seen, recipients } = smtp.received[0] ?? {}
    expect(recipients).toEqual(['ada@example.test'])
    expect(seen).toMatchObject({
      subject: 'Your link',
      html: '<p>canary</p>',
      messageId: '<one@id.example.com>',
    })
    expect(seen?.text?.trim()).toBe('Follow ?token=canary')
    expect(seen?.from?.value).toEqual([{ name: 'Foyer', address: 'no-reply@id.example.com' }])
    expect(seen?.headers.get('auto-submitted')).toBe('auto-generated')
    expect(JSON.stringify(lines)).not.toMatch(/canary|ada@/)
  })

  it('goes through a mail server of this machine whose certificate nobody vouches for', async () => {
    const smtp = await startSmtp({ disabledCommands: [] })
    await mailerTo(smtp.url).mailer.send(mail)
    expect(smtp.received).toHaveLength(1)
  })

  it.each([
    'ada@example.test, eve@example.test',
    '"ada@example.test"@evil.test',
    'Ada <ada@example.test>',
    'ada@example.test\r\nBcc: eve@example.test',
    '',
    'ada',
  ])('is not sent to %j', async (to) => {
    const smtp = await startSmtp()
    await expect(mailerTo(smtp.url).mailer.send({ ...mail, to })).rejects.toThrow('one plain address')
    expect(smtp.received).toEqual([])
  })

  it('cannot smuggle a header in its subject', async () => {
    const smtp = await startSmtp()
    await mailerTo(smtp.url).mailer.send({ ...mail, subject: 'Hello\r\nBcc: eve@example.test' })
    expect(smtp.received[0]?.recipients).toEqual(['ada@example.test'])
    expect(smtp.received[0]?.mail.headers.has('bcc')).toBe(false)
  })

  it('is refused when the server refuses it, so that it can be tried again', async () => {
    const smtp = await startSmtp({ onRcptTo: (_, __, done) => done(new Error('no such mailbox')) })
    await expect(mailerTo(smtp.url).mailer.send(mail)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'mail_unavailable',
      cause: expect.objectContaining({ message: expect.stringContaining('no such mailbox') }),
    })
  })

  it('is refused when the server hangs up', async () => {
    const server = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => new Promise((resolve) => server.close(() => resolve())))
    const { port } = server.address() as AddressInfo
    await expect(mailerTo(`smtp://127.0.0.1:${port}`).mailer.send(mail)).rejects.toMatchObject({
      kind: 'unavailable',
    })
  })

  it('is refused in production without a mail server', async () => {
    await expect(mailerTo(undefined).mailer.send(mail)).rejects.toMatchObject({ code: 'mail_not_configured' })
  })
})

describe('the inbox of development', () => {
  it('keeps the mail instead of sending it, newest first', async () => {
    const capture = createInbox()
    const { mailer } = mailerTo(undefined, { capture })
    await mailer.send(mail)
    await mailer.send({ ...mail, subject: 'Second' })
    expect(capture.list()).toEqual([
      { ...mail, subject: 'Second', id: expect.any(String), at: expect.any(Date) },
      { ...mail, id: expect.any(String), at: expect.any(Date) },
    ])
  })

  it('forgets the oldest', () => {
    const inbox = createInbox(2)
    for (const id of ['1', '2', '3']) inbox.add({ ...mail, id, at: new Date(0) })
    expect(inbox.list().map(({ id }) => id)).toEqual(['3', '2'])
  })
})
