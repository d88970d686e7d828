// Owns what a client is told of the limits that its request was counted against:
// RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers), and Retry-After on a refusal.
// Counting is platform/limiter and the sign-in's own statement, where the counter moves before anything is compared.
import type Koa from 'koa'
import { type RateName, rates } from '../config/limits.ts'
import { type LimitReport, withReports } from '../platform/limit-reports.ts'

/**
 * Only limits of the network address and of an authenticated caller of the API are told. How an account or an address
 * of mail stands would tell a stranger whether somebody else has been trying there.
 */
const isOpen = ({ name }: LimitReport): boolean => name.endsWith('.address') || name.startsWith('api.')

export function limitHeaders(): Koa.Middleware {
  return async function limitHeaders(ctx, next) {
    const reports = new Map<RateName, LimitReport>()
    try {
      await withReports(reports, next)
    } catch (error) {
      tell(ctx, [...reports.values()].filter(isOpen))
      throw error
    }
    tell(ctx, [...reports.values()].filter(isOpen))
  }
}

function tell(ctx: Koa.Context, reports: LimitReport[]): void {
  if (reports.length === 0) return
  ctx.set('RateLimit-Policy', reports.map(policyOf).join(', '))
  ctx.set('RateLimit', reports.map(standingOf).join(', '))
}

/** §3: the quota and its window in seconds, as an item of RFC 9651. */
function policyOf({ name }: LimitReport): string {
  const { burst, periodMs } = rates[name]
  return `"${name}";q=${burst};w=${periodMs / 1000}`
}

/** §4: what is left, and in how many seconds the quota is whole again. */
const standingOf = ({ name, remaining, resetSeconds }: LimitReport): string =>
  `"${name}";r=${remaining};t=${resetSeconds}`
