// Owns the way of a mail: handed over in the transaction that causes it, sealed until it is sent, tried again until
// it is sent or too old. Who gets a mail, and how many, is decided by whoever hands it over.
import { AppError } from '../../kernel/errors.ts'
import { newId, randomKey } from '../../kernel/secrets.ts'
import { type Clock, dateOf, seconds } from '../../kernel/time.ts'
import type { Write } from '../../platform/compose.ts'
import type { Translator } from '../../platform/i18n.ts'
import type { Log } from '../../platform/log.ts'
import { type Mailer, mailRefused, reasonOf } from '../../platform/mailer.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { Job, Queue } from '../../platform/queue.ts'
import type { Sealer } from '../../platform/sealer.ts'
import { type Letter, letterOf, type Sender, textOf } from './content.ts'
import { waitMs } from './policy.ts'
import { type MailJob, type OutboxMail, priorityOf, type SealedMail } from './schema.ts'

export type MailResult = 'sent' | 'deferred' | 'expired' | 'refused'

export type OutboxDeps = {
  queue: Pick<Queue, 'enqueue' | 'also' | 'enqueueAlone' | 'remove'>
  sealer: Pick<Sealer, 'seal' | 'open'>
  mailer: Pick<Mailer, 'send'>
  clock: Clock
  log: Log
  sender: Sender
  /** The words of a language, or of the installation's where there are none. */
  wordsOf: (language: string) => Translator
  /** The HTML of a mail. */
  render: (letter: Letter) => string
  /** Told what became of each try, for metrics. */
  observe: (result: MailResult) => void
}

export type MailCause = Write & {
  /** A condition on the row written, in the words of its SQL, under which there is a mail at all. */
  mailWhen?: string
}

export type Outbox = ReturnType<typeof createOutbox>

/** The name of its jobs. */
export const mailTask = 'mail'

/** Longer than any try takes: after it a mail whose process was killed is tried again. */
const leaseMs = seconds(60)
const priorities = { auth: 0, notice: 10 } as const

export function createOutbox(deps: OutboxDeps) {
  const { queue, sealer, mailer, clock, log, observe } = deps

  function jobOf(mail: OutboxMail): Job {
    const now = clock.now()
    const id = newId(now)
    const { to, language, template, values } = mail
    const sealed: SealedMail = { to, language, template, values, at: now.toISOString() }
    const payload: MailJob = {
      id,
      tries: 0,
      priority: priorityOf(mail),
      expiresAt: mail.expiresAt.toISOString(),
      sealed: sealer.seal(JSON.stringify(sealed), placeOf(id)).toString('base64'),
    }
    return toJob(payload, 0)
  }

  /** Sent once the transaction has committed, and not at all when it has not. One statement. */
  const enqueue = (tx: Tx, mail: OutboxMail): Promise<void> => queue.enqueue(tx, jobOf(mail))

  /** For the unit of work of a request: the mail goes out when `cause` writes its row, and in the same statement. */
  function mailWrite(mail: OutboxMail, { mailWhen, ...cause }: MailCause): Write {
    return { ...cause, shape: `${cause.shape}+mail`, also: queue.also(jobOf(mail), { when: mailWhen }) }
  }

  function open(job: MailJob): SealedMail {
    return JSON.parse(sealer.open(Buffer.from(job.sealed, 'base64'), placeOf(job.id)).toString('utf8'))
  }

  async function send(job: MailJob, signal: AbortSignal): Promise<void> {
    const mail = open(job)
    const letter = letterOf(mail, deps.wordsOf(mail.language), deps.sender)
    const outgoing = {
      id: job.id,
      to: mail.to,
      subject: letter.subject,
      text: textOf(letter),
      html: deps.render(letter),
      language: letter.lang,
    }
    await mailer.send(outgoing, { signal })
  }

  async function drop(job: MailJob, result: 'expired' | 'refused'): Promise<void> {
    await queue.remove({ task: mailTask, key: job.id })
    log.warn({ event: 'mail.dropped', mailId: job.id, reason: result, tries: job.tries })
    observe(result)
  }

  async function tryLater(job: MailJob): Promise<void> {
    const wait = waitMs(job.tries, (randomKey(1)[0] ?? 0) / 255)
    if (clock.millis() + wait >= dateOf(job.expiresAt).getTime()) return drop(job, 'expired')
    await queue.enqueueAlone(toJob({ ...job, tries: job.tries + 1 }, wait))
    observe('deferred')
  }

  /**
   * The job. Its next try is written before this one begins, and taken back after it: a process that is killed
   * meanwhile loses no mail, and the copy it may have sent has the same Message-ID.
   */
  async function task(payload: unknown, { signal }: { signal: AbortSignal }): Promise<void> {
    const job = payload as MailJob
    if (clock.millis() >= dateOf(job.expiresAt).getTime()) return drop(job, 'expired')
    await queue.enqueueAlone(toJob({ ...job, tries: job.tries + 1 }, leaseMs))
    try {
      await send(job, signal)
    } catch (error) {
      log.warn({ event: 'mail.not_sent', mailId: job.id, tries: job.tries, reason: reasonOf(error) })
      return error instanceof AppError && error.code === mailRefused ? drop(job, 'refused') : tryLater(job)
    }
    await queue.remove({ task: mailTask, key: job.id })
    observe('sent')
  }

  return { enqueue, mailWrite, task }
}

/** Where the mail rests: its sealed text opens nowhere else. */
const placeOf = (id: string): string => `jobs.${id}.mail`

const toJob = (payload: MailJob, delayMs: number): Job => ({
  task: mailTask,
  key: payload.id,
  payload,
  delayMs,
  priority: priorities[payload.priority],
})
