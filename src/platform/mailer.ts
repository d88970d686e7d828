// Owns handing one mail to the mail server, or to the inbox of development. When a mail is sent and how often
// it is tried is the queue's business; what it says is up to its template.
import { isLoopbackHost } from '../config/hosts.ts'
import { type Config, parseMailbox } from '../config/schema.ts'
import { AppError, unavailable } from '../kernel/errors.ts'
import { type Clock, seconds } from '../kernel/time.ts'
import type { Log } from './log.ts'

export type OutgoingMail = {
  /** The same for every try of one mail: mailboxes drop a second copy by the Message-ID that is made of it. */
  id: string
  /** One plain address. */
  to: string
  subject: string
  text: string
  html: string
  /** A tag (BCP 47). */
  language: string
}

export type Mail = { id: string; to: string; subject: string; text: string; html: string; at: Date }

export type Inbox = {
  /** A copy of a mail that was tried before takes its place. */
  add(mail: Mail): void
  /** Newest first. */
  list(): Mail[]
}

export type Mailer = {
  /** Gives up when the signal says so. */
  send(mail: OutgoingMail, options?: { signal?: AbortSignal }): Promise<void>
  close(): void
}

export type MailerDeps = {
  config: Pick<Config, 'smtpUrl' | 'mailFrom'>
  log: Log
  clock: Clock
  /** Development: keeps a copy of every mail. */
  capture?: Inbox
}

/** The code of the refusal that no further try will change. */
export const mailRefused = 'mail_refused'

/** Longer than an honest mail server takes; one that drips its answers would hold a job for ever. */
const longestSendMs = seconds(30)

const never = new AbortController().signal

export function createMailer({ config, log, clock, capture }: MailerDeps): Mailer {
  const from = senderOf(config.mailFrom)
  const options = config.smtpUrl === undefined ? undefined : smtpOptions(config.smtpUrl)
  let opened: ReturnType<typeof openTransport> | undefined

  async function send(
    { id, to, subject, text, html, language }: OutgoingMail,
    { signal = never }: { signal?: AbortSignal } = {},
  ): Promise<void> {
    const address = parseMailbox(to)?.address
    if (address !== to) throw new TypeError('a mail needs one plain address to go to')
    const at = clock.now()
    capture?.add({ id, to, subject, text, html, at })
    if (!options) {
      if (capture) return
      throw unavailable('mail_not_configured')
    }
    try {
      opened ??= openTransport(options)
      const transport = await opened
      const sending = transport.sendMail({
        from,
        // An object, never a string: no quoting or comma in an address can add another one (GHSA-mm7p-fcc7-pg87)
        to: { name: '', address },
        subject,
        text,
        html,
        date: at,
        messageId: `<${id}@${from.address.split('@')[1]}>`,
        // RFC 3834 §5: keeps out-of-office replies away
        headers: { 'Auto-Submitted': 'auto-generated', 'Content-Language': language },
        disableFileAccess: true,
        disableUrlAccess: true,
      })
      await unlessAborted(AbortSignal.any([signal, AbortSignal.timeout(longestSendMs)]), sending)
    } catch (cause) {
      throw isRefusal(cause)
        ? new AppError('invalid', mailRefused, { cause })
        : unavailable('mail_unavailable', cause)
    }
    log.info({ event: 'mail.sent', mailId: id })
  }

  return { send, close: () => void opened?.then((transport) => transport.close()) }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

/** 5yz to the recipient or to the mail itself (RFC 5321 §4.2.1); a refused log-in or sender is the operator's to mend. */
const isRefusal = (error: unknown): boolean =>
  isObject(error) && error.permanent === true && (error.command === 'RCPT TO' || error.command === 'DATA')

/** What the mail server said, without its words: they repeat addresses. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof AppError ? error.cause : error
  if (!isObject(cause)) return error instanceof AppError ? error.code : 'unknown'
  const { code, responseCode, command } = cause
  const known = [code, responseCode, command].filter(
    (part) => typeof part === 'string' || typeof part === 'number',
  )
  return known.join(' ') || (cause instanceof Error ? cause.name : 'unknown')
}

/** Leaves a sending that takes too long to itself; whoever tries again sends the same Message-ID. */
function unlessAborted(signal: AbortSignal, sending: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(Object.assign(new Error('given up'), { code: 'ETIMEDOUT' }))
    if (signal.aborted) giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    sending.then(() => resolve(), reject).finally(() => signal.removeEventListener('abort', giveUp))
  })
}

function senderOf(text: string): { name: string; address: string } {
  const sender = parseMailbox(text)
  if (!sender) throw new TypeError('mailFrom must be like Name <address>')
  return sender
}

type SmtpOptions = ReturnType<typeof smtpOptions>

/** Loaded with the first mail that leaves: a development instance sends none. */
async function openTransport(options: SmtpOptions) {
  const { createTransport } = await import('nodemailer')
  return createTransport(options)
}

/** Rejects when the mail server is not there, offers no TLS that holds, or refuses the log-in. No mail is sent. */
export async function verifyMailServer(smtpUrl: string): Promise<void> {
  const transport = await openTransport(smtpOptions(smtpUrl))
  try {
    await transport.verify()
  } finally {
    transport.close()
  }
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
    dnsTimeout: seconds(5),
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
      const before = mails.findIndex(({ id }) => id === mail.id)
      if (before >= 0) mails.splice(before, 1)
      mails.unshift(mail)
      mails.length = Math.min(mails.length, capacity)
    },
    list: () => [...mails],
  }
}
