// Owns a small Koa that answers with the sample pages, through the product's own templates, assets and headers.
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import Koa from 'koa'
import { createMessages } from '../../src/platform/i18n.ts'
import { loadTemplates } from '../../src/platform/templates.ts'
import { createAssets } from '../../src/web/assets.ts'
import { securityHeaders } from '../../src/web/headers.ts'
import { createRenderer } from '../../src/web/render.ts'
import { samples } from './page-samples.ts'

const root = join(import.meta.dirname, '../..')
export const viewsDir = join(root, 'views')
export const publicDir = join(root, 'public')
export const localesDir = join(root, 'locales')

/** `locales` may be another folder of languages. */
export async function startPageApp(locales = localesDir) {
  const assets = createAssets(publicDir)
  const messages = createMessages(locales)
  const renderer = createRenderer({ templates: loadTemplates(viewsDir), assets, messages })
  const posted: string[] = []
  const app = new Koa()
  app.use(securityHeaders({ config: { insecureIssuer: true } }))
  app.use(assets.middleware)
  app.use(async (ctx) => {
    const sample = samples[decodeURIComponent(ctx.path.slice(1))]
    if (ctx.path === '/callback') {
      // Leaves the page that sent itself on where it is
      ctx.status = 204
    } else if (ctx.method === 'POST') {
      posted.push(await text(ctx.req))
      ctx.body = 'posted'
    } else if (sample) {
      sample.show(renderer, ctx, typeof ctx.query.lang === 'string' ? ctx.query.lang : undefined)
    }
  })
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const origin = `http://localhost:${port}`

  return {
    origin,
    /** Bodies of the forms that were sent. */
    posted,
    url: (name: string) => `${origin}/${encodeURIComponent(name)}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}
