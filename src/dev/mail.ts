// Owns showing the mails of a development instance, at /dev/mail and /dev/mail.json.
// Keeping them is platform/mailer.ts; where this is not mounted, both addresses are 404.
import { Router } from '@koa/router'
import type { Inbox, Mail } from '../platform/mailer.ts'
import type { Renderer } from '../web/render.ts'
import type { DevMail } from '../web/views.ts'

export type DevMailDeps = { inbox: Pick<Inbox, 'list'>; renderer: Renderer }

export function createDevMail({ inbox, renderer }: DevMailDeps): Router {
  const router = new Router()

  router.get('/dev/mail', (ctx) => {
    renderer.page(ctx, 'dev/mail', { mails: inbox.list().map(presentMail) })
  })

  router.get('/dev/mail.json', (ctx) => {
    ctx.set('Cache-Control', 'no-store')
    ctx.body = inbox.list().map(presentMail)
  })

  return router
}

const presentMail = ({ id, to, subject, text, html, at }: Mail): DevMail => ({
  id,
  to,
  subject,
  text,
  html,
  at: at.toISOString(),
})
