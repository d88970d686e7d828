// The composition root of pages: each feature's pages are handed what they need and mounted. No logic here.
import Router from '@koa/router'
import type Koa from 'koa'
import { mountAccountPages } from './console/account-pages.ts'
import { createAccountSession } from './console/account-session.ts'
import { mountAskPages } from './console/ask-pages.ts'
import { type DevicePagesDeps, mountDevicePages } from './console/device-pages.ts'
import { mountInvitationPages } from './console/invitation-pages.ts'
import { mountJoinPages } from './console/join-pages.ts'
import { mountLogos } from './console/logo-route.ts'
import { mountSetupPages } from './console/setup-pages.ts'
import { mountTeamPages } from './console/team-pages.ts'
import { mountDevCiba } from './dev/ciba.ts'
import { createDevClock } from './dev/clock.ts'
import { createDevMail } from './dev/mail.ts'
import { createBrowserSession } from './oidc/browser-session.ts'
import { appOf, startOf } from './oidc/client-metadata.ts'
import { createDeviceApproval } from './oidc/device-approval.ts'
import { mountInteractions } from './oidc/interactions.ts'
import { signInCookies } from './oidc/sign-in-cookies.ts'
import { createLimiter } from './platform/limiter.ts'
import type { AppOptions, LiveProvider, Protocol } from './protocol.ts'
import { sameOriginPosts } from './web/csrf.ts'
import { mountLanguageChoice } from './web/language.ts'

const claimsOfPeople =
  ({ artifacts, claimsOf }: AppOptions['services']) =>
  async (accountId: string) => {
    const account = await artifacts.accountOf(accountId)
    return account && claimsOf(account)
  }

/** The pages that people answer. */
export function createRouter(options: AppOptions, live: LiveProvider, protocol: Protocol): Router {
  const { config, services, pages, demoPeople } = options
  const { clock, db } = services
  const { authn, cookies, browser, resources, restart } = protocol
  const { renderer } = pages
  const router = new Router()
  const fromOurPages: FromOurPages = (...names) => sameOriginPosts({ issuer: config.issuer, cookies: names })
  const claimsOf = claimsOfPeople(services)
  mountInteractions({
    ...services,
    router,
    provider: live.provider,
    authn,
    claimsOf,
    findResource: resources.find,
    detailTypes: live.detailTypes,
    renderer,
    restart,
    demoPeople,
    issuer: config.issuer,
    viewOf: (id) => services.challenges.view({ id }),
    browserHash: browser.hash,
    cookies: signInCookies({ cookies }),
    registrationOpen: config.registration !== 'closed',
    mailLeaves: config.smtpUrl !== undefined || config.mode === 'development',
    minLength: config.passwordMinLength,
    deviceCookie: browser.device,
    sameOrigin: fromOurPages(
      cookies.name('foyer_interaction', 'path'),
      cookies.name('foyer_browser', 'host'),
    ),
    sameOriginByToken: fromOurPages(),
  })
  mountOwnPages(options, live, { protocol, router, fromOurPages })
  mountLogos({ ...services, router })
  mountLanguageChoice({ router, issuer: config.issuer, cookies })
  mountSetupPages({
    ...services,
    router,
    limiter: createLimiter({ db }),
    renderer,
    minLength: config.passwordMinLength,
    sameOrigin: fromOurPages(),
    now: clock.now,
  })
  return router
}

type FromOurPages = (...cookies: string[]) => Koa.Middleware
type Own = { protocol: Protocol; router: Router; fromOurPages: FromOurPages }

/** The pages of whoever is signed in. */
function mountOwnPages(
  options: AppOptions,
  live: LiveProvider,
  { protocol, router, fromOurPages }: Own,
): void {
  const { config, services, pages } = options
  const { cookies } = protocol
  const { artifacts, clock } = services
  const { renderer } = pages
  const session = createAccountSession({
    issuer: config.issuer,
    clock,
    accounts: services.accounts,
    sessionOf: createBrowserSession({ provider: live.provider, artifacts }),
  })
  const own = {
    ...services,
    router,
    renderer,
    session,
    sameOrigin: fromOurPages(cookies.name('foyer_session', 'host')),
  }
  mountAccountPages({
    ...own,
    findApp: async (clientId) => {
      const app = appOf(await services.clientCache.find(clientId))
      return app && { name: app.name, start: startOf(app, config.issuer) }
    },
    languages: pages.messages.languages,
    minLength: config.passwordMinLength,
  })
  mountTeamPages({ ...own, issuer: config.issuer })
  mountInvitationPages({ ...services, router, renderer, session, cookies, sameOrigin: fromOurPages() })
  mountJoinPages({ ...services, router, renderer, session, cookies, sameOrigin: fromOurPages() })
  mountDevices(options, { router, session, sameOrigin: fromOurPages() }, { live, protocol })
}

type OfPages = Pick<DevicePagesDeps, 'router' | 'session' | 'sameOrigin'>

/** Where a person lets in what has no browser of theirs. */
function mountDevices(
  { config, services, pages }: AppOptions,
  shared: OfPages,
  { live, protocol }: { live: LiveProvider; protocol: Protocol },
): void {
  const { asks, claims, crossDevice, cookies, resources } = protocol
  const { renderer } = pages
  const approval = createDeviceApproval({
    ...services,
    crossDevice,
    provider: live.provider,
    claimsOf: claimsOfPeople(services),
    isAdmitted: claims.isAdmitted,
    findResource: resources.find,
    detailTypes: live.detailTypes,
  })
  mountDevicePages({ ...shared, renderer, cookies, crossDevice, approval })
  mountAskPages({ ...shared, renderer, asks, approval })
  if (config.testHooks) mountDevCiba({ ...shared, asks, approval, clock: services.clock })
}

/** What only development and test benches have. */
export function createDevRouter({ config, services, pages }: AppOptions): Router {
  const router = new Router()
  const { inbox } = services
  if (inbox) router.use(createDevMail({ inbox, renderer: pages.renderer }).routes())
  if (config.testHooks) router.use(createDevClock(services).routes())
  return router
}
