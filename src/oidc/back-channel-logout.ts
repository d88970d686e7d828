// Owns telling a client that a session ended in which it took part (OpenID Connect Back-Channel Logout 1.0). The job
// is written by a trigger on sessions, tell_of_logout in prisma/migrations, in the transaction that ends one.
import type { Audit } from '../features/audit/service.ts'
import type { ProtocolClient } from '../features/clients/store.ts'
import { hours, minutes, seconds } from '../kernel/time.ts'
import type { Log } from '../platform/log.ts'
import { OutboundError, type OutboundFetch } from '../platform/outbound.ts'
import type { Job, Queue } from '../platform/queue.ts'
import { createSideCalls } from '../platform/side-calls.ts'
import type { MintLogoutToken } from './logout-tokens.ts'
import type { SubjectOf } from './subjects.ts'

export type BackChannelLogoutDeps = {
  queue: Pick<Queue, 'enqueueAlone' | 'remove'>
  findClient: (clientId: string) => Promise<ProtocolClient | undefined>
  mint: MintLogoutToken
  subjectOf: SubjectOf
  call: OutboundFetch
  audit: Pick<Audit, 'recordAlone'>
  log: Log
}

export type BackChannelLogout = ReturnType<typeof createBackChannelLogout>

/** The name of its jobs. */
export const logoutTask = 'logout'
/** `sub` is the account, whatever the client calls it. */
type LogoutJob = { clientId: string; sid: string; sub: string; tries: number }

/** After each try that failed: for a day and a night in all, since a session that lives on is a door left open. */
export const logoutWaitsMs = [
  seconds(5),
  seconds(30),
  minutes(2),
  minutes(10),
  minutes(30),
  hours(1),
  hours(2),
  hours(4),
  hours(8),
  hours(8),
]
/** Longer than a call takes: after it a process that was killed is not waited for. */
const leaseMs = seconds(30)
const busyMs = seconds(1)
const priority = 5

const keyOf = ({ sid }: LogoutJob) => ({ task: logoutTask, key: sid })
const jobOf = (payload: LogoutJob, delayMs: number): Job => ({
  ...keyOf(payload),
  payload,
  delayMs,
  priority,
})

export function createBackChannelLogout(deps: BackChannelLogoutDeps) {
  const { queue, audit } = deps
  const calls = createSideCalls({ name: 'logout', log: deps.log })

  async function task(payload: unknown): Promise<void> {
    const job = payload as LogoutJob
    if (calls.isFull()) return queue.enqueueAlone(jobOf(job, busyMs))
    // Planned before the call, and taken back after it
    await queue.enqueueAlone(jobOf({ ...job, tries: job.tries + 1 }, leaseMs))
    calls.start(() => tell(job))
  }

  async function tell(job: LogoutJob): Promise<void> {
    const client = await deps.findClient(job.clientId)
    const uri = client?.metadata.backchannel_logout_uri
    // Unregistered meanwhile, and so not interested any more
    if (!client?.enabled || uri === undefined) return queue.remove(keyOf(job))
    const result = await calls.answerOf(ask(uri, client, job))
    if (result === undefined) return
    // §2.8: 200; some frameworks make it 204 when there is no body
    if (result === 200 || result === 204) return finish(job, 'logout.delivered', { status: result })
    const wait = logoutWaitsMs[job.tries]
    if (wait !== undefined) return queue.enqueueAlone(jobOf({ ...job, tries: job.tries + 1 }, wait))
    await finish(job, 'logout.failed', typeof result === 'number' ? { status: result } : { reason: result })
  }

  /** The token is of this try: an older one would have expired on the way. */
  async function ask(uri: string, client: ProtocolClient, { sub: accountId, sid }: LogoutJob) {
    const alg = client.metadata.id_token_signed_response_alg
    const sub = deps.subjectOf(client, accountId)
    const logout_token = await deps.mint({ clientId: client.id, alg, sub, sid })
    const body = new URLSearchParams({ logout_token })
    try {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const call = { method: 'POST', headers, body: body.toString(), wants: 'status' } as const
      return (await deps.call(uri, call)).status
    } catch (error) {
      return error instanceof OutboundError ? 'refused' : 'unreachable'
    }
  }

  async function finish(
    job: LogoutJob,
    type: 'logout.delivered' | 'logout.failed',
    result: { status: number } | { reason: string },
  ): Promise<void> {
    const { clientId, sub: accountId, tries } = job
    const details = { ...result, tries: tries + 1 }
    await audit.recordAlone({ type, actor: { kind: 'system' }, accountId, clientId, details })
    await queue.remove(keyOf(job))
  }

  return { task, stop: calls.stop }
}
