// Owns what the sign-in pages read from a request, and how a refusal for a while is told on a page.
import type Koa from 'koa'
import type { Origin } from '../features/challenges/schema.ts'
import { AppError } from '../kernel/errors.ts'
import { after, type Clock, seconds } from '../kernel/time.ts'
import { addressPrefix } from '../web/address.ts'
import type { PageError } from '../web/views.ts'

/** Why a form is shown again. */
export type Trouble = { errors?: PageError[]; retryAt?: Date; retryAfterSeconds?: number; status: number }

export function requestOrigin(ctx: Koa.Context): Origin {
  const { address, requestId } = ctx.state
  return { address, addressPrefix: addressPrefix(address), requestId, device: ctx.get('User-Agent') }
}

/** Too many tries: the page names the time of the next one. */
export function waitUntil(
  ctx: Koa.Context,
  { retryAt, retryAfterSeconds }: { retryAt: Date; retryAfterSeconds: number },
): Trouble {
  ctx.set('Retry-After', String(Math.max(1, Math.ceil(retryAfterSeconds))))
  return { retryAt, retryAfterSeconds, status: 429 }
}

/** The same for a refusal that was thrown; anything else is thrown on. */
export function waitAfter(ctx: Koa.Context, error: unknown, clock: Clock): Trouble {
  if (!(error instanceof AppError) || error.kind !== 'rate_limited') throw error
  const { retryAfterSeconds = 1 } = error.details
  return waitUntil(ctx, { retryAfterSeconds, retryAt: after(clock.now(), seconds(retryAfterSeconds)) })
}
