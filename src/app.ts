// The composition root of HTTP: each module is built once, then mounted in one list. No logic here.
import type { RequestListener } from 'node:http'
import Router from '@koa/router'
import Koa from 'koa'
import compose from 'koa-compose'
import type { Config } from './config/schema.ts'
import { mountSetupPages } from './console/setup-pages.ts'
import { createDevClock } from './dev/clock.ts'
import { createDevMail } from './dev/mail.ts'
import { createAuthn } from './features/authn/service.ts'
import { isFromSources, projectFolder } from './kernel/places.ts'
import { createClaims } from './oidc/claims.ts'
import { appOf, metadataOf } from './oidc/client-metadata.ts'
import { type CookieKeys, createCookieKeys } from './oidc/cookies.ts'
import { discover } from './oidc/discover.ts'
import { listen } from './oidc/events.ts'
import { mountInteractions } from './oidc/interactions.ts'
import { loadSigningKeys } from './oidc/keys.ts'
import { createLive } from './oidc/live.ts'
import { createMetadataServer } from './oidc/metadata.ts'
import { createProvider } from './oidc/provider.ts'
import { createResources } from './oidc/resources.ts'
import { createRestart } from './oidc/restart.ts'
import { createScreens } from './oidc/screens.ts'
import { structuredTokens } from './oidc/structured-tokens.ts'
import { unitOfWork } from './oidc/unit.ts'
import { assertMigrated, countMigrations, pingDatabase } from './platform/database.ts'
import { createLimiter } from './platform/limiter.ts'
import { loadTemplates } from './platform/templates.ts'
import type { Services } from './services.ts'
import { createAssets } from './web/assets.ts'
import { browserCookies } from './web/browser.ts'
import { logAppErrors, pinOrigin, requestContext } from './web/context.ts'
import { cookiePolicy } from './web/cookies.ts'
import { sameOriginPosts } from './web/csrf.ts'
import { securityHeaders } from './web/headers.ts'
import { type Checks, health } from './web/health.ts'
import { describeProblems, errorBoundary } from './web/problem.ts'
import { createRenderer } from './web/render.ts'
import type { DemoPerson } from './web/views.ts'

export type AppOptions = {
  config: Config
  services: Services
  pages: SharedPages
  /** Development only: offered as buttons, and not throttled under test hooks. */
  demoPeople: DemoPerson[]
  draining: () => boolean
}

export type App = {
  callback: RequestListener
  /** After a change of signing keys. */
  rebuild(): Promise<void>
}

/** Templates and assets, compiled once; the playground shares them. */
export function createPages() {
  const reload = isFromSources()
  const assets = createAssets(projectFolder('public'), { reload })
  const templates = loadTemplates(projectFolder('views'), { reload })
  return { assets, templates, renderer: createRenderer({ templates, assets }) }
}

export type SharedPages = ReturnType<typeof createPages>

/** What the protocol needs besides the provider itself. */
function createProtocol({ config, services, pages }: AppOptions) {
  const { artifacts, clientCache } = services
  const cookies = cookiePolicy(config)
  const browser = browserCookies({ cookies })
  const findApp = async (id: string) => appOf(await clientCache.find(id))
  const { renderer } = pages
  const restart = createRestart({
    issuer: config.issuer,
    artifacts,
    renderer,
    findClient: findApp,
    browserHash: browser.hash,
  })
  return {
    cookies,
    browser,
    restart,
    screens: createScreens({ renderer, restart, artifacts, findApp }),
    claims: createClaims({ artifacts }),
    resources: createResources({
      accessTokenAlg: config.accessTokenAlg,
      findClient: clientCache.find,
      findApi: clientCache.findApi,
    }),
  }
}

type Protocol = ReturnType<typeof createProtocol>

async function createLiveProvider(
  app: Koa,
  { config, services }: AppOptions,
  { cookieKeys, ...protocol }: Protocol & { cookieKeys: CookieKeys },
) {
  const { artifacts, audit, clientCache, clock, signingKeys, telemetry } = services
  const metadata = createMetadataServer({ clock, observe: telemetry.observeRequest })
  const findClientMetadata = async (id: string) => metadataOf(await clientCache.find(id), clock)
  const live = await createLive({
    issuer: config.issuer,
    loadKeys: () => loadSigningKeys({ store: signingKeys, clock, accessTokenAlg: config.accessTokenAlg }),
    build: (keys) => createProvider({ config, artifacts, cookieKeys, findClientMetadata, ...protocol }, keys),
    listen: (provider) => listen(provider, { audit, countTokens: telemetry.countToken }),
    publish: metadata.publish,
    discover: (provider) => discover(app, provider),
  })
  return { live, metadata }
}

type LiveProvider = Awaited<ReturnType<typeof createLiveProvider>>['live']

/** The pages that people answer. */
function createRouter(options: AppOptions, live: LiveProvider, protocol: Protocol): Router {
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
function createDevRouter({ config, services, pages }: AppOptions): Router {
  const router = new Router()
  const { inbox, clock, timekeeper } = services
  if (inbox) router.use(createDevMail({ inbox, renderer: pages.renderer }).routes())
  if (config.testHooks) router.use(createDevClock({ clock, timekeeper }).routes())
  return router
}

/** What must be well before requests are sent here. */
function readiness({ config, services }: AppOptions, live: LiveProvider): Checks {
  const { db, timekeeper } = services
  const migrations = countMigrations()
  return {
    database: () => pingDatabase(db),
    schema: () => assertMigrated(db, migrations),
    signing_key: () => void live.signsSince(config.accessTokenAlg),
    clock: timekeeper.assertInStep,
  }
}

/** Requests below a path go through these and no further. */
function below(path: string, stack: Koa.Middleware[]): Koa.Middleware {
  const handle = compose(stack)
  return (ctx, next) => (ctx.path.startsWith(path) ? handle(ctx, async () => undefined) : next())
}

const mount = (router: Router): Koa.Middleware => router.routes() as unknown as Koa.Middleware

export async function createApp(options: AppOptions): Promise<App> {
  const { config, services, pages, draining } = options
  const { log, access, clock, artifacts, clientCache, sealer, telemetry } = services
  const cookieKeys = createCookieKeys(sealer.derive('cookies'))

  const app = new Koa()
  app.keys = cookieKeys as never
  pinOrigin(app, config)
  logAppErrors(app, log)

  const protocol = createProtocol(options)
  const { browser, screens } = protocol
  const { live, metadata } = await createLiveProvider(app, options, { cookieKeys, ...protocol })
  telemetry.watchSigningKey(() => live.signsSince(config.accessTokenAlg))
  const unit = unitOfWork({ artifacts, browserHash: browser.hash, showFinished: screens.showFinished })
  const protocolStack: Koa.Middleware[] = [
    browser.middleware,
    unit,
    structuredTokens({ artifacts, findClient: clientCache.find, read: live.read, clock }),
    live.handle,
  ]
  const middlewares: Koa.Middleware[] = [
    requestContext({ config, log, access, clock, observe: telemetry.observeRequest }),
    securityHeaders({ config }),
    errorBoundary({ log, renderPage: screens.renderProblem }),
    // First, since nearly every request is one of these.
    below('/oauth2/', protocolStack),
    health({ config, draining, metrics: telemetry, checks: readiness(options, live) }),
    pages.assets.middleware,
    describeProblems(),
    mount(createDevRouter(options)),
    unit,
    mount(createRouter(options, live, protocol)),
    live.handle,
  ]
  for (const middleware of middlewares) app.use(middleware)

  const handle = app.callback()
  return {
    callback: (request, response) => void (metadata.handle(request, response) || handle(request, response)),
    rebuild: live.rebuild,
  }
}
