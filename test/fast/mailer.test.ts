// Mails on their way to a real SMTP server, and the inbox of development.
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import type { SMTPServerOptions } from 'smtp-server'
import { afterEach, describe, expect, it } from 'vitest'
import { createClock } from '../../src/kernel/time.ts'
import { createInbox, createMailer, reasonOf } from '../../src/platform/mailer.ts'
import { captureLog } from '../support/edge.ts'
import { startSmtp as startCatcher } from '../support/mails.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function startSmtp(options: SMTPServerOptions = {}) {
  const smtp = await startCatcher(options)
  closing.push(smtp.close)
  return smtp
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
  id: 'one',
  language: 'en',
  to: 'ada@example.test',
  subject: 'Your link',
  text: 'Follow ?token=canary',
  html: '<p>canary</p>',
}

describe('a mail', () => {
  it('goes through the mail server as text and HTML, from the configured sender', async () => {
    const smtp = await startSmtp()
    const { mailer, lines } = mailerTo(smtp.url)
    await mailer.send(mail)

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
    expect(seen?.headers.get('content-language')).toBe('en')
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

  it.each([
    { what: 'a recipient for now', at: 'onRcptTo', code: 450, expected: 'mail_unavailable' },
    { what: 'a recipient for good', at: 'onRcptTo', code: 550, expected: 'mail_refused' },
    { what: 'a sender for good', at: 'onMailFrom', code: 550, expected: 'mail_unavailable' },
  ])('that meets a server which refuses $what is $expected', async ({ at, code, expected }) => {
    const refuse = (_: unknown, __: unknown, done: (error: Error) => void) =>
      done(Object.assign(new Error('not <ada@example.test>'), { responseCode: code }))
    const smtp = await startSmtp({ [at]: refuse })
    const error: unknown = await mailerTo(smtp.url)
      .mailer.send(mail)
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: expected })
    // What is logged of it repeats no address
    expect(reasonOf(error)).toBe(`EENVELOPE ${code} ${at === 'onRcptTo' ? 'RCPT TO' : 'MAIL FROM'}`)
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
    await mailer.send({ ...mail, id: 'two', subject: 'Second' })
    const { language: _, ...kept } = mail
    expect(capture.list()).toEqual([
      { ...kept, subject: 'Second', id: 'two', at: expect.any(Date) },
      { ...kept, at: expect.any(Date) },
    ])
  })

  it('keeps one copy of a mail that is tried again', async () => {
    const capture = createInbox()
    const { mailer } = mailerTo(undefined, { capture })
    await mailer.send(mail)
    await mailer.send({ ...mail, id: 'two' })
    await mailer.send({ ...mail, subject: 'Again' })
    expect(capture.list().map(({ id, subject }) => `${id} ${subject}`)).toEqual([
      'one Again',
      'two Your link',
    ])
  })

  it('forgets the oldest', () => {
    const inbox = createInbox(2)
    for (const id of ['1', '2', '3']) inbox.add({ ...mail, id, at: new Date(0) })
    expect(inbox.list().map(({ id }) => id)).toEqual(['3', '2'])
  })
})
