// Owns the mail that tells a person that an app's tokens were ended because a spent one came back. It is caused by
// the row of the grant that is deleted: once for each incident, however many requests notice it.
import { limits } from '../../config/limits.ts'
import { after, type Clock, dateOf } from '../../kernel/time.ts'
import type { Write } from '../../platform/compose.ts'
import type { Limiter } from '../../platform/limiter.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Queue } from '../../platform/queue.ts'
import type { Accounts } from '../accounts/service.ts'
import type { Outbox } from '../outbox/service.ts'

export type ReuseNoticeDeps = {
  db: Pick<Db, 'inTransaction'>
  accounts: Pick<Accounts, 'findById'>
  /** What a client is called. */
  appName: (clientId: string) => Promise<string>
  outbox: Pick<Outbox, 'enqueue'>
  limiter: Pick<Limiter, 'take'>
  clock: Clock
}

type Payload = { at: string; accountId: string; clientId: string }

/** The name of its job. */
export const reuseNoticeTask = 'reuse_notice'

/** What the end of the grant leaves besides. */
export const reuseNoticeOf = (queue: Pick<Queue, 'also'>, clock: Clock): NonNullable<Write['also']> =>
  queue.also(
    { task: reuseNoticeTask, payload: { at: clock.now().toISOString() } },
    { row: { accountId: 'account_id', clientId: 'client_id' } },
  )

export function createReuseNotice(deps: ReuseNoticeDeps) {
  const { db, accounts, appName, outbox, limiter, clock } = deps

  /** The job. Whoever can sign in can spend tokens twice at will: beyond the limit the audit log alone tells of it. */
  async function task(payload: unknown): Promise<void> {
    const { at, accountId, clientId } = payload as Payload
    const account = await accounts.findById(accountId)
    if (account?.status !== 'active') return
    const key = { name: 'notice.reuse', key: account.emailCanonical } as const
    if (!(await limiter.take([key], clock.now())).allowed) return
    const app = await appName(clientId)
    await db.inTransaction((tx) =>
      outbox.enqueue(tx, {
        to: account.email,
        language: account.locale ?? '',
        template: 'tokens_reused',
        values: { app, at },
        expiresAt: after(dateOf(at), limits.noticeMs),
      }),
    )
  }

  return { task }
}
