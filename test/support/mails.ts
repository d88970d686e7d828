// Reads mails: those of the inbox of a product inside the test (startApp with `jobs`), and those that reach a real
// mail server beside it.
import type { AddressInfo } from 'node:net'
import { type ParsedMail, simpleParser } from 'mailparser'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { expect } from 'vitest'
import type { Mail } from '../../src/platform/mailer.ts'
import type { TestApp } from './app.ts'

type WithInbox = { services: Pick<TestApp['services'], 'inbox'> }

/** What was sent to an address so far, newest first. */
export const mailsTo = ({ services }: WithInbox, address: string): Mail[] =>
  services.inbox?.list().filter(({ to }) => to === address) ?? []

/** The newest mail to an address, once there are so many of them. */
export async function mailTo(app: WithInbox, address: string, count = 1): Promise<Mail> {
  await expect.poll(() => mailsTo(app, address).length, { interval: 10 }).toBeGreaterThanOrEqual(count)
  const [newest] = mailsTo(app, address)
  if (!newest) throw new Error('the mail is gone again')
  return newest
}

/** The six digits of a mail. */
export function codeIn({ text }: Pick<Mail, 'text'>): string {
  const code = /^\d{6}$/m.exec(text)?.[0]
  if (!code) throw new Error(`no code in: ${text}`)
  return code
}

/** The first link of a mail. */
export function linkIn({ text }: Pick<Mail, 'text'>): string {
  const link = /https?:\/\/\S+/.exec(text)?.[0]
  if (!link) throw new Error(`no link in: ${text}`)
  return link
}

export type Received = { mail: ParsedMail; raw: string; recipients: string[] }

export type SmtpCatcher = {
  url: string
  port: number
  received: Received[]
  close(): Promise<void>
}

/** A mail server on loopback that takes everything, unless `options` have another way with it. */
export async function startSmtp(options: SMTPServerOptions = {}, port = 0): Promise<SmtpCatcher> {
  const received: Received[] = []
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, session, done) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const raw = Buffer.concat(chunks)
        simpleParser(raw).then((mail) => {
          const recipients = session.envelope.rcptTo.map(({ address }) => address)
          received.push({ mail, raw: raw.toString('latin1'), recipients })
          done()
        }, done)
      })
    },
    ...options,
  })
  // A client that gives up is no trouble of the test's
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()))
  const listening = (server.server.address() as AddressInfo).port
  return {
    url: `smtp://127.0.0.1:${listening}`,
    port: listening,
    received,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** What a mail server got for an address, one after the other. */
export function mailboxOf(smtp: SmtpCatcher) {
  const read = new Set<Received>()
  return {
    /** The oldest mail with such a subject that was not asked for yet; waits for it. */
    async next(to: string, subject = /./): Promise<Pick<Mail, 'subject' | 'text'>> {
      const find = () =>
        smtp.received.find(
          (each) => each.recipients.includes(to) && subject.test(each.mail.subject ?? '') && !read.has(each),
        )
      await expect.poll(find, { interval: 20 }).toBeTruthy()
      const found = find()
      if (!found) throw new Error('the mail is gone again')
      read.add(found)
      return { subject: found.mail.subject ?? '', text: found.mail.text ?? '' }
    },
  }
}
