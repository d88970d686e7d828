// Owns that every process signs and verifies with the keys in force: it takes them up when a change is told, and where
// it may have been told without being heard.
import { signingKeysChannel } from '../features/artifacts/signing-keys.ts'
import { clientsChannel } from '../features/clients/store.ts'
import type { Listener } from '../platform/listener.ts'
import type { Log } from '../platform/log.ts'
import type { Live } from './live.ts'

export type FollowKeysDeps = {
  listener: Pick<Listener, 'on' | 'onUp' | 'onDown'>
  live: Pick<Live, 'rebuild'>
  log: Log
}

export function followKeys({ listener, live, log }: FollowKeysDeps): void {
  // Without a database it goes on with the keys it has; the listener comes back, or fails, and asks again
  const takeUp = () =>
    void live
      .rebuild()
      .catch((error: unknown) => log.warn({ event: 'keys.not_read', err: error }, 'the keys were not read'))

  listener.on(signingKeysChannel, takeUp)
  // An API was saved, and may have registered types of authorization details
  listener.on(clientsChannel, (id) => id === '*' && takeUp())
  listener.onUp(takeUp)
  // A compromised key must not live on where notifications do not get through
  listener.onDown(takeUp)
}
