// The composition root of pages: each feature's pages are handed what they need and mounted. No logic here.
import Router from '@koa/router'
import { mountSetupPages } from './console/setup-pages.ts'
import { createDevClock } from './dev/clock.ts'
import { createDevMail } from './dev/mail.ts'
import { createAuthn } from './features/authn/service.ts'
import { mountInteractions } from './oidc/interactions.ts'
import { createLimiter } from './platform/limiter.ts'
import type { AppOptions, LiveProvider, Protocol } from './protocol.ts'
import { sameOriginPosts } from './web/csrf.ts'

/** The pages that people answer. */
export function createRouter(options: AppOptions, live: LiveProvider, protocol: Protocol): Router {
  const { config, services, pages, demoPeople } = options
  const { artifacts, audit, accountStore, clock, db, passwords, sealer, telemetry, tickets, claimsOf } =
    services
  const { cookies, browser, resources, restart } = protocol
  const { renderer } = pages
  const router = new Router()
  const authn = createAuthn({
    db,
    clock,
    sealer,
    passwords,
    artifacts,
    accounts: accountStore,
    audit,
    layout: config.loginLayout,
    isUnlimited: (email) => config.testHooks && demoPeople.some((person) => person.email === email),
    observe: (result) => telemetry.countLogin('pwd', result),
  })
  mountInteractions({
    router,
    provider: live.provider,
    authn,
    claimsOf: async (accountId) => {
      const account = await artifacts.accountOf(accountId)
      return account && claimsOf(account)
    },
    findResource: resources.find,
    renderer,
    restart,
    demoPeople,
    deviceCookie: browser.device,
    sameOrigin: sameOriginPosts({
      issuer: config.issuer,
      cookies: [cookies.name('foyer_interaction', 'path'), cookies.name('foyer_browser', 'host')],
    }),
  })
  mountSetupPages({
    router,
    tickets,
    limiter: createLimiter({ db }),
    renderer,
    minLength: config.passwordMinLength,
    sameOrigin: sameOriginPosts({ issuer: config.issuer, cookies: [] }),
    now: clock.now,
  })
  return router
}

/** What only development and test benches have. */
export function createDevRouter({ config, services, pages }: AppOptions): Router {
  const router = new Router()
  const { inbox, clock, timekeeper } = services
  if (inbox) router.use(createDevMail({ inbox, renderer: pages.renderer }).routes())
  if (config.testHooks) router.use(createDevClock({ clock, timekeeper }).routes())
  return router
}
