// The mails of a product that runs inside the test, with its jobs running, so that they are sent as in real life.
import { setTimeout as sleep } from 'node:timers/promises'
import { startApp, type TestApp, type TestAppOptions } from './app.ts'

export type Mail = { id: string; to: string; subject: string; text: string; html: string; at: string }

export type Mailbox = {
  /** The oldest mail to this address, with such a subject, that was not asked for yet; waits for it. */
  next(to: string, subject?: RegExp): Promise<Mail>
  /** Mails to this address that were not asked for yet, once everything that waits is sent. */
  rest(to: string): Promise<Mail[]>
}

export const codeIn = ({ subject }: Mail): string => /\d{6}/.exec(subject)?.[0] ?? ''
export const linkIn = ({ text }: Mail): string => /https?:\/\/\S+[?&]token=[\w-]+/.exec(text)?.[0] ?? ''

const patienceMs = 8_000

/** The product as startApp makes it, and its mailbox of development. */
export async function startMailingApp(options: TestAppOptions = {}): Promise<TestApp & { mails: Mailbox }> {
  const app = await startApp({ ...options, jobs: true })
  const seen = new Set<string>()

  async function unseen(to: string): Promise<Mail[]> {
    const answer = await fetch(`${app.issuer}/dev/mail.json`)
    const mails = (await answer.json()) as Mail[]
    return mails.filter((mail) => mail.to === to && !seen.has(mail.id)).reverse()
  }

  async function waiting(): Promise<number> {
    const [row] = await app.services.db.query<{ count: number }>({
      text: `SELECT count(*)::int AS count FROM graphile_worker.jobs WHERE task_identifier = 'mail' AND run_at <= now()`,
      values: [],
    })
    return row?.count ?? 0
  }

  async function next(to: string, subject = /./): Promise<Mail> {
    const until = performance.now() + patienceMs
    while (performance.now() < until) {
      const mail = (await unseen(to)).find((each) => subject.test(each.subject))
      if (mail) {
        seen.add(mail.id)
        return mail
      }
      await sleep(20)
    }
    throw new Error(`no mail came for ${to}`)
  }

  async function rest(to: string): Promise<Mail[]> {
    while ((await waiting()) > 0) await sleep(20)
    const mails = await unseen(to)
    for (const { id } of mails) seen.add(id)
    return mails
  }

  return { ...app, mails: { next, rest } }
}
