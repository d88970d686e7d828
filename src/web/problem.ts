// Owns what a failure looks like from outside: the only table of statuses, and the shape of the answer.
// The words are problem-words.ts.
// OAuth endpoints answer with RFC 6749 errors of their own; how a page looks is handed in as renderPage.
import type Koa from 'koa'
import { AppError, type Details, type Kind } from '../kernel/errors.ts'
import type { Log } from '../platform/log.ts'
import { problems, type Words } from './problem-words.ts'

const statusOfKind = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  gone: 410,
  rate_limited: 429,
  unavailable: 503,
} as const satisfies Record<Kind, number>

/** Refusals of HTTP itself, which are finer than the kinds. */
const statusOfCode: Record<string, number> = {
  method_not_allowed: 405,
  request_timeout: 408,
  precondition_failed: 412,
  body_too_large: 413,
  unsupported_media_type: 415,
  misdirected_request: 421,
  idempotency_key_reused: 422,
  account_disabled: 423,
  internal_error: 500,
}

export type ErrorView = { status: number; title: string; detail: string; code: string; reference: string }
export type RenderErrorPage = (ctx: Koa.Context, view: ErrorView) => Promise<void> | void

const isKind = (kind: string): kind is Kind => kind in statusOfKind

export const statusOf = (kind: Kind, code: string): number => statusOfCode[code] ?? statusOfKind[kind]

function wordsOf(code: string, kind?: Kind): Words {
  const general = kind === 'invalid' || kind === undefined ? 'invalid_request' : kind
  return problems[code] ?? problems[general] ?? { title: code, detail: '' }
}

/** Answers with RFC 9457 problem details. */
export function sendProblem(ctx: Koa.Context, code: string, { kind, details = {} }: Refusal = {}): void {
  const status = kind ? statusOf(kind, code) : (statusOfCode[code] ?? 400)
  const { title, detail } = wordsOf(code, kind)
  prepare(ctx, status, details)
  ctx.body = JSON.stringify({
    // RFC 9457 §3.1.1 allows a relative reference with its full path; describeProblems answers there
    type: `/problems/${code}`,
    title,
    status,
    code,
    ...(status >= 500 && status !== 503 ? {} : { detail }),
    instance: ctx.state.requestId,
    ...(details.errors ? { errors: details.errors } : {}),
  })
  ctx.type = 'application/problem+json'
}

type Refusal = { kind?: Kind; details?: Details }

// What the handler said about its own answer no longer holds.
function prepare(ctx: Koa.Context, status: number, { retryAfterSeconds }: Details): void {
  for (const name of ['ETag', 'Last-Modified', 'Content-Encoding', 'Content-Disposition']) ctx.remove(name)
  ctx.set('Cache-Control', 'no-store')
  if (retryAfterSeconds !== undefined)
    ctx.set('Retry-After', String(Math.max(1, Math.ceil(retryAfterSeconds))))
  ctx.status = status
}

/** Turns everything thrown, and everything nobody answered, into a page or a problem; shows no internals. */
export function errorBoundary({
  log,
  renderPage,
}: {
  log: Log
  renderPage: RenderErrorPage
}): Koa.Middleware {
  return async function errorBoundary(ctx, next) {
    try {
      await next()
      if (isUnanswered(ctx)) await answer(ctx, refusalOfStatus(ctx.status), renderPage)
    } catch (error) {
      ctx.state.failure = error
      await answer(ctx, toAppError(error), renderPage).catch((err: unknown) => {
        log.error({ event: 'http.error_page_failed', requestId: ctx.state.requestId, err })
        sendProblem(ctx, 'internal_error')
      })
    }
  }
}

const isUnanswered = (ctx: Koa.Context): boolean =>
  ctx.respond !== false && !ctx.headerSent && ctx.body == null && [404, 405, 501].includes(ctx.status)

const refusalOfStatus = (status: number): AppError =>
  status === 404 ? new AppError('not_found', 'not_found') : new AppError('invalid', 'method_not_allowed')

type Answer = AppError | 'internal_error'

function toAppError(error: unknown): Answer {
  if (error instanceof AppError) return error
  // koa and its middleware refuse with http-errors, whose `expose` says that the client is to blame.
  if (!(error instanceof Error) || !('expose' in error && error.expose === true)) return 'internal_error'
  const status = 'status' in error ? error.status : 400
  const code = Object.entries(statusOfCode).find(([, value]) => value === status)?.[0]
  const kind = Object.entries(statusOfKind).find(([, value]) => value === status)?.[0] ?? 'invalid'
  if (!isKind(kind)) return 'internal_error'
  return new AppError(kind, code ?? (kind === 'invalid' ? 'invalid_request' : kind), { cause: error })
}

async function answer(ctx: Koa.Context, error: Answer, renderPage: RenderErrorPage): Promise<void> {
  const isOurs = error !== 'internal_error'
  const code = isOurs ? error.code : error
  const refusal: Refusal = isOurs ? { kind: error.kind, details: error.details } : {}
  if (!wantsPage(ctx)) return sendProblem(ctx, code, refusal)

  const status = isOurs ? statusOf(error.kind, code) : 500
  prepare(ctx, status, refusal.details ?? {})
  await renderPage(ctx, { status, code, reference: ctx.state.requestId, ...wordsOf(code, refusal.kind) })
}

// A client that takes anything is a program, and gets what programs read.
function wantsPage(ctx: Koa.Context): boolean {
  if (ctx.state.wants) return ctx.state.wants === 'page'
  return ctx.accepts('application/json', 'text/html') === 'text/html'
}

/** Answers GET /problems/CODE with what the code means, so that `type` leads somewhere. */
export function describeProblems(): Koa.Middleware {
  const path = /^\/problems\/([a-z_]{1,60})$/
  return async function describeProblems(ctx, next) {
    const code = path.exec(ctx.path)?.[1]
    if (code === undefined || !Object.hasOwn(problems, code) || ctx.method !== 'GET') return next()
    ctx.state.route = '/problems/:code'
    ctx.body = { code, ...problems[code] }
  }
}
