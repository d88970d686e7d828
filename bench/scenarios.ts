// Owns what is measured: each scenario as the operation that one worker repeats over one connection.
import type { Reply } from './client.ts'
import {
  type Bench,
  basic,
  codeFlow,
  expectStatus,
  message,
  signIn,
  tokenRequest,
  tokensOf,
} from './sign-in.ts'
import type { Cores, Target } from './targets.ts'

/** One operation, start to end. */
export type Operation = () => Promise<void>

export type Scenario = {
  name: string
  /** Which floor it stands on. */
  floor: 'raw' | 'koa' | 'argon2id' | undefined
  /** Whether the library alone can do it at all. */
  library: boolean
  connections: number
  /** What the server has while it is measured. */
  cores: Cores
  /** Whether its workers sign in, each a person of their own. */
  people: boolean
  /** What part of the usual number of operations warms a server up: less for one of several requests, or of a hash. */
  warmUpShare: number
  /** Against a Foyer that hashes no password, since the library does not either. */
  withoutHash?: boolean
  prepare(bench: Bench): Promise<Operation>
}

/** The same bytes again and again. */
const repeated =
  ({ connection }: Bench, request: string): Operation =>
  async () => {
    expectStatus(await connection.send(request), 200)
  }

const get = (choose: (target: Target) => string) => async (bench: Bench) =>
  repeated(bench, message(bench, { path: choose(bench.target) }))

const machineToken =
  (which: 'opaqueMachine' | 'machine', wishes: object) =>
  async (bench: Bench): Promise<Operation> => {
    const { target, connection } = bench
    const form = { grant_type: 'client_credentials', ...wishes }
    const request = tokenRequest(bench, target.clients[which], form)
    if (target.name !== 'floor')
      assertFormat(await connection.send(request), which === 'machine' ? 'JWT' : 'opaque')
    return repeated(bench, request)
  }

function assertFormat(reply: Reply, expected: 'JWT' | 'opaque'): void {
  const { access_token: token } = tokensOf(reply)
  const found = token.split('.').length === 3 ? 'JWT' : 'opaque'
  if (found !== expected) throw new Error(`the access token is ${found}, not ${expected}`)
}

export const askForJwt = machineToken('machine', { scope: 'quests:read', resource: 'urn:demo:quests' })

async function refreshing(bench: Bench): Promise<Operation> {
  const { target, connection } = bench
  if (target.name === 'floor') return machineToken('machine', {})(bench)
  let token = (await codeFlow(bench)).refresh_token
  return async () => {
    const form = { grant_type: 'refresh_token', refresh_token: token }
    const tokens = tokensOf(await connection.send(tokenRequest(bench, target.clients.web, form)))
    if (!tokens.id_token) throw new Error('no ID token came with it')
    token = tokens.refresh_token
  }
}

export async function introspecting(bench: Bench): Promise<Operation> {
  const { target, connection } = bench
  if (target.name === 'floor') return machineToken('machine', {})(bench)
  const { access_token: token } = await codeFlow(bench)
  const { paths, clients } = target
  const request = message(bench, { path: paths.introspect, headers: basic(clients.web), form: { token } })
  const { active } = JSON.parse((await connection.send(request)).body.toString()) as { active: boolean }
  if (!active) throw new Error('the token to introspect is not active')
  return repeated(bench, request)
}

async function asking(bench: Bench): Promise<Operation> {
  const path = bench.target.paths.userinfo
  if (bench.target.name === 'floor') return repeated(bench, message(bench, { path }))
  const { access_token: token } = await codeFlow(bench)
  return repeated(bench, message(bench, { path, headers: { Authorization: `Bearer ${token}` } }))
}

export async function provingPassword(bench: Bench): Promise<Operation> {
  const { target, visitor } = bench
  if (target.name !== 'floor') return async () => void (await signIn(bench))
  return repeated(bench, message(bench, target.signIn('', visitor)))
}

const usual = { library: true, connections: 32, cores: 'one', people: false, warmUpShare: 1 } as const
const ofPeople = { ...usual, people: true }

export const scenarios: Scenario[] = [
  { ...usual, name: 'discovery', floor: 'raw', prepare: get(({ paths }) => paths.discovery) },
  { ...usual, name: 'jwks', floor: 'raw', prepare: get(({ paths }) => paths.jwks) },
  { ...usual, name: 'client_credentials opaque', floor: 'koa', prepare: machineToken('opaqueMachine', {}) },
  { ...usual, name: 'client_credentials JWT', floor: 'koa', prepare: askForJwt },
  { ...ofPeople, name: 'refresh', floor: 'koa', prepare: refreshing },
  { ...ofPeople, name: 'introspection', floor: 'koa', prepare: introspecting },
  { ...ofPeople, name: 'userinfo', floor: 'raw', prepare: asking },
  {
    ...ofPeople,
    name: 'code flow with sign-in',
    floor: undefined,
    connections: 8,
    withoutHash: true,
    prepare: async (bench) => async () => void (await codeFlow(bench)),
  },
  {
    ...ofPeople,
    name: 'password sign-in',
    floor: 'argon2id',
    library: false,
    // More than are computed and kept at hand, so that somebody always waits
    connections: 16,
    cores: 'both',
    warmUpShare: 1 / 2,
    prepare: provingPassword,
  },
]
