// Owns where pages find the logos of apps.
import { hash } from 'node:crypto'
import type Router from '@koa/router'
import { type ClientLogos, logoPath } from '../features/clients/logos.ts'
import { notFound } from '../kernel/errors.ts'
import { checkText } from '../kernel/input.ts'
import { days } from '../kernel/time.ts'

export type LogoRouteDeps = { router: Router; clientLogos: Pick<ClientLogos, 'find'> }

const keptSeconds = days(1) / 1000

export function mountLogos({ router, clientLogos }: LogoRouteDeps): void {
  router.get(logoPath, async (ctx) => {
    const logo = await clientLogos.find(checkText(ctx.params.client_id ?? ''))
    if (!logo) throw notFound()
    ctx.set('Cache-Control', `public, max-age=${keptSeconds}`)
    ctx.set('ETag', `"${hash('sha256', logo.image, 'hex').slice(0, 16)}"`)
    ctx.status = 200
    if (ctx.fresh) {
      ctx.status = 304
      return
    }
    ctx.type = logo.mediaType
    ctx.body = logo.image
  })
}
