// Owns what becomes of a refresh token that is presented: rotated, replayed inside the grace, or reuse.
// Pure: the store brings the row, the unit of work acts on the answer. See docs/adr/0004-refresh-rotation.md.
import { createHmac, type KeyObject } from 'node:crypto'
import { limits } from '../../config/limits.ts'

export type PresentedToken = {
  consumedAt: Date | null
  /** Whether the successor has itself been used. */
  childConsumed: boolean
  hasChild: boolean
  graceSeconds: number
}

/** The service was away from `downSince` to `upSince`. */
export type Outage = { downSince: Date; upSince: Date }

export type Use = 'rotate' | 'replay' | 'reuse'

/**
 * A consumed token is replayed, giving the same successor, while its grace lasts and the successor is unused.
 * The grace counts from the first use and never slides. A grace that the service's own outage cut short ends
 * ten seconds after the service is back.
 */
export function useOf(token: PresentedToken, now: Date, outage: Outage | undefined): Use {
  if (token.consumedAt === null) return 'rotate'
  if (!token.hasChild || token.childConsumed || token.graceSeconds === 0) return 'reuse'

  const graceEnds = token.consumedAt.getTime() + token.graceSeconds * 1000
  if (now.getTime() <= graceEnds) return 'replay'

  const cutByOutage =
    outage !== undefined &&
    token.consumedAt.getTime() <= outage.upSince.getTime() &&
    outage.downSince.getTime() <= graceEnds
  const healedUntil = outage ? outage.upSince.getTime() + limits.refreshGraceAfterOutageMs : 0
  return cutByOutage && now.getTime() <= healedUntil ? 'replay' : 'reuse'
}

/**
 * The successor of a refresh token: whoever holds the parent gets the same child each time, and the child is
 * stored nowhere but as a hash.
 */
export function deriveSuccessor(key: KeyObject, familyId: string, parent: string): string {
  return createHmac('sha256', key).update(`rt1\0${familyId}\0${parent}`).digest('base64url')
}
