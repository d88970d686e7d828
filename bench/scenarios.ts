// Owns what is measured: each scenario as the requests that one worker repeats over one connection.
import { createHash } from 'node:crypto'
import { type Connection, cookiesOf, headerOf, type Reply, requestText } from './client.ts'
import { redirectUri } from './clients.ts'
import type { Registered, Target } from './targets.ts'

/** One operation, start to end. */
export type Operation = () => Promise<void>

export type Bench = { target: Target; connection: Connection; worker: number }

export type Scenario = {
  name: string
  /** Which floor it stands on. */
  floor: 'raw' | 'koa' | 'argon2id' | undefined
  /** Whether the library alone can do it at all. */
  library: boolean
  connections: number
  /** Against a Foyer that hashes no password, since the library does not either. */
  withoutHash?: boolean
  prepare(bench: Bench): Promise<Operation>
}

const basic = ({ id, secret }: Registered) => ({
  Authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
})

function expectStatus(reply: Reply, status: number): Reply {
  if (reply.status === status) return reply
  throw new Error(`${reply.status} instead of ${status}: ${reply.body.toString('utf8', 0, 300)}`)
}

/** The same bytes again and again. */
const repeated =
  ({ connection }: Bench, request: string): Operation =>
  async () => {
    expectStatus(await connection.send(request), 200)
  }

const get = (choose: (target: Target) => string) => async (bench: Bench) =>
  repeated(bench, requestText({ path: choose(bench.target), host: bench.target.host }))

function tokenRequest({ host, paths }: Target, client: Registered, form: object): string {
  return requestText({ path: paths.token, host, headers: basic(client), form })
}

const machineToken =
  (which: 'opaqueMachine' | 'machine', wishes: object) =>
  async (bench: Bench): Promise<Operation> => {
    const { target, connection } = bench
    const request = tokenRequest(target, target.clients[which], {
      grant_type: 'client_credentials',
      ...wishes,
    })
    if (target.name !== 'floor')
      assertFormat(await connection.send(request), which === 'machine' ? 'JWT' : 'opaque')
    return repeated(bench, request)
  }

function assertFormat(reply: Reply, expected: 'JWT' | 'opaque'): void {
  const { access_token: token } = tokensOf(reply)
  const found = token.split('.').length === 3 ? 'JWT' : 'opaque'
  if (found !== expected) throw new Error(`the access token is ${found}, not ${expected}`)
}

type Tokens = { access_token: string; refresh_token: string; id_token: string }

const tokensOf = (reply: Reply): Tokens => JSON.parse(expectStatus(reply, 200).body.toString()) as Tokens

const verifier = 'a-verifier-that-is-long-enough-for-everybody-0123456789'
const challenge = createHash('sha256').update(verifier).digest('base64url')

/** From the authorization endpoint to the code: three requests, as a browser that knows its person makes them. */
async function signIn({ target, connection, worker }: Bench): Promise<string> {
  const { host, paths, clients } = target
  const query = new URLSearchParams({
    client_id: clients.web.id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile email',
    state: 'state',
    nonce: 'nonce',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  })
  const begun = expectStatus(
    await connection.send(requestText({ path: `${paths.authorize}?${query}`, host })),
    303,
  )
  const cookies = new Map<string, string>()
  const headers = (): Record<string, string> => ({ Cookie: [...cookies.values()].join('; ') })
  const keep = ({ head }: Reply) => {
    for (const pair of cookiesOf(head)) cookies.set(pair.split('=', 1)[0] ?? '', pair)
  }
  keep(begun)

  const { path, form } = target.signIn(pathOf(begun, host), worker)
  const ours = { ...headers(), Origin: `http://${host}`, 'Sec-Fetch-Site': 'same-origin' }
  const proved = expectStatus(await connection.send(requestText({ path, host, headers: ours, form })), 303)
  keep(proved)

  const resumed = await connection.send(requestText({ path: pathOf(proved, host), host, headers: headers() }))
  return expectStatus(resumed, 303).head
}

function pathOf({ head }: Reply, host: string): string {
  const url = new URL(headerOf(head, 'location') ?? '', `http://${host}`)
  return url.pathname + url.search
}

async function codeFlow(bench: Bench): Promise<Tokens> {
  const { target, connection } = bench
  const callback = new URL(headerOf(await signIn(bench), 'location') ?? '')
  const code = callback.searchParams.get('code')
  if (code === null) throw new Error(`no code: ${callback.search}`)
  const form = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
  }
  return tokensOf(await connection.send(tokenRequest(target, target.clients.web, form)))
}

async function refreshing(bench: Bench): Promise<Operation> {
  const { target, connection } = bench
  if (target.name === 'floor') return machineToken('machine', {})(bench)
  let token = (await codeFlow(bench)).refresh_token
  return async () => {
    const form = { grant_type: 'refresh_token', refresh_token: token }
    const tokens = tokensOf(await connection.send(tokenRequest(target, target.clients.web, form)))
    if (!tokens.id_token) throw new Error('no ID token came with it')
    token = tokens.refresh_token
  }
}

async function introspecting(bench: Bench): Promise<Operation> {
  const { target, connection } = bench
  if (target.name === 'floor') return machineToken('machine', {})(bench)
  const { access_token: token } = await codeFlow(bench)
  const { host, paths, clients } = target
  const request = requestText({ path: paths.introspect, host, headers: basic(clients.web), form: { token } })
  const { active } = JSON.parse((await connection.send(request)).body.toString()) as { active: boolean }
  if (!active) throw new Error('the token to introspect is not active')
  return repeated(bench, request)
}

async function asking(bench: Bench): Promise<Operation> {
  const { target } = bench
  const { host, paths } = target
  if (target.name === 'floor') return repeated(bench, requestText({ path: paths.userinfo, host }))
  const { access_token: token } = await codeFlow(bench)
  const headers = { Authorization: `Bearer ${token}` }
  return repeated(bench, requestText({ path: paths.userinfo, host, headers }))
}

async function provingPassword(bench: Bench): Promise<Operation> {
  const { target } = bench
  if (target.name !== 'floor') return async () => void (await signIn(bench))
  const { path, form } = target.signIn('', 0)
  return repeated(bench, requestText({ path, host: target.host, form }))
}

const usual = { library: true, connections: 32 }

export const scenarios: Scenario[] = [
  { ...usual, name: 'discovery', floor: 'raw', prepare: get(({ paths }) => paths.discovery) },
  { ...usual, name: 'jwks', floor: 'raw', prepare: get(({ paths }) => paths.jwks) },
  { ...usual, name: 'client_credentials opaque', floor: 'koa', prepare: machineToken('opaqueMachine', {}) },
  {
    ...usual,
    name: 'client_credentials JWT',
    floor: 'koa',
    prepare: machineToken('machine', { scope: 'quests:read', resource: 'urn:demo:quests' }),
  },
  { ...usual, name: 'refresh', floor: 'koa', prepare: refreshing },
  { ...usual, name: 'introspection', floor: 'koa', prepare: introspecting },
  { ...usual, name: 'userinfo', floor: 'raw', prepare: asking },
  {
    ...usual,
    name: 'code flow with sign-in',
    floor: undefined,
    connections: 8,
    withoutHash: true,
    prepare: async (bench) => async () => void (await codeFlow(bench)),
  },
  { name: 'password sign-in', floor: 'argon2id', library: false, connections: 8, prepare: provingPassword },
]
