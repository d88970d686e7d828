// Owns handing one mail to the mail server, or to the inbox of development. When a mail is sent and how often
// it is tried is the queue's business; what it says is up to its template.
import { createTransport } from 'nodemailer'
import { isLoopbackHost } from '../config/hosts.ts'
import { type Config, parseMailbox } from '../config/schema.ts'
import { unavailable } from '../kernel/errors.ts'
import { newId } from '../kernel/secrets.ts'
import { type Clock, seconds } from '../kernel/time.ts'
import type { Log } from './log.ts'

export type OutgoingMail = {
  /** One plain address. */
  to: string
  subject: string
  text: string
  html: string
  /** The same for every try of one mail, so that mailboxes can drop a second copy. */
  messageId?: string
}

export type Mail = { id: string; to: string; subject: string; text: string; html: string; at: Date }

export type Inbox = {
  add(mail: Mail): void
  /** Newest first. */
  list(): Mail[]
}

export type Mailer = { send(mail: OutgoingMail): Promise<void>; close(): void }

export type MailerDeps = {
  config: Pick<Config, 'smtpUrl' | 'mailFrom'>
  log: Log
  clock: Clock
  /** Development: keeps a copy of every mail. */
  capture?: Inbox
}

export function createMailer({ config, log, clock, capture }: MailerDeps): Mailer {
  const from = senderOf(config.mailFrom)
  const transport = config.smtpUrl === undefined ? undefined : createTransport(smtpOptions(config.smtpUrl))

  async function send({ to, subject, text, html, messageId }: OutgoingMail): Promise<void> {
    const address = parseMailbox(to)?.address
    if (address !== to) throw new TypeError('a mail needs one plain address to go to')
    const at = clock.now()
    const id = newId(at)
    capture?.add({ id, to, subject, text, html, at })
    if (!transport) {
      if (capture) return
      throw unavailable('mail_not_configured')
    }
    try {
      await transport.sendMail({
        from,
        // An object, never a string: no quoting or comma in an address can add another one (GHSA-mm7p-fcc7-pg87)
        to: { name: '', address },
        subject,
        text,
        html,
        date: at,
        messageId: messageId ?? `<${id}@${from.address.split('@')[1]}>`,
        // RFC 3834 §5: keeps out-of-office replies away
        headers: { 'Auto-Submitted': 'auto-generated' },
        disableFileAccess: true,
        disableUrlAccess: true,
      })
    } catch (cause) {
      throw unavailable('mail_unavailable', cause)
    }
    log.info({ event: 'mail.sent', mailId: id })
  }

  return { send, close: () => transport?.close() }
}

function senderOf(text: string): { name: string; address: string } {
  const sender = parseMailbox(text)
  if (!sender) throw new TypeError('mailFrom must be like Name <address>')
  return sender
}

// The library's own limits are minutes, and a stuck mail server would hold every worker that long.
function smtpOptions(smtpUrl: string) {
  const { hostname, searchParams } = new URL(smtpUrl)
  // Outside loopback TLS is demanded and verified; ?ignoreTLS=true in the URL is the operator's word against it.
  // A mail server on this machine can offer whatever certificate it likes.
  const onLoopback = isLoopbackHost(hostname)
  return {
    url: smtpUrl,
    requireTLS: !onLoopback && searchParams.get('ignoreTLS') !== 'true',
    tls: { rejectUnauthorized: !onLoopback },
    connectionTimeout: seconds(5),
    greetingTimeout: seconds(5),
    socketTimeout: seconds(15),
  }
}

/** The last mails of a development instance. */
export function createInbox(capacity = 200): Inbox {
  const mails: Mail[] = []
  return {
    add(mail) {
      mails.unshift(mail)
      mails.length = Math.min(mails.length, capacity)
    },
    list: () => [...mails],
  }
}
