// The process: `npm run example:mcp-server`. An MCP server over Streamable HTTP that takes access tokens of Foyer, and
// tells whoever has none where to get one.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { listen } from '../shared/listening.ts'
import { openManagement, untilFoyerAnswers } from '../shared/management.ts'
import { createAccessTokens } from './access-tokens.ts'
import { createNotebook, createTools } from './notebook.ts'
import { readSettings, scopes } from './settings.ts'

const { issuer, port, resource } = readSettings(process.env)
const { origin, pathname } = new URL(resource)
/** RFC 9728 §3.1: between the host and the path. */
const metadataPath = `/.well-known/oauth-protected-resource${pathname}`

const tokens = createAccessTokens({ issuer, resource })
const notebook = createNotebook()

await register()
const server = createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    process.stderr.write(`${request.method} ${request.url} failed: ${String(error)}\n`)
    if (!response.headersSent) answer(response, 500, { error: 'server_error' })
    response.end()
  })
})
listen(server, port, `MCP server on ${resource}, for access tokens of ${issuer}`)

/** The API as Foyer knows it. It is open to every app, since an MCP server knows none of its clients beforehand. */
async function register(): Promise<void> {
  await untilFoyerAnswers(issuer)
  const management = await openManagement(issuer, 'clients:write')
  const api = { name: 'Notebook', scopes, open_to_all: true }
  await management.ask('PUT', `/apis/${encodeURIComponent(resource)}`, api)
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = URL.parse(request.url ?? '/', origin)?.pathname
  if (path === '/') return answer(response, 200, { status: 'ok' })
  if (path === metadataPath) return answer(response, 200, metadata, { 'access-control-allow-origin': '*' })
  if (path !== pathname) return answer(response, 404, { error: 'not_found' })

  const auth = await authOf(request, response)
  if (!auth) return
  // Nothing is pushed here, so that there are no sessions and each request stands by itself
  if (request.method !== 'POST')
    return answer(response, 405, { error: 'method_not_allowed' }, { allow: 'POST' })
  await speak(request, response, auth)
}

/** RFC 9728 §2. */
const metadata = {
  resource,
  authorization_servers: [issuer],
  scopes_supported: scopes,
  bearer_methods_supported: ['header'],
  resource_name: 'Notebook',
}

/** Answers by itself when there is no token, or no good one. */
async function authOf(request: IncomingMessage, response: ServerResponse): Promise<AuthInfo | undefined> {
  const [, token] = /^Bearer +([\w.~+/-]+=*) *$/i.exec(request.headers.authorization ?? '') ?? []
  if (token === undefined) return challenge(response)
  const checked = await tokens.check(token)
  if (checked === 'refused') return challenge(response, 'invalid_token')
  if (checked === 'unknown') {
    answer(response, 503, { error: 'temporarily_unavailable' }, { 'retry-after': '1' })
    return undefined
  }
  return checked
}

/** RFC 9728 §5.1: by this header an MCP client finds its way to Foyer. */
function challenge(response: ServerResponse, error?: string): undefined {
  const parts = [
    ...(error === undefined ? [] : [`error="${error}"`]),
    `scope="${scopes.join(' ')}"`,
    `resource_metadata="${origin}${metadataPath}"`,
  ]
  answer(
    response,
    401,
    { error: error ?? 'token_missing' },
    { 'www-authenticate': `Bearer ${parts.join(', ')}` },
  )
  return undefined
}

async function speak(request: IncomingMessage, response: ServerResponse, auth: AuthInfo): Promise<void> {
  const tools = createTools(notebook, { sub: String(auth.extra?.sub), scopes: auth.scopes })
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
  response.on('close', () => void tools.close())
  await tools.connect(transport)
  await transport.handleRequest(Object.assign(request, { auth }), response)
}

function answer(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers })
  response.end(JSON.stringify(body))
}
