// Owns what the files of the account's pages share: what they are handed, and how one leads to the next.
import type Router from '@koa/router'
import type Koa from 'koa'
import type { Renderer } from '../web/render.ts'
import type { Said } from '../web/views.ts'
import type { AccountSession, Visitor } from './account-session.ts'

/** What every file of these pages is handed. */
export type AccountRoutes = {
  router: Router
  renderer: Renderer
  session: AccountSession
  sameOrigin: Koa.Middleware
}

const doneSentences: Readonly<Record<string, Said>> = {
  saved: { key: 'account.done_saved' },
  password_changed: { key: 'account.done_password_changed' },
  password_set: { key: 'account.done_password_set' },
  password_removed: { key: 'account.done_password_removed' },
  email_changed: { key: 'account.done_email_changed' },
  session_ended: { key: 'account.done_session_ended' },
  others_ended: { key: 'account.done_others_ended' },
  app_removed: { key: 'account.done_app_removed' },
}

/** What each page of somebody's own begins with; only sentences of ours can be said by an address. */
export function ownOf(
  ctx: Koa.Context,
  { account }: Visitor,
  sentences = doneSentences,
): { email: string; done?: Said } {
  const { done } = ctx.query
  const said = typeof done === 'string' && Object.hasOwn(sentences, done) ? sentences[done] : undefined
  return { email: account.email, ...(said && { done: said }) }
}

/** Back to a page of ours, which says what was done. */
export function backTo(ctx: Koa.Context, page: string, done?: string): void {
  ctx.status = 303
  ctx.redirect(done === undefined ? page : `${page}?done=${done}`)
}
