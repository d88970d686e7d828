// Owns where the work under way comes from: the request that it is done for, known to whatever is written down of it
// without being passed along. Work that nobody asked for has none.
import { AsyncLocalStorage } from 'node:async_hooks'

export type Origin = {
  requestId: string
  address: string
  /** The User-Agent, cut short. */
  device: string | null
}

const current = new AsyncLocalStorage<Origin>()

export const withOrigin = <T>(origin: Origin, work: () => T): T => current.run(origin, work)

export const currentOrigin = (): Origin | undefined => current.getStore()
