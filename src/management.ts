// The composition root of the management API. No logic here.
import type Koa from 'koa'
import compose from 'koa-compose'
import { apiRoutes } from './api/apis.ts'
import { createCallers } from './api/caller.ts'
import { clientRoutes } from './api/clients.ts'
import { createCursors } from './api/cursor.ts'
import { createIdempotency } from './api/idempotency.ts'
import { createIdempotencyStore } from './api/idempotency-store.ts'
import { invitationRoutes } from './api/invitations.ts'
import { recordRoutes } from './api/records.ts'
import { resourceMetadata } from './api/resource-metadata.ts'
import { apiPath, createManagementRouter } from './api/router.ts'
import { sessionRoutes } from './api/sessions.ts'
import { teamRoutes } from './api/teams.ts'
import { userPartRoutes } from './api/user-parts.ts'
import { userRoutes } from './api/users.ts'
import { createLimiter } from './platform/limiter.ts'
import type { AppOptions, LiveProvider, Protocol } from './protocol.ts'
import { jsonAnswers } from './web/json-answers.ts'
import { limitHeaders } from './web/limit.ts'

export function createManagement(
  { config, services }: AppOptions,
  { live, protocol }: { live: LiveProvider; protocol: Protocol },
): Koa.Middleware[] {
  const { issuer } = config
  const { db, clock, sealer } = services
  const routes = [
    ...userRoutes({ ...services, recoveryUrl: `${issuer}/recover` }),
    ...userPartRoutes(services),
    ...sessionRoutes(services),
    ...teamRoutes(services),
    ...invitationRoutes(services),
    ...clientRoutes(services),
    ...apiRoutes(services),
    ...recordRoutes(services),
  ]
  const router = createManagementRouter(routes, {
    callers: createCallers({ ...protocol, issuer, read: live.read }),
    limiter: createLimiter({ db }),
    cursors: createCursors(sealer.derive('api-cursors')),
    idempotency: createIdempotency({ store: createIdempotencyStore(db), sealer, clock }),
    clock,
    languageOf: (ctx) => ctx.state.translator.lang,
  })
  const handle = compose([jsonAnswers(), limitHeaders(), router.routes() as unknown as Koa.Middleware])
  return [
    resourceMetadata({ issuer }),
    (ctx, next) => (ctx.path.startsWith(`${apiPath}/`) ? handle(ctx, async () => undefined) : next()),
  ]
}
