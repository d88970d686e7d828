// Owns the way in and the way out: to Foyer and back, and out of both.

import type Router from '@koa/router'
import type Koa from 'koa'
import { localPath } from './forms.ts'
import type { Foyer } from './foyer.ts'
import type { Sessions } from './sessions.ts'
import type { Visits } from './visits.ts'

export type SignInDeps = { foyer: Foyer; sessions: Sessions; visits: Visits; origin: string }

export function addSignInRoutes(router: Router, { foyer, sessions, visits, origin }: SignInDeps): void {
  async function signIn(ctx: Koa.Context): Promise<void> {
    const { url, pending } = await foyer.begin(localPath(ctx.query.return_to, origin))
    visits.setCookie(ctx, 'pending', sessions.begin(pending))
    ctx.redirect(url.href)
  }

  async function callback(ctx: Koa.Context): Promise<void> {
    const pending = sessions.take(visits.cookie(ctx, 'pending'))
    visits.setCookie(ctx, 'pending', null)
    if (!pending)
      return visits.refuse(ctx, 400, 'Begin again', 'This sign-in is over, or began in another browser.')
    const { error } = ctx.query
    if (error === 'access_denied') return ctx.redirect(pending.returnTo)
    const signedIn = await foyer.finish(new URL(ctx.originalUrl, origin), pending).catch((cause: unknown) => {
      process.stderr.write(`the sign-in failed: ${String(cause)}\n`)
      return undefined
    })
    if (!signedIn)
      return visits.refuse(ctx, 400, 'Begin again', 'Foyer’s answer does not fit what was asked.')
    const session = sessions.create(signedIn)
    session.flash = `Welcome, ${session.person.name}.`
    visits.setCookie(ctx, 'session', session.id)
    ctx.redirect(pending.returnTo)
  }

  /** Out of the board first: whatever Foyer answers, this browser is signed out here. */
  async function signOut(ctx: Koa.Context): Promise<void> {
    const posted = await visits.posted(ctx)
    if (!posted) return
    sessions.end(posted.session)
    visits.setCookie(ctx, 'session', null)
    const url = await foyer.endSessionUrl(posted.session.tokens)
    ctx.redirect(url.href)
  }

  router.get('/sign-in', signIn)
  router.get('/callback', callback)
  router.post('/sign-out', signOut)
  router.get('/signed-out', (ctx) => visits.refuse(ctx, 200, 'You are signed out', 'Here, and at Foyer.'))
}
