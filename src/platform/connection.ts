// Owns where a database is and whether its server must prove who it is. Using the connection is postgres.ts.
import { readFileSync } from 'node:fs'
import { type ConnectionOptions, checkServerIdentity } from 'node:tls'
import type pg from 'pg'

/** Where to connect: socket folder or host, TLS included. */
export type Connection = pg.PoolConfig

const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
type SslMode = (typeof sslModes)[number]

/** `postgres://user@/name?host=/folder` names a Unix socket: legal for PostgreSQL, not for URL parsers. */
const withoutHost = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)(?=[/?#]|$)/i
const placeholder = 'unix-socket.invalid'

function parse(url: string): URL {
  try {
    return new URL(url.replace(withoutHost, `$1${placeholder}`))
  } catch {
    throw new Error(
      'DATABASE_URL is not a PostgreSQL URL. It looks like postgres://user:password@host:5432/database',
    )
  }
}

export function isLoopback(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function readPem(parameter: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new Error(`DATABASE_URL names ${path} as ${parameter}, and it cannot be read.`, { cause })
  }
}

function sslModeOf(text: string | null): SslMode | undefined {
  if (text === null) return undefined
  const mode = sslModes.find((known) => known === text)
  if (mode) return mode
  throw new Error(
    `DATABASE_URL has sslmode=${text}; it may be ${sslModes.join(', ')}. Foyer never skips verification.`,
  )
}

/**
 * Outside loopback TLS is used and its certificate verified, chain and name, whatever a weaker sslmode says;
 * only an explicit sslmode=disable turns it off. On loopback and Unix sockets it takes sslmode=require or more.
 */
export function tlsFor(host: string, parameters: URLSearchParams): ConnectionOptions | false {
  const mode = sslModeOf(parameters.get('sslmode'))
  const wanted = isLoopback(host) ? mode === 'require' || mode?.startsWith('verify') : mode !== 'disable'
  if (!wanted) return false

  const rootCert = parameters.get('sslrootcert')
  const certificate = parameters.get('sslcert')
  const key = parameters.get('sslkey')
  const ca = rootCert && rootCert !== 'system' ? readPem('sslrootcert', rootCert) : undefined
  if (mode === 'verify-ca' && !ca) {
    throw new Error('DATABASE_URL has sslmode=verify-ca, which needs sslrootcert=/path/to/ca.pem beside it.')
  }
  return {
    rejectUnauthorized: true,
    // verify-ca trusts whoever the given authority vouches for, under any name
    checkServerIdentity: mode === 'verify-ca' ? () => undefined : checkServerIdentity,
    ...(ca ? { ca } : {}),
    ...(certificate ? { cert: readPem('sslcert', certificate) } : {}),
    ...(key ? { key: readPem('sslkey', key) } : {}),
  }
}

function portOf(text: string): number {
  const port = text === '' ? 5432 : Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new Error(`DATABASE_URL has the port ${text}; it must be a number between 1 and 65535.`)
}

/** Accepts what PostgreSQL's own tools accept for one server; unknown parameters are left to their owners. */
export function connectionFromUrl(url: string): Connection {
  const parsed = parse(url)
  const parameters = parsed.searchParams
  const hostname = decodeURIComponent(parsed.hostname.replace(/^\[(.*)\]$/, '$1'))
  const host = parameters.get('host') ?? (hostname === placeholder ? 'localhost' : hostname)
  const user = parameters.get('user') ?? decodeURIComponent(parsed.username)
  const password = parameters.get('password') ?? decodeURIComponent(parsed.password)
  const database = parameters.get('dbname') ?? decodeURIComponent(parsed.pathname.slice(1))
  if (!user)
    throw new Error('DATABASE_URL names no user. It looks like postgres://user:password@host:5432/database')
  const options = parameters.get('options')

  return {
    host,
    port: portOf(parameters.get('port') ?? parsed.port),
    user,
    database: database || user,
    ssl: tlsFor(host, parameters),
    keepAlive: !host.startsWith('/'),
    ...(password ? { password } : {}),
    ...(options ? { options } : {}),
    ...(parameters.get('sslnegotiation') === 'direct' ? { sslnegotiation: 'direct' as const } : {}),
    ...(parameters.get('channel_binding') === 'require' ? { enableChannelBinding: true } : {}),
  }
}
