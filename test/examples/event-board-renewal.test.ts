// How the event board renews a session while Foyer has a bad moment: a stand-in for Foyer answers as the test says.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createFoyer } from '../../examples/event-board/foyer.ts'
import { createSessions, type Session } from '../../examples/event-board/sessions.ts'

type Answer = { status: number; body: object }

const person: Answer = { status: 200, body: { sub: 'ada', name: 'Ada' } }
let server: Server
let session: Session
let freshen: () => Promise<string>
/** What the endpoints answer next, and which refresh tokens were sent. */
let token: Answer[] = []
let userinfo: Answer[] = []
let sent: (string | null)[] = []

beforeEach(async () => {
  token = []
  userinfo = []
  sent = []
  let issuer = ''
  server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const answer = ({ status, body }: Answer) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (request.url === '/token') {
      sent.push(new URLSearchParams(text).get('refresh_token'))
      const tokens = {
        access_token: 'a',
        token_type: 'bearer',
        expires_in: 900,
        refresh_token: `after ${sent.at(-1)}`,
      }
      return void answer(token.shift() ?? { status: 200, body: tokens })
    }
    if (request.url === '/userinfo') return void answer(userinfo.shift() ?? person)
    answer({
      status: 200,
      body: { issuer, token_endpoint: `${issuer}/token`, userinfo_endpoint: `${issuer}/userinfo` },
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const sessions = createSessions(
    createFoyer({ issuer, origin: 'http://localhost' }, { clientId: 'board', clientSecret: 'secret' }),
  )
  session = sessions.create({
    person: { sub: 'ada', name: 'Ada', roles: [], teams: [] },
    tokens: { refreshToken: 'first', idToken: '', expiresAt: 0 },
  })
  freshen = async () => {
    const outcome = await sessions.freshen(session)
    return `${outcome} ${sessions.find(session.id) ? 'signed in' : 'signed out'}`
  }
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

it.each([429, 500, 503])(
  'is still signed in when Foyer answers %s, and renews with the same token',
  async (status) => {
    token = [{ status, body: { error: 'slow_down' } }]
    expect(await freshen()).toBe('unreachable signed in')
    expect(await freshen()).toBe('renewed signed in')
    expect(sent).toEqual(['first', 'first'])
  },
)

it('keeps the new refresh token when nobody tells who it is for', async () => {
  userinfo = [{ status: 503, body: {} }]
  expect(await freshen()).toBe('unreachable signed in')
  expect(await freshen()).toBe('renewed signed in')
  expect(sent).toEqual(['first', 'after first'])
})

it('is signed out when Foyer says that it is over', async () => {
  token = [{ status: 400, body: { error: 'invalid_grant' } }]
  expect(await freshen()).toBe('ended signed out')
})
