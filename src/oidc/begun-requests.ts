// Owns how many requests may be begun that are kept before any person has answered: pushed ones (RFC 9126), those of
// devices (RFC 8628) and those that ask people elsewhere (CIBA). What is refused leaves nothing behind.
import type Koa from 'koa'
import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import type { RateName } from '../config/limits.ts'
import { rateLimited } from '../kernel/errors.ts'
import type { Clock } from '../kernel/time.ts'
import type { Limiter, LimitKey } from '../platform/limiter.ts'
import { addressPrefix } from '../web/address.ts'
import { cibaRoutes } from './ciba.ts'
import { deviceRoutes } from './device.ts'

export const pushRoutes = { pushed_authorization_request: '/oauth2/par' }

type Rates = { ofClient: RateName; ofAddress: RateName }

const ratesOf = new Map<string, Rates>([
  [pushRoutes.pushed_authorization_request, { ofClient: 'par.client', ofAddress: 'par.address' }],
  [deviceRoutes.device_authorization, { ofClient: 'device.client', ofAddress: 'device.begin.address' }],
  [cibaRoutes.backchannel_authentication, { ofClient: 'ciba.client', ofAddress: 'ciba.address' }],
])

/** Everybody can speak for a client that proves nothing, and be one that registers itself: it is the address then. */
function countedBy(ctx: Koa.Context, { ofClient, ofAddress }: Rates, client: Client): LimitKey {
  const isAnybody = client.clientAuthMethod === 'none' || client.self_registered === true
  return isAnybody
    ? { name: ofAddress, key: addressPrefix(ctx.state.address) }
    : { name: ofClient, key: client.clientId }
}

export type BegunRequestsDeps = { limiter: Pick<Limiter, 'take'>; clock: Clock }

/** Behind a provider: a request that it refuses is not counted, since it is not kept either. */
export function limitBegunRequests({ limiter, clock }: BegunRequestsDeps): Koa.Middleware {
  return async function limitBegunRequests(ctx, next) {
    await next()
    const rates = ratesOf.get(ctx.path)
    if (!rates || ctx.status >= 400) return
    const { client } = (ctx as unknown as KoaContextWithOIDC).oidc
    if (!client) return
    const { allowed, retryAfterSeconds } = await limiter.take([countedBy(ctx, rates, client)], clock.now())
    // RFC 9126 §2.3
    if (!allowed) throw rateLimited(retryAfterSeconds)
  }
}
