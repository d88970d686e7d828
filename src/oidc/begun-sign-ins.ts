// Owns how many sign-ins may be begun from one address: each request without a session leaves an interaction behind for
// a day, and costs whoever sends it nothing. Counted in memory: it bounds what is kept, and decides nothing about people.
import type Koa from 'koa'
import { isLoopbackHost } from '../config/hosts.ts'
import type { Rate } from '../config/limits.ts'
import { rateLimited } from '../kernel/errors.ts'
import type { Clock } from '../kernel/time.ts'
import { createWeighedMap } from '../kernel/weighed-map.ts'
import { gcra } from '../platform/limiter.ts'
import { addressPrefix } from '../web/address.ts'

/** Some twenty thousand addresses; one that is forgotten begins anew. */
const mostBytes = 4 * 1024 * 1024
const entryBytes = 200

/** The answer leads to a page of Foyer's own (provider.ts), for which the interaction is about to be kept. */
const beginsSignIn = (ctx: Koa.Context): boolean =>
  ctx.path === '/oauth2/authorize' && String(ctx.res.getHeader('location') ?? '').startsWith('/interaction/')

/** A proxy that nobody declared: everybody behind it has this address. Or whoever works at this machine. */
const isNobodys = (ctx: Koa.Context): boolean => isLoopbackHost(ctx.state.address)

export type BegunSignInsDeps = { clock: Clock; rate: Rate }

/** Behind a provider, and before what it staged is written. */
export function limitBegunSignIns({ clock, rate }: BegunSignInsDeps): Koa.Middleware {
  const arrivals = createWeighedMap<number>({ most: mostBytes, weigh: () => entryBytes })

  return async function limitBegunSignIns(ctx, next) {
    await next()
    if (!beginsSignIn(ctx) || isNobodys(ctx)) return
    const key = addressPrefix(ctx.state.address)
    const { allowed, tat, retryAfterMs } = gcra(arrivals.get(key) ?? 0, clock.millis(), { rate })
    arrivals.set(key, tat)
    if (!allowed) throw rateLimited(Math.ceil(retryAfterMs / 1000))
  }
}
