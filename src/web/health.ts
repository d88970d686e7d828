// Owns what load balancers and monitoring ask: alive, ready, metrics. What is checked is handed in.
import type { RequestListener } from 'node:http'
import type Koa from 'koa'
import type { Config } from '../config/schema.ts'
import { hashSecret, sameHash } from '../kernel/secrets.ts'

/** Each resolves when all is well and rejects when it is not. */
export type Checks = Readonly<Record<string, () => Promise<void> | void>>

/** The text of all metrics, and its content type. */
export type MetricsSource = { contentType: string; text(): Promise<string> }

export type HealthDeps = {
  config: Pick<Config, 'mode' | 'metrics'>
  /** Database, schema, active key and the like; what Foyer can do without is not among them. */
  checks: Checks
  draining: () => boolean
  metrics: MetricsSource
}

/** These answer under any Host: whoever asks knows an address, not the issuer's name. */
export const operationPaths: ReadonlySet<string> = new Set(['/livez', '/readyz', '/healthz', '/metrics'])

// Half of what a load balancer waits, and within the 600 ms that every answer about a lost database takes.
const checkTimeoutMs = 500

export function health({ config, checks, draining, metrics }: HealthDeps): Koa.Middleware {
  const probes = Object.entries(checks).map(([name, check]) => ({ name, run: sharedProbe(check) }))

  async function readiness(ctx: Koa.Context): Promise<void> {
    const results = await Promise.all(probes.map(async ({ name, run }) => [name, await run()] as const))
    const outcome = Object.fromEntries([...results, ['serving', !draining()] as const])
    const ready = Object.values(outcome).every(Boolean)
    ctx.status = ready ? 200 : 503
    if (!ready) ctx.set('Retry-After', '1')
    const status = ready ? 'ok' : 'unavailable'
    const named = Object.entries(outcome).map(([name, ok]) => [name, ok ? 'ok' : 'failed'])
    ctx.body = ctx.query.verbose === undefined ? { status } : { status, checks: Object.fromEntries(named) }
  }

  async function exposition(ctx: Koa.Context): Promise<void> {
    // On a listener of its own it is nobody's business here
    if (config.metrics.port !== undefined) return
    if (config.mode === 'production' && !mayRead(ctx, config.metrics.token)) {
      ctx.status = 401
      ctx.set('WWW-Authenticate', 'Bearer realm="metrics"')
      ctx.body = { status: 'unauthorized' }
      return
    }
    const text = await metrics.text()
    ctx.set('Content-Type', metrics.contentType)
    ctx.body = text
  }

  return async function health(ctx, next) {
    if (!operationPaths.has(ctx.path)) return next()
    ctx.state.route = ctx.path
    ctx.state.wants = 'json'
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD')
      ctx.status = 405
      return
    }
    if (ctx.path === '/livez') ctx.body = { status: 'ok' }
    else if (ctx.path === '/metrics') await exposition(ctx)
    else await readiness(ctx)
  }
}

// One question at a time: a database that hangs must not be asked again by every probe that comes.
function sharedProbe(check: () => Promise<void> | void): () => Promise<boolean> {
  let running: Promise<boolean> | undefined
  return () => {
    running ??= Promise.resolve()
      .then(check)
      .then(
        () => true,
        () => false,
      )
      .finally(() => {
        running = undefined
      })
    return withinTime(running)
  }
}

async function withinTime(probe: Promise<boolean>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), checkTimeoutMs)
  try {
    return await Promise.race([probe, promise])
  } finally {
    clearTimeout(timer)
  }
}

function mayRead(ctx: Koa.Context, token: string | undefined): boolean {
  const presented = /^Bearer +(\S+)$/i.exec(ctx.get('Authorization'))?.[1]
  return token !== undefined && presented !== undefined && sameHash(hashSecret(presented), hashSecret(token))
}

/** What the listener on METRICS_PORT answers. */
export function metricsListener(metrics: MetricsSource): RequestListener {
  return (req, res) => {
    if (req.url?.split('?', 1)[0] !== '/metrics' || req.method !== 'GET') {
      res.writeHead(404).end()
      return
    }
    metrics.text().then(
      (text) => res.writeHead(200, { 'Content-Type': metrics.contentType }).end(text),
      () => res.writeHead(500).end(),
    )
  }
}
