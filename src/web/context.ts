// Owns what every request carries: its id, the client's address, one line in the log, and the origin it
// is answered under, which is the issuer's whatever the headers say.
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type Koa from 'koa'
import type { Config } from '../config/schema.ts'
import { createRequestIds } from '../kernel/request-ids.ts'
import { type Clock, stopwatch } from '../kernel/time.ts'
import type { AccessLog, Log } from '../platform/log.ts'
import { withOrigin } from '../platform/origin.ts'
import { type ClientAddress, clientAddress } from './address.ts'
import { dataHeaders } from './headers.ts'
import { operationPaths } from './health.ts'
import { sendProblem } from './problem.ts'
import { createProxyCheck } from './proxies.ts'
import { createRelease } from './release.ts'

declare module 'koa' {
  interface DefaultState {
    /** Foyer's own id of the request: X-Request-Id, `instance` of a problem, the reference on an error page. */
    requestId: string
    /** The client's address, hop-counted and normalised. */
    address: string
    /** It came through all of our proxies, as far as they tell: what they say of the client besides may be believed. */
    viaProxies: boolean
    /** What a failure is told as; by the Accept header when no route has declared it. */
    wants?: 'page' | 'json'
    /** The route as a pattern, for logs and metrics, where no router of ours has matched it. */
    route?: string
    /** The page of ours that was rendered, by its name. */
    page?: string
    /** What went wrong, for the log line of the request. */
    failure?: unknown
  }
}

export type Observation = { method: string; route: string; status: number; seconds: number }

export type RequestContextDeps = {
  config: Pick<Config, 'issuer' | 'trustedProxyHops' | 'trustedProxies'>
  log: Log
  /** Takes the lines of requests that went well. */
  access: Pick<AccessLog, 'write'>
  clock: Clock
  /** Told about every answered request. */
  observe?: (observation: Observation) => void
}

// Asked every few seconds, or once per page: the log would hold little else.
const quietPaths = /^\/(?:livez|readyz|healthz|metrics|assets\/.*|favicon\.ico)$/

export function requestContext({ config, log, access, clock, observe }: RequestContextDeps): Koa.Middleware {
  const issuerHost = new URL(config.issuer).host
  // Answered before what adds them for everybody else
  const misdirectedHeaders = dataHeaders({ insecureIssuer: config.issuer.startsWith('http:') })

  const isProxy = createProxyCheck(config.trustedProxies)
  const release = createRelease()
  const nextRequestId = createRequestIds(clock)

  function originOf({ socket, headers }: IncomingMessage): ClientAddress & { viaProxies: boolean } {
    const peer = socket.remoteAddress ?? ''
    const forwardedFor = String(headers['x-forwarded-for'] ?? '')
    const hops = config.trustedProxyHops
    if (hops > 0 && !isProxy(peer))
      return { ...clientAddress(peer, '', 0), distrusted: forwardedFor !== '', viaProxies: false }
    const found = clientAddress(peer, forwardedFor, hops)
    return { ...found, viaProxies: hops > 0 && !found.distrusted }
  }

  return async function requestContext(ctx, next) {
    const elapsed = stopwatch()
    const requestId = nextRequestId()
    const { address, distrusted, viaProxies } = originOf(ctx.req)
    ctx.state.requestId = requestId
    ctx.state.address = address
    ctx.state.viaProxies = viaProxies
    ctx.res.setHeader('X-Request-Id', requestId)
    if (distrusted) log.warn({ event: 'http.forwarded_for_ignored', requestId, address })

    try {
      if (isMisdirected(ctx, issuerHost)) {
        ctx.set(misdirectedHeaders)
        sendProblem(ctx, 'misdirected_request')
      } else await withOrigin({ requestId, address, device: deviceOf(ctx) }, next)
    } finally {
      const seconds = elapsed()
      const route = routeOf(ctx)
      observe?.({ method: methodOf(ctx.method), route: route ?? 'unmatched', status: ctx.status, seconds })
      logRequest({ log, access }, ctx, { route, seconds })
      release(ctx)
    }
  }
}

const deviceLength = 200
const deviceOf = (ctx: Koa.Context): string | null => ctx.get('User-Agent').slice(0, deviceLength) || null

// DNS rebinding and forged links end here: only the issuer's own host is answered.
function isMisdirected(ctx: Koa.Context, issuerHost: string): boolean {
  const target = ctx.req.url ?? '/'
  // RFC 9112 §3.2.2: with an absolute target its host counts and the Host field is ignored.
  const absolute = target.startsWith('/') ? undefined : URL.parse(target)
  if (!target.startsWith('/')) {
    const path = absolute ? absolute.pathname + absolute.search : `/${target}`
    ctx.req.url = path
    ctx.originalUrl = path
    ctx.request.originalUrl = path
  }
  if (operationPaths.has(ctx.path)) return false
  const host = absolute ? absolute.host : (ctx.req.headers.host ?? '').toLowerCase()
  return host !== issuerHost && withoutDefaultPort(host, ctx.request.protocol) !== issuerHost
}

const defaultPort: Record<string, string> = { https: ':443', http: ':80' }

function withoutDefaultPort(host: string, protocol: string): string {
  const port = defaultPort[protocol]
  return port && host.endsWith(port) ? host.slice(0, -port.length) : host
}

/** The matched route as a pattern; undefined when nothing has claimed the request. */
export function routeOf(ctx: Koa.Context): string | undefined {
  const matched: unknown = ctx.state.route ?? ctx._matchedRoute
  return matched === undefined ? undefined : String(matched)
}

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
// Methods become a label of a metric, so a stranger must not be able to invent them.
const methodOf = (method: string): string => (knownMethods.has(method) ? method : '_OTHER')

// Where no route says which part is an id, whatever is long enough to be a secret is left out.
const unmatchedPath = (path: string): string => path.replace(/[^/]{20,}/g, ':long').slice(0, 200)

function logRequest(
  { log, access }: Pick<RequestContextDeps, 'log' | 'access'>,
  ctx: Koa.Context,
  { route, seconds }: { route?: string; seconds: number },
): void {
  const { status } = ctx
  const line = {
    event: 'http.request',
    method: ctx.method,
    // Without the query, where codes and tokens travel
    path: route ?? unmatchedPath(ctx.path),
    status,
    seconds: Math.round(seconds * 1e6) / 1e6,
    requestId: ctx.state.requestId,
    address: ctx.state.address,
  }
  if (status >= 500) log.error(ctx.state.failure === undefined ? line : { ...line, err: ctx.state.failure })
  else if (quietPaths.test(ctx.path)) log.debug(line)
  else access.write(line)
}

/** Makes koa derive every URL and the security of cookies from the issuer, never from headers. */
export function pinOrigin(app: Koa, config: Pick<Config, 'issuer'>): void {
  const issuer = new URL(config.issuer)
  const fixed = (value: unknown) => ({ configurable: true, get: () => value })
  Object.defineProperties(app.request, {
    protocol: fixed(issuer.protocol.slice(0, -1)),
    secure: fixed(issuer.protocol === 'https:'),
    host: fixed(issuer.host),
    hostname: fixed(issuer.hostname),
    href: {
      configurable: true,
      get(this: Koa.Request) {
        return issuer.origin + this.originalUrl
      },
    },
    URL: {
      configurable: true,
      get(this: Koa.Request) {
        return new URL(issuer.origin + this.originalUrl)
      },
    },
    ip: {
      configurable: true,
      get(this: Koa.Request) {
        return this.ctx.state.address
      },
    },
  })
}

/** What koa itself could not finish, a torn connection for one, goes to the log and nowhere else. */
export function logAppErrors(app: Koa, log: Log): void {
  app.on('error', (err: Error & { code?: string }, ctx?: Koa.Context) => {
    const torn =
      err.code === 'ECONNRESET' || err.code === 'EPIPE' || err.code === 'ERR_STREAM_PREMATURE_CLOSE'
    const about = { event: 'http.failed', requestId: ctx?.state.requestId, err }
    if (torn) log.debug(about)
    else log.error(about, STATUS_CODES[500])
  })
}
