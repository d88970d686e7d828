// Owns telling an app that the person has decided (CIBA §10.2): a job that the decision leaves, so that it comes true
// together with it. Whoever is not told may still ask.

import type { Write } from '../../platform/compose.ts'
import { OutboundError, type OutboundFetch } from '../../platform/outbound.ts'
import type { Queue } from '../../platform/queue.ts'
import type { CrossDeviceStore } from './store.ts'

export type PingDeps = {
  store: Pick<CrossDeviceStore, 'findSealed'>
  sealer: { open(sealed: Uint8Array, aad: string): Buffer }
  /** Where this client wants to be told. */
  endpointOf: (clientId: string) => Promise<string | undefined>
  call: OutboundFetch
}

export type Ping = { authReqId: string; token: string }

/** The name of its job. */
export const pingTask = 'ciba_ping'

export const sealedPlace = (id: string): string => `cross_device_requests.${id}.sealed`

/** What a decision leaves, where an app wants to be told. */
export const pingOf = (queue: Pick<Queue, 'also'>): NonNullable<Write['also']> =>
  queue.also({ task: pingTask, payload: {} }, { when: 'sealed IS NOT NULL', row: { id: 'id' } })

export function createPing({ store, sealer, endpointOf, call }: PingDeps) {
  /** The job. What is gone meanwhile needs no call; a failed one is tried again by the queue. */
  async function task(payload: unknown): Promise<void> {
    const { id } = payload as { id: string }
    const found = await store.findSealed(id)
    const endpoint = found && (await endpointOf(found.clientId))
    if (!found || endpoint === undefined) return
    const ping: Ping = JSON.parse(sealer.open(found.sealed, sealedPlace(id)).toString('utf8'))
    const status = await send(endpoint, ping)
    // CIBA §10.2: 200 and 204 alike; 401 and 403 will not get better
    if (status >= 500 || status === 429) throw new Error(`the app answered ${status}`)
  }

  /** What the app answered; 0 for what is refused here, such as a redirect, and will not get better either. */
  async function send(endpoint: string, { token, authReqId }: Ping): Promise<number> {
    const answer = call(endpoint, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ auth_req_id: authReqId }),
      wants: 'status',
    })
    return answer.then(
      ({ status }) => status,
      (error) => {
        if (error instanceof OutboundError) return 0
        throw error
      },
    )
  }

  return { task }
}
