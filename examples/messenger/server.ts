// The process: `npm run example:messenger`. Rooms over HTTP: messages are posted, and heard as Server-Sent Events.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { listen } from '../shared/listening.ts'
import { openManagement, untilFoyerAnswers } from '../shared/management.ts'
import { createAccessTokens, type Person } from './access-tokens.ts'
import { createRooms, isRoomName } from './rooms.ts'

const { env } = process
const port = Number(env.PORT ?? 3103)
const issuer = env.FOYER_ISSUER ?? 'http://localhost:3000'
const audience = env.MESSENGER_AUDIENCE ?? 'urn:example:messenger'
const scope = 'messages'

const mostBytes = 16_384
const mostCharacters = 2_000
const heartbeatMs = 2_000
/** What one listener may leave unread: whoever comes back later is told the last hundred messages. */
const mostUnreadBytes = 1_048_576

const rooms = createRooms()
const tokens = createAccessTokens({ issuer, audience, scope })

await register()
const server = createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    process.stderr.write(`${request.method} ${request.url} failed: ${String(error)}\n`)
    if (!response.headersSent) answer(response, 500, problem('internal', 'Something went wrong here.'))
    response.end()
  })
})
listen(server, port, `Messenger on http://localhost:${port}, for access tokens of ${issuer}`)

/** The API as Foyer knows it: open to every client, the JSON door's among them. */
async function register(): Promise<void> {
  await untilFoyerAnswers(issuer)
  const management = await openManagement(issuer, 'clients:write')
  const api = { name: 'Messenger', scopes: [scope], open_to_all: true }
  await management.ask('PUT', `/apis/${encodeURIComponent(audience)}`, api)
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = URL.parse(request.url ?? '/', issuer)?.pathname ?? '/'
  if (path === '/') return answer(response, 200, { status: 'ok' })
  const caller = await callerOf(request, response)
  if (!caller) return
  if (path === '/rooms' && request.method === 'GET') return answer(response, 200, { data: rooms.list() })

  const [, name = '', part] = /^\/rooms\/([^/]+)\/(messages|stream)$/.exec(path) ?? []
  if (part === undefined) return answer(response, 404, problem('not_found', 'There is nothing at this path.'))
  if (!isRoomName(name))
    return answer(response, 400, problem('invalid_room', 'A room has a name of a to z, 0 to 9 and hyphens.'))
  if (part === 'messages' && request.method === 'POST') return post(request, response, { name, caller })
  if (part === 'stream' && request.method === 'GET') return stream(request, response, { name, caller })
  response.setHeader('Allow', part === 'messages' ? 'POST' : 'GET')
  answer(response, 405, problem('method_not_allowed', 'Not by this method.'))
}

type Caller = { token: string; person: Person; expiresAt: number }
type ToRoom = { name: string; caller: Caller }

/** Answers by itself when there is none. */
async function callerOf(request: IncomingMessage, response: ServerResponse): Promise<Caller | undefined> {
  const [, token = ''] = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? []
  const checked = token === '' ? ({ outcome: 'refused' } as const) : await tokens.check(token)
  if (checked.outcome === 'good') return { token, person: checked.person, expiresAt: checked.expiresAt }
  if (checked.outcome === 'unknown') {
    response.setHeader('Retry-After', '1')
    answer(
      response,
      503,
      problem('issuer_unavailable', 'The identity provider does not answer. Try again soon.'),
    )
    return undefined
  }
  // RFC 6750 §3.1
  if (checked.outcome === 'insufficient') {
    response.setHeader('WWW-Authenticate', `Bearer error="insufficient_scope", scope="${scope}"`)
    answer(response, 403, problem('insufficient_scope', `Send a token with the scope ${scope}.`))
    return undefined
  }
  // RFC 6750 §3.1: whoever sent no token is told no error code in the challenge
  response.setHeader('WWW-Authenticate', token === '' ? 'Bearer' : 'Bearer error="invalid_token"')
  answer(
    response,
    401,
    problem('unauthenticated', 'Send an access token for this API whose session is there.'),
  )
  return undefined
}

async function post(
  request: IncomingMessage,
  response: ServerResponse,
  { name, caller }: ToRoom,
): Promise<void> {
  const text = await readText(request)
  if (text === undefined)
    return answer(
      response,
      400,
      problem('invalid_input', `Send {"text": "…"}, 1 to ${mostCharacters} characters.`),
    )
  const room = rooms.open(name)
  if (!room) return answer(response, 409, problem('too_many_rooms', 'Enter a room that is there.'))
  answer(response, 201, rooms.post(room, caller.person, text))
}

async function readText(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > mostBytes) return undefined
    chunks.push(chunk)
  }
  try {
    const { text } = Object(JSON.parse(Buffer.concat(chunks).toString('utf8'))) as { text?: unknown }
    const isText = typeof text === 'string' && text.trim() !== '' && text.length <= mostCharacters
    return isText ? text : undefined
  } catch {
    return undefined
  }
}

/** Ends with the token, which the listener renews, or with the session, which is over then. */
function stream(request: IncomingMessage, response: ServerResponse, { name, caller }: ToRoom): void {
  const room = rooms.open(name)
  if (!room) {
    answer(response, 409, problem('too_many_rooms', 'Enter a room that is there.'))
    return
  }
  const lastId = Number(request.headers['last-event-id'] ?? 0)
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  response.write(': here you are\n\n')
  const stop = rooms.listen(room, Number.isInteger(lastId) ? lastId : 0, (message) => {
    if (response.writableLength > mostUnreadBytes) return cut()
    response.write(`id: ${message.id}\nevent: message\ndata: ${JSON.stringify(message)}\n\n`)
  })
  const heartbeat = setInterval(async () => {
    const { outcome } = await tokens.check(caller.token)
    if (response.writableEnded) return
    const isOver = outcome === 'refused' || Date.now() >= caller.expiresAt
    if (!isOver) return void response.write(': still there\n\n')
    // Not on close alone: whoever does not read keeps a stream open that nothing may be written to any more
    leave()
    response.end()
  }, heartbeatMs)
  function leave(): void {
    clearInterval(heartbeat)
    stop()
  }
  function cut(): void {
    leave()
    response.destroy()
  }
  response.on('close', leave)
}

const problem = (code: string, detail: string) => ({ type: 'about:blank', code, detail })

function answer(response: ServerResponse, status: number, body: object): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  response.writeHead(status, { 'Content-Type': type, 'X-Content-Type-Options': 'nosniff' })
  response.end(JSON.stringify(body))
}
