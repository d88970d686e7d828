// The process: `npm run example:spa`. Registers a public client, and hands out the files of the app as they are: no
// build. Everything else happens in the browser.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listen } from '../shared/listening.ts'
import { openManagement, untilFoyerAnswers } from '../shared/management.ts'
import { registerClient } from '../shared/registration.ts'

const { env } = process
const port = Number(env.PORT ?? 3104)
const issuer = env.FOYER_ISSUER ?? 'http://localhost:3000'
const questApi = env.QUEST_API ?? 'http://localhost:3102'
const origin = env.SPA_ORIGIN ?? `http://localhost:${port}`
const clientId = env.FOYER_CLIENT_ID ?? (await register())

/** Public: whatever a browser knows is no secret. `allowed_cors_origins` lets its script ask the token endpoint. */
async function register(): Promise<string> {
  await untilFoyerAnswers(issuer)
  const registered = await registerClient(await openManagement(issuer, 'clients:write'), {
    issuer,
    folder: env.EXAMPLE_DATA_DIR ?? join(import.meta.dirname, '..', 'data', 'spa'),
    metadata: {
      client_name: 'Quest book',
      client_uri: `${origin}/`,
      token_endpoint_auth_method: 'none',
      redirect_uris: [`${origin}/callback`],
      post_logout_redirect_uris: [`${origin}/`],
      grant_types: ['authorization_code', 'refresh_token'],
      allowed_cors_origins: [origin],
      first_party: true,
    },
  })
  return registered.clientId
}

type File = { type: string; body: string }

const readText = (path: string, type: string): File => ({
  type: `${type}; charset=utf-8`,
  body: readFileSync(path, 'utf8'),
})
const read = (name: string, type: string): File => readText(join(import.meta.dirname, 'public', name), type)

const page = read('index.html', 'text/html')
const files: Record<string, File> = {
  '/': page,
  '/callback': page,
  '/app.js': read('app.js', 'text/javascript'),
  '/foyer.js': read('foyer.js', 'text/javascript'),
  // As it comes out of its package: an ES module
  '/uqr.js': readText(fileURLToPath(import.meta.resolve('uqr')), 'text/javascript'),
  '/style.css': read('style.css', 'text/css'),
  '/config.json': { type: 'application/json', body: JSON.stringify({ issuer, clientId, questApi }) },
}

const headers = {
  // A script that somebody slipped in could not run, and could send what it finds nowhere else
  'Content-Security-Policy': `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ${new URL(issuer).origin} ${new URL(questApi).origin}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-cache',
}

const server = createServer((request, response) => {
  const path = URL.parse(request.url ?? '/', origin)?.pathname ?? '/'
  const file = Object.hasOwn(files, path) ? files[path] : undefined
  response.writeHead(file ? 200 : 404, { ...headers, 'Content-Type': file?.type ?? 'text/plain' })
  response.end(file?.body ?? 'There is no such file.')
})
listen(server, port, `Quest book on ${origin}, with Foyer at ${issuer} and the quest API at ${questApi}`)
