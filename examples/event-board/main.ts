// The process: `npm run example:event-board`. Registers what it needs, puts the parts together and listens.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import Router from '@koa/router'
import Koa from 'koa'
import { listen } from '../shared/listening.ts'
import { openManagement, untilFoyerAnswers } from '../shared/management.ts'
import { registerClient } from '../shared/registration.ts'
import { openBoard } from './board.ts'
import { addBoardRoutes } from './board-routes.ts'
import { createFoyer } from './foyer.ts'
import { createSessions } from './sessions.ts'
import { readSettings, type Settings } from './settings.ts'
import { addSignInRoutes } from './sign-in-routes.ts'
import { createVisits } from './visits.ts'

const settings = readSettings(process.env)
const app = createApp(settings, settings.client ?? (await prepare(settings)))
listen(
  createServer(app.callback()),
  settings.port,
  `Event board on ${settings.origin}, with Foyer at ${settings.issuer}`,
)

/** A client of its own, and somebody who may call events: Ada of the demo. */
async function prepare({ issuer, origin, dataDir }: Settings) {
  await untilFoyerAnswers(issuer)
  const management = await openManagement(issuer, 'clients:write users:read roles:write')
  const { clientId, clientSecret = '' } = await registerClient(management, {
    issuer,
    folder: dataDir,
    metadata: {
      client_name: 'Event board',
      client_uri: `${origin}/`,
      redirect_uris: [`${origin}/callback`],
      post_logout_redirect_uris: [`${origin}/signed-out`],
      grant_types: ['authorization_code', 'refresh_token'],
      first_party: true,
    },
  })
  const { data } = await management.ask<{ data: { id: string }[] }>('GET', '/users?search=ada@example.test')
  const [ada] = data
  if (ada) await management.ask('POST', `/users/${ada.id}/roles`, { role: 'organizer' })
  return { clientId, clientSecret }
}

function createApp(
  { issuer, origin, dataDir }: Settings,
  client: { clientId: string; clientSecret: string },
): Koa {
  const foyer = createFoyer({ issuer, origin }, client)
  const sessions = createSessions(foyer)
  const visits = createVisits(sessions, { origin, issuer })
  const router = new Router()
  addSignInRoutes(router, { foyer, sessions, visits, origin })
  addBoardRoutes(router, { board: openBoard(dataDir), visits })
  const style = readFileSync(join(import.meta.dirname, 'style.css'), 'utf8')
  router.get('/style.css', (ctx) => {
    ctx.type = 'css'
    ctx.body = style
  })

  const app = new Koa()
  app.use(visits.headers)
  app.use(async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      process.stderr.write(`${ctx.method} ${ctx.path} failed: ${String(error)}\n`)
      visits.refuse(ctx, 502, 'Not now', 'Foyer or this board is in trouble. Try again soon.')
    }
    if (ctx.status === 404 && ctx.body === undefined) {
      visits.refuse(ctx, 404, 'Nothing here', 'There is no such page, or it is not for you.')
    }
  })
  app.use(router.routes() as unknown as Koa.Middleware)
  return app
}
