// Owns POST /dev/ciba/:auth_req_id, by which a test bench answers in a person's place: with JSON, or with ?action= and
// no body, as the suites of the OpenID Foundation ask. Mounted with test hooks only.
import type Router from '@koa/router'
import { z } from 'zod'
import type { Asks } from '../features/crossdevice/ask-service.ts'
import { notFound } from '../kernel/errors.ts'
import type { Clock } from '../kernel/time.ts'
import type { DeviceApproval } from '../oidc/device-approval.ts'
import { parse, readJson } from '../web/input.ts'

export type DevCibaDeps = {
  router: Router
  asks: Pick<Asks, 'holdByCode'>
  approval: Pick<DeviceApproval, 'allow' | 'deny'>
  clock: Pick<Clock, 'seconds'>
}

const Answer = z.strictObject({ action: z.enum(['allow', 'deny']) })

/** In the unit of work of the request. */
export function mountDevCiba({ router, asks, approval, clock }: DevCibaDeps): void {
  router.post('/dev/ciba/:code', async (ctx) => {
    ctx.state.wants = 'json'
    const { action: named } = ctx.query
    const { action } = parse(Answer, named === undefined ? await readJson(ctx) : { action: named })
    const request = await asks.holdByCode(String(ctx.params.code))
    if (!request) throw notFound()
    if (action === 'allow') await approval.allow(ctx, request, { authTime: clock.seconds() })
    else approval.deny(ctx, request)
    ctx.body = { action }
  })
}
