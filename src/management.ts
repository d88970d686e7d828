// The composition root of the management API. No logic here.
import type Koa from 'koa'
import compose from 'koa-compose'
import { createCallers } from './api/caller.ts'
import { createCursors } from './api/cursor.ts'
import { describeApi } from './api/docs.ts'
import { createIdempotency } from './api/idempotency.ts'
import { createIdempotencyStore } from './api/idempotency-store.ts'
import { managementRoutes } from './api/management-routes.ts'
import { openApiOf } from './api/openapi.ts'
import { resourceMetadata } from './api/resource-metadata.ts'
import { apiPath, createManagementRouter } from './api/router.ts'
import { managementApi } from './features/clients/first-party.ts'
import { version } from './kernel/version.ts'
import { createLimiter } from './platform/limiter.ts'
import type { AppOptions, LiveProvider, Protocol } from './protocol.ts'
import { jsonAnswers } from './web/json-answers.ts'
import { limitHeaders } from './web/limit.ts'

export function createManagement(
  { config, services, pages }: AppOptions,
  { live, protocol }: { live: LiveProvider; protocol: Protocol },
): Koa.Middleware[] {
  const { issuer } = config
  const { db, clock, log, sealer } = services
  const audience = managementApi(issuer)
  const routes = managementRoutes({
    ...services,
    recoveryUrl: `${issuer}/recover`,
    joinUrl: (code) => `${issuer}/join?code=${code}`,
    managementApi: audience,
    managementScopesOf: async (clientId) =>
      (await protocol.resources.find(audience, { clientId }))?.scopes ?? [],
  })
  const router = createManagementRouter(routes, {
    callers: createCallers({ ...protocol, issuer, read: live.read, clock }),
    limiter: createLimiter({ db }),
    cursors: createCursors(sealer.derive('api-cursors')),
    idempotency: createIdempotency({ store: createIdempotencyStore(db), sealer, clock }),
    clock,
    log,
    languageOf: (ctx) => ctx.state.translator.lang,
  })
  const handle = compose([jsonAnswers(), limitHeaders(), router.routes() as unknown as Koa.Middleware])
  return [
    resourceMetadata({ issuer }),
    describeApi({ document: openApiOf(routes, version), routes, renderer: pages.renderer, issuer }),
    (ctx, next) => (ctx.path.startsWith(`${apiPath}/`) ? handle(ctx, async () => undefined) : next()),
  ]
}
