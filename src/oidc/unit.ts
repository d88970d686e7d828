// Owns the unit of work around every request of the protocol and of the interaction pages: opened before the
// handler, committed before the answer leaves. What is answered when another request was first is decided here.
import type Koa from 'koa'
import type { Artifacts } from '../features/artifacts/service.ts'
import { inUnit, newUnit, type Unit } from '../features/artifacts/unit-of-work.ts'
import { AppError, unavailable } from '../kernel/errors.ts'

export type UnitDeps = {
  artifacts: Pick<Artifacts, 'commit'>
  browserHash: (ctx: Koa.Context) => Buffer | undefined
  /** The answer to a form that another request has made void. */
  showFinished: (ctx: Koa.Context) => Promise<void>
}

const protocolPath = /^\/oauth2\//

/** An OAuth error (RFC 6749 §5.2) in place of whatever the handler had answered. */
function answerError(
  ctx: Koa.Context,
  status: number,
  body: { error: string; error_description: string },
): void {
  ctx.remove('Set-Cookie')
  ctx.remove('Location')
  ctx.status = status
  ctx.body = body
}

/**
 * What the request was decided on has changed under it: it is asked once more, and decided on what is there now.
 * Only a rival that was first sends it here, so it does not go round for ever.
 */
function beginAnew(ctx: Koa.Context): void {
  ctx.set('Cache-Control', 'no-store')
  ctx.status = 307
  ctx.redirect(ctx.originalUrl)
}

export function unitOfWork({ artifacts, browserHash, showFinished }: UnitDeps): Koa.Middleware {
  async function commit(ctx: Koa.Context, unit: Unit): Promise<void> {
    const outcome = await artifacts.commit(unit, { refused: ctx.status >= 400 })
    if (outcome === 'committed') return
    if (outcome === 'lost') {
      ctx.remove('Set-Cookie')
      ctx.remove('Location')
      return ctx.method === 'GET' ? beginAnew(ctx) : showFinished(ctx)
    }
    // RFC 6749 §5.2, in the words of a token that was never there: a stranger learns nothing.
    answerError(ctx, 400, { error: 'invalid_grant', error_description: 'grant request is invalid' })
  }

  return async function unitOfWork(ctx, next) {
    const hash = browserHash(ctx)
    const unit = newUnit({
      requestId: ctx.state.requestId,
      address: ctx.state.address,
      userAgent: ctx.req.headers['user-agent'] ?? '',
      ...(hash && { browserHash: hash }),
    })
    try {
      await inUnit(unit, next)
      assertAvailable(ctx)
      if (unit.writes.size > 0) await inUnit(unit, () => commit(ctx, unit))
    } catch (thrown) {
      // They told of what was not written: a session's new id for one, in place of the one that is still good.
      ctx.remove('Set-Cookie')
      ctx.remove('Location')
      const error = refusalBehind(thrown)
      if (!error || !isOfProtocol(ctx)) throw error ?? thrown
      ctx.state.failure = error
      if (error.kind === 'rate_limited')
        ctx.set('Retry-After', String(Math.max(1, error.details.retryAfterSeconds ?? 1)))
      answerError(ctx, ...refusalOf(error))
    }
    if (ctx.status === 503) ctx.set('Retry-After', '1')
  }
}

/** A request that met a database that is away keeps nothing, and its refusal is no fault of the protocol. */
function assertAvailable(ctx: Koa.Context): void {
  if (ctx.status < 500) return
  const met = refusalBehind(ctx.state.failure)
  if (met?.kind === 'unavailable') throw met
  if (ctx.status === 503) throw unavailable('database_unavailable')
}

/** Our own refusal, also where oidc-provider passes it on as its own. */
function refusalBehind(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error
  return error instanceof Error && error.cause instanceof AppError ? error.cause : undefined
}

// Pages of the protocol show an error page; what programs ask is answered as OAuth JSON.
function isOfProtocol(ctx: Koa.Context): boolean {
  return protocolPath.test(ctx.path) && ctx.accepts('json', 'html') !== 'html'
}

function refusalOf(error: AppError): [number, { error: string; error_description: string }] {
  if (error.kind === 'unavailable') {
    const error_description = 'the service is briefly unavailable, try again in a moment'
    return [503, { error: 'temporarily_unavailable', error_description }]
  }
  if (error.kind === 'rate_limited')
    return [
      429,
      { error: 'temporarily_unavailable', error_description: 'too many requests, try again later' },
    ]
  return [
    400,
    { error: 'invalid_request', error_description: 'the request holds a value that cannot be kept' },
  ]
}
