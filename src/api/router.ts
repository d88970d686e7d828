// Owns the way of a request through the management API, the same for every route: who asks, how often, may they,
// what exactly, do it once, answer. What each route does is its declaration.
import Router from '@koa/router'
import type Koa from 'koa'
import { limits, type RateName } from '../config/limits.ts'
import { AppError, rateLimited } from '../kernel/errors.ts'
import type { Clock } from '../kernel/time.ts'
import type { Limiter } from '../platform/limiter.ts'
import type { Log } from '../platform/log.ts'
import { addressPrefix } from '../web/address.ts'
import { type Frames, sendEvents } from '../web/event-stream.ts'
import { parseForm, readJson } from '../web/input.ts'
import { otherMethods } from '../web/methods.ts'
import type { Callers } from './caller.ts'
import type { Cursors } from './cursor.ts'
import { etagOf, expectedBy } from './etag.ts'
import type { Idempotency, Sent } from './idempotency.ts'
import { assertDeclared, type Reply, type Route } from './route.ts'

export type RouterDeps = {
  callers: Callers
  limiter: Pick<Limiter, 'take'>
  cursors: Cursors
  idempotency: Idempotency
  clock: Clock
  log: Log
  languageOf: (ctx: Koa.Context) => string
}

export const apiPath = '/api/v1'

export function createManagementRouter(routes: readonly Route[], deps: RouterDeps): Router {
  assertDeclared(routes)
  const { callers, limiter, cursors, idempotency, clock, log } = deps

  async function spend(name: RateName, key: string): Promise<void> {
    const taken = await limiter.take([{ name, key }], clock.now())
    if (!taken.allowed) throw rateLimited(taken.retryAfterSeconds)
  }

  const originOf = (ctx: Koa.Context) => ({
    requestId: ctx.state.requestId,
    address: ctx.state.address,
    addressPrefix: addressPrefix(ctx.state.address),
    device: ctx.get('User-Agent'),
  })

  async function answer(route: Route, ctx: Koa.Context): Promise<void> {
    const caller = await callers.identify(ctx)
    await spend(route.limit, caller.key)
    callers.assertMay(ctx, caller, route.permission)
    callers.assertFresh(ctx, caller, route.signInWithin)
    const raw = { params: { ...ctx.params }, query: readQuery(ctx), body: await readBody(route, ctx) }
    const origin = originOf(ctx)
    const perform = route.prepare(raw, {
      caller,
      cursors,
      expected: expectedBy(ctx.get('If-Match'), route),
      origin,
      language: deps.languageOf(ctx),
      isStillAllowed: callers.watch(ctx, route.permission),
      lastEventId: ctx.get('Last-Event-ID'),
    })
    if (route.answer.type !== undefined) {
      const { body: frames } = await perform()
      return sendEvents(ctx, frames as Frames, { log, patienceMs: limits.eventPatienceMs })
    }
    const work = async () => sentFor(route, await perform(), ctx)
    const once = { key: ctx.get('Idempotency-Key'), caller: caller.key, request: [ctx.path, raw] }
    send(ctx, route.method === 'POST' ? await idempotency.once(once, work) : await work())
  }

  const router = new Router({ prefix: apiPath })
  const methodsOf = new Map<string, string[]>()
  for (const route of routes) {
    const { path, method } = route
    router.register(path, [method], (ctx) => answer(route, ctx))
    methodsOf.set(path, [...(methodsOf.get(path) ?? []), method])
  }
  for (const [path, methods] of methodsOf) router.all(path, otherMethods(...methods))
  return router
}

/** Bodies of another kind of request are left unread: nothing here asks for them. */
async function readBody(route: Route, ctx: Koa.Context): Promise<unknown> {
  const hasBody = Number(ctx.get('Content-Length')) > 0 || ctx.get('Transfer-Encoding') !== ''
  if (route.method === 'GET' || route.method === 'DELETE' || (!route.body && !hasBody)) return {}
  return pointing('', () => readJson(ctx))
}

const readQuery = (ctx: Koa.Context): unknown => pointingNow('', () => parseForm(ctx.querystring))

const malformed = (pointer: string, cause: AppError): AppError => {
  const detail = 'Send each name once, in UTF-8 and without control characters.'
  return new AppError('invalid', cause.code, {
    details: { errors: [{ pointer, code: cause.code, detail }] },
    cause,
  })
}

/** What is wrong with a text as a whole is said of the whole (RFC 6901 §5). */
function pointed(pointer: string, error: unknown): unknown {
  return error instanceof AppError && error.code === 'invalid_request' ? malformed(pointer, error) : error
}

async function pointing<T>(pointer: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw pointed(pointer, error)
  }
}

function pointingNow<T>(pointer: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw pointed(pointer, error)
  }
}

function sentFor(route: Route, { body, version, location, next }: Reply<unknown>, ctx: Koa.Context): Sent {
  const headers: Record<string, string> = {}
  if (version) headers.ETag = etagOf(version)
  if (location !== undefined) headers.Location = apiPath + location
  if (next) {
    const query = new URLSearchParams(ctx.querystring)
    query.set('cursor', next)
    // RFC 8288 §3
    headers.Link = `<${ctx.path}?${query}>; rel="next"`
  }
  return { status: route.answer.status, headers, body }
}

function send(ctx: Koa.Context, { status, headers, body }: Sent): void {
  ctx.set(headers)
  ctx.status = status
  if (body !== undefined) ctx.body = body
}
