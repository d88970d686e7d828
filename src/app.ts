// The composition root of HTTP: the protocol and the pages are mounted in one list. No logic here.
import type { RequestListener } from 'node:http'
import type Router from '@koa/router'
import Koa from 'koa'
import compose from 'koa-compose'
import { createRegistrationEndpoint, registrationPath } from './api/registration.ts'
import { createDoor } from './door.ts'
import { createManagement } from './management.ts'
import { createCookieKeys } from './oidc/cookies.ts'
import { openWithoutOrigin } from './oidc/cors.ts'
import { structuredTokens } from './oidc/structured-tokens.ts'
import { unitOfWork } from './oidc/unit.ts'
import { assertMigrated, countMigrations, pingDatabase } from './platform/database.ts'
import { createLimiter } from './platform/limiter.ts'
import { type AppOptions, createLiveProvider, createProtocol, type LiveProvider } from './protocol.ts'
import { createDevRouter, createRouter } from './routes.ts'
import { awaitBody } from './web/arrived-request.ts'
import { logAppErrors, pinOrigin, requestContext } from './web/context.ts'
import { securityHeaders } from './web/headers.ts'
import { type Checks, health } from './web/health.ts'
import { chooseLanguage } from './web/language.ts'
import { limitHeaders } from './web/limit.ts'
import { describeProblems, errorBoundary } from './web/problem.ts'

export type App = { callback: RequestListener }

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
  const { browser, cookies, screens } = protocol
  const { live, metadata } = await createLiveProvider(app, options, { cookieKeys, ...protocol })
  telemetry.watchSigningKey(() => live.signsSince(config.accessTokenAlg))
  const unit = unitOfWork({ artifacts, browserHash: browser.hash, showFinished: screens.showFinished })
  const protocolStack: Koa.Middleware[] = [
    awaitBody,
    browser.middleware,
    unit,
    structuredTokens({
      artifacts,
      stateOf: protocol.stateOf,
      findClient: clientCache.find,
      read: live.read,
      clock,
    }),
    openWithoutOrigin,
    live.handle,
  ]
  const middlewares: Koa.Middleware[] = [
    requestContext({ config, log, access, clock, observe: telemetry.observeRequest }),
    chooseLanguage({ messages: pages.messages, fallback: config.locale, cookies }),
    securityHeaders({ config }),
    errorBoundary({ log, renderPage: screens.renderProblem }),
    below(registrationPath, [
      limitHeaders(),
      createRegistrationEndpoint({ ...services, limiter: createLimiter(services) }),
    ]),
    // Nearly every request is one of these.
    below('/oauth2/', protocolStack),
    health({ config, draining, metrics: telemetry, checks: readiness(options, live) }),
    pages.assets.middleware,
    describeProblems(),
    mount(createDevRouter(options)),
    ...createDoor(app, options, { live, protocol }),
    ...createManagement(options, { live, protocol }),
    limitHeaders(),
    unit,
    mount(createRouter(options, live, protocol)),
    live.handle,
  ]
  for (const middleware of middlewares) app.use(middleware)

  const handle = app.callback()
  return {
    callback: (request, response) => void (metadata.handle(request, response) || handle(request, response)),
  }
}
