// Owns the device flow (RFC 8628) as oidc-provider runs it: making codes and redeeming them. What happens in between is
// Foyer's own: the page is console/device-pages.ts, and oidc-provider's, which sends itself on by script and forgets
// who typed a code, stays closed.
import type Koa from 'koa'
import type { Configuration, KoaContextWithOIDC, Provider } from 'oidc-provider'
import { limits } from '../config/limits.ts'
import type { CrossDevice } from '../features/crossdevice/service.ts'
import { userCodeMask } from '../features/crossdevice/user-codes.ts'
import { notFound } from '../kernel/errors.ts'
import { hashText } from '../kernel/secrets.ts'
import type { Clock } from '../kernel/time.ts'
import type { Limiter } from '../platform/limiter.ts'

export type DeviceFlowDeps = {
  crossDevice: Pick<CrossDevice, 'begin'>
  limiter: Pick<Limiter, 'take'>
  clock: Clock
}

/** Where a person types the code of a device. */
export const devicePage = '/device'
export const deviceRoutes = { device_authorization: '/oauth2/device', code_verification: devicePage }

/** What a person is told of the device that asks. */
export type DeviceInfo = { address: string; userAgent: string }

const deviceInfo = (ctx: Koa.Context): DeviceInfo => ({
  address: ctx.state.address,
  userAgent: ctx.get('User-Agent').slice(0, 200),
})

async function closed(): Promise<never> {
  throw notFound()
}

type DeviceAnswer = { device_code: string; expires_in: number; interval?: number }
type Feature = NonNullable<NonNullable<Configuration['features']>['deviceFlow']>

export const deviceFeature: Feature = {
  enabled: true,
  charset: 'base-20',
  mask: userCodeMask,
  deviceInfo: deviceInfo as unknown as NonNullable<Feature['deviceInfo']>,
  userCodeInputSource: closed,
  userCodeConfirmSource: closed,
  successSource: closed,
}

export function createDeviceFlow({ crossDevice, limiter, clock }: DeviceFlowDeps) {
  /** RFC 8628 §3.2: what oidc-provider leaves out of its answer, and the code as a person will type it. */
  function begin({ oidc }: KoaContextWithOIDC, answer: DeviceAnswer): void {
    const { DeviceCode } = oidc.entities
    if (!DeviceCode) throw new Error('oidc-provider made no device code')
    const { userCode, clientId = '' } = DeviceCode
    const exp = clock.seconds() + answer.expires_in
    crossDevice.begin({ code: answer.device_code, userCode, clientId, exp })
    answer.interval = limits.pollIntervalSeconds
  }

  /** RFC 8628 §3.5, CIBA §11: whoever asks too often while nothing is decided is told so. Behind a provider. */
  async function keepPace(ctx: Koa.Context, next: Koa.Next): Promise<void> {
    await next()
    if (ctx.status !== 400 || ctx.path !== '/oauth2/token') return
    const { error }: { error?: string } = Object(ctx.body)
    if (error !== 'authorization_pending') return
    const { device_code, auth_req_id } = (ctx as unknown as KoaContextWithOIDC).oidc.params ?? {}
    const code = device_code ?? auth_req_id
    const { allowed } = await limiter.take(
      [{ name: 'device.poll', key: hashText(String(code)) }],
      clock.now(),
    )
    if (allowed) return
    const error_description = `ask every ${limits.pollIntervalSeconds} seconds, and five seconds less often from now on`
    ctx.body = { error: 'slow_down', error_description }
  }

  return {
    attach(provider: Provider): void {
      provider.use(keepPace as never)
      provider.on('device_authorization.success', begin as never)
    },
  }
}

export type DeviceFlow = ReturnType<typeof createDeviceFlow>
