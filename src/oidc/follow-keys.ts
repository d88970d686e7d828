// Owns that every process signs and verifies with the keys in force: it takes them up when a change is told, and where
// it may have been told without being heard.
import { signingKeysChannel } from '../features/artifacts/signing-keys.ts'
import { clientsChannel } from '../features/clients/store.ts'
import { seconds } from '../kernel/time.ts'
import type { Listener } from '../platform/listener.ts'
import type { Log } from '../platform/log.ts'
import type { Live } from './live.ts'

export type FollowKeysDeps = {
  listener: Pick<Listener, 'on' | 'onUp' | 'onDown' | 'isUp'>
  live: Pick<Live, 'rebuild'>
  log: Log
}

const againAfterMs = seconds(1)

export function followKeys({ listener, live, log }: FollowKeysDeps): void {
  /** Until it has succeeded: a process goes on with the keys it has, and a compromised one may be among them. */
  async function takeUp(): Promise<void> {
    try {
      await live.rebuild()
    } catch (error) {
      log.warn({ event: 'keys.not_read', err: error }, 'the keys were not read')
      // A listener that is down asks again by itself, and one that is closed asks no more
      if (listener.isUp()) setTimeout(takeUp, againAfterMs).unref()
    }
  }

  listener.on(signingKeysChannel, takeUp)
  // An API was saved, and may have registered types of authorization details
  listener.on(clientsChannel, (id) => id === '*' && takeUp())
  listener.onUp(takeUp)
  // A compromised key must not live on where notifications do not get through
  listener.onDown(takeUp)
}
