// Owns the three servers that are compared, each as a process of its own, and what differs between them.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { openConnection, requestText } from './client.ts'
import { clients } from './clients.ts'
import { addressOf, type Visitor, visitor } from './people.ts'
import { canPin, family, familyCpu, pin, type Started, start, stop } from './processes.ts'

export type TargetName = 'floor' | 'library' | 'foyer'

export type Registered = { id: string; secret: string }

export type Target = {
  name: TargetName
  pid: number
  port: number
  /** As it goes into the Host field. */
  host: string
  paths: Record<'authorize' | 'token' | 'introspect' | 'userinfo' | 'jwks' | 'discovery', string>
  clients: Record<'web' | 'opaqueMachine' | 'machine', Registered>
  /** Where and with what a visitor signs in, once the authorization endpoint has led to an interaction. */
  signIn(location: string, visitor: Visitor): { path: string; form: Record<string, string> }
  /** Called before each cell. */
  forget(): Promise<void>
  /** Statements that it has sent to its database. */
  statements(): Promise<number>
  /** Of its database, in microseconds. */
  databaseCpu(): number
  stop(): Promise<void>
}

/** Server on one core; load generator and database on the other. */
const serverCore = 0
export const loadCore = 1

const here = import.meta.dirname
const pinned = canPin()

/** One core, or both: a server that hashes beside its answers is given what it would have. */
export type Cores = 'one' | 'both'

export function place({ pid }: { pid: number }, cores: Cores): void {
  if (pinned) pin(pid, serverCore, ...(cores === 'both' ? [loadCore] : []))
}

const portsOf = ({ output }: Started): number[] =>
  (/ports ([\d ]+)/.exec(output)?.[1] ?? '').split(' ').map(Number)

const nothing = {
  forget: async () => undefined,
  statements: async () => 0,
  databaseCpu: () => 0,
}

export type Floor = { raw: Target; koa: Target; stop(): Promise<void> }

export async function startFloor(folder: string): Promise<Floor> {
  const started = await start({
    script: join(here, 'floor.ts'),
    sign: /ports/,
    log: join(folder, 'floor.log'),
  })
  place(started, 'one')
  const [raw = 0, koa = 0] = portsOf(started)
  const target = (port: number): Target => ({
    ...nothing,
    name: 'floor',
    pid: started.pid,
    port,
    host: `localhost:${port}`,
    paths: { authorize: '/', token: '/', introspect: '/', userinfo: '/', jwks: '/', discovery: '/' },
    clients: { web: anybody, opaqueMachine: anybody, machine: anybody },
    signIn: (_, person) => ({ path: '/argon2id', form: { grant_type: 'none', ...credentialsOf(person) } }),
    stop: async () => undefined,
  })
  return { raw: target(raw), koa: target(koa), stop: () => stop(started) }
}

const anybody: Registered = { id: 'nobody', secret: 'nothing' }

export async function startLibrary(folder: string): Promise<Target> {
  const log = join(folder, 'library.log')
  const started = await start({ script: join(here, 'library.ts'), sign: /ports/, log })
  place(started, 'one')
  const [port = 0] = portsOf(started)
  const host = `localhost:${port}`
  return {
    ...nothing,
    name: 'library',
    pid: started.pid,
    port,
    host,
    paths: {
      authorize: '/auth',
      token: '/token',
      introspect: '/token/introspection',
      userinfo: '/me',
      jwks: '/jwks',
      discovery: '/.well-known/openid-configuration',
    },
    clients: {
      web: { id: 'bench-web', secret: clients.web.secret },
      opaqueMachine: { id: 'bench-opaque', secret: clients.opaqueMachine.secret },
      machine: clients.machine,
    },
    signIn: (location, person) => ({ path: location, form: credentialsOf(person) }),
    async forget() {
      const connection = await openConnection(port)
      await connection.send(requestText({ path: '/forget', host }))
      connection.close()
    },
    stop: () => stop(started),
  }
}

const credentialsOf = ({ email, password }: Visitor) => ({ email, password })

export type Foyer = Target & { dataDir: string }
export type FoyerOptions = {
  folder: string
  logLevel: string
  /** How many people have an account. */
  people: number
  preload?: string
}

export const withoutHash = join(import.meta.dirname, 'without-hash.ts')

/** The product itself, as `npm start` runs it, on a database of its own. */
export async function startFoyer({ folder, logLevel, people, preload }: FoyerOptions): Promise<Foyer> {
  const name = preload === undefined ? 'foyer' : 'foyer-without-hash'
  const dataDir = join(folder, name)
  const port = await freePort()
  const host = `localhost:${port}`
  const env = {
    PORT: String(port),
    FOYER_PLAYGROUND_PORT: '0',
    FOYER_DATA_DIR: dataDir,
    LOG_LEVEL: logLevel,
    FOYER_TRUSTED_PROXY_HOPS: '1',
  }
  const script = join(here, '../dist/src/main.js')
  const started = await start({
    script,
    env,
    sign: /Issuer/,
    log: join(folder, `${name}.log`),
    ...(preload === undefined ? {} : { preload }),
  })
  place(started, 'one')
  const postmaster = postmasterOf(dataDir)
  if (pinned) for (const pid of family(postmaster)) pin(pid, loadCore)

  for (let number = 0; number < people; number += 1) createPerson(env, visitor(number))
  const registered = {
    web: register(env, clients.web.metadata),
    opaqueMachine: register(env, clients.opaqueMachine.metadata),
    machine: clients.machine,
  }
  return {
    name: 'foyer',
    dataDir,
    pid: started.pid,
    port,
    host,
    paths: {
      authorize: '/oauth2/authorize',
      token: '/oauth2/token',
      introspect: '/oauth2/introspect',
      userinfo: '/oauth2/userinfo',
      jwks: '/oauth2/jwks',
      discovery: '/.well-known/openid-configuration',
    },
    clients: registered,
    signIn: (location, person) => ({ path: `${location}/password`, form: credentialsOf(person) }),
    forget: async () => undefined,
    statements: () => countStatements(port, host),
    databaseCpu: () => familyCpu(postmaster),
    stop: () => stop(started),
  }
}

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

const postmasterOf = (dataDir: string): number =>
  Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n', 1)[0])

/** The command line, from outside, beside the running product. */
function cli(env: Record<string, string>, args: string[], input = ''): string {
  return execFileSync(process.execPath, [join(here, '../dist/src/cli/main.js'), ...args], {
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    input,
  })
}

function createPerson(env: Record<string, string>, { email, password }: Visitor): void {
  cli(env, ['user', 'create', email, '--password-stdin'], password)
}

function register(env: Record<string, string>, metadata: object): Registered {
  const output = cli(env, ['client', 'create', '--json', '--metadata', JSON.stringify(metadata)])
  const { client_id: id, client_secret: secret } = JSON.parse(output) as Record<string, string>
  if (id === undefined || secret === undefined) throw new Error(`no client was made: ${output}`)
  return { id, secret }
}

async function countStatements(port: number, host: string): Promise<number> {
  const connection = await openConnection(port)
  const headers = { 'X-Forwarded-For': addressOf(0) }
  const { body } = await connection.send(requestText({ path: '/metrics', host, headers }))
  connection.close()
  return Number(/^foyer_database_statements_total (\S+)$/m.exec(body.toString())?.[1] ?? Number.NaN)
}
