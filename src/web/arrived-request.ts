// Owns the reading of bodies that have already arrived, as nearly all forms have: without the listeners and promises
// that Node needs for a stream of which more is to come.
import { IncomingMessage } from 'node:http'
import type Koa from 'koa'

export class ArrivedRequest extends IncomingMessage {
  /** What oidc-provider reads bodies with. */
  override iterator(options?: { destroyOnReturn?: boolean }): NodeJS.AsyncIterator<unknown> {
    return this.complete ? chunksOf(this) : super.iterator(options)
  }
}

async function* chunksOf(request: IncomingMessage): AsyncGenerator<unknown, undefined> {
  for (let chunk: unknown = request.read(); chunk !== null; chunk = request.read()) yield chunk
  return undefined
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Node tells of a request when its header is there; a body in the same packet is read by the next turn. */
export async function awaitBody(ctx: Koa.Context, next: Koa.Next): Promise<void> {
  if (ctx.method === 'POST' && !ctx.req.complete) await nextTurn()
  return next()
}
