// The composition root of the first-party JSON door. No logic here.
import type Koa from 'koa'
import compose from 'koa-compose'
import { createDoorRouter } from './api/auth.ts'
import { doorUnit } from './api/auth-unit.ts'
import { createTokenDesk } from './oidc/token-desk.ts'
import type { AppOptions, LiveProvider, Protocol } from './protocol.ts'
import { limitHeaders } from './web/limit.ts'

/** Nothing where the door is closed: its paths are as unknown there as any other. */
export function createDoor(
  app: Koa,
  { config, services }: AppOptions,
  { live, protocol }: { live: LiveProvider; protocol: Protocol },
): Koa.Middleware[] {
  if (!config.firstParty.enabled) return []
  const { linkUrl } = config.firstParty
  const { artifacts } = services
  const { authn, innerSecret, firstPartyGrant, resources, stateOf, browser } = protocol
  const router = createDoorRouter({
    ...services,
    authn,
    resources,
    stateOf,
    read: live.read,
    deviceCookie: browser.device,
    desk: createTokenDesk({
      app,
      handle: live.handle,
      grant: firstPartyGrant,
      secret: innerSecret.secret,
    }),
    touchSession: artifacts.keepSession,
    links: {
      recovery: linkUrl ?? `${config.issuer}/recover`,
      passwordless: linkUrl ?? `${config.issuer}/link`,
    },
    languageOf: (ctx) => ctx.state.translator.lang,
  })
  const routes = router.routes() as unknown as Koa.Middleware
  const handle = compose([limitHeaders(), doorUnit({ artifacts }), routes])
  return [(ctx, next) => (ctx.path.startsWith('/auth/') ? handle(ctx, async () => undefined) : next())]
}
