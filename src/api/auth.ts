// Owns the routes of the first-party JSON door, for an owner's own app that has a sign-in form of its own (contract.md,
// First-party JSON door). It is a documented deviation from RFC 9700 §2.4: the app sees the password.
import Router from '@koa/router'
import type Koa from 'koa'
import { otherMethods } from '../web/methods.ts'
import { createDoorContext, type DoorContextDeps } from './auth-context.ts'
import { createMailRoutes, type MailRoutesDeps } from './auth-mail.ts'
import { createMeRoutes, type MeRoutesDeps } from './auth-me.ts'
import { createTokenRoutes, type TokenRoutesDeps } from './auth-tokens.ts'

export type DoorDeps = DoorContextDeps & Omit<TokenRoutesDeps & MailRoutesDeps & MeRoutesDeps, 'door'>

export function createDoorRouter(deps: DoorDeps): Router {
  const door = createDoorContext(deps)
  const tokens = createTokenRoutes({ ...deps, door })
  const mail = createMailRoutes({ ...deps, door })
  const me = createMeRoutes({ ...deps, door })

  const router = new Router({ prefix: '/auth' })
  const routes: [path: string, handlers: Record<string, (ctx: Koa.Context) => Promise<void>>][] = [
    ['/register', { POST: tokens.register }],
    ['/register/confirm', { POST: tokens.confirm }],
    ['/login', { POST: tokens.login }],
    ['/refresh', { POST: tokens.refresh }],
    ['/logout', { POST: tokens.logout }],
    ['/me', { GET: me.show, PATCH: me.update }],
    ['/me/password', { POST: me.changePassword }],
    ['/sessions', { GET: me.listSessions, DELETE: me.endOtherSessions }],
    ['/sessions/:id', { DELETE: me.endSession }],
    ['/password/forgot', { POST: mail.forgot }],
    ['/password/reset', { POST: mail.reset }],
    ['/passwordless/start', { POST: mail.start }],
    ['/passwordless/verify', { POST: mail.verify }],
  ]
  for (const [path, handlers] of routes) {
    for (const [method, handle] of Object.entries(handlers)) router.register(path, [method], handle)
    router.all(path, otherMethods(...Object.keys(handlers)))
  }
  return router
}
