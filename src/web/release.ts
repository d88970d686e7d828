// Owns letting go of an answered request. oidc-provider puts a getter on each context, and V8 keeps getters in the old
// generation: what hangs on the context would outlive every cheap collection of garbage. See ADR 0025.
import type Koa from 'koa'

type WithProtocol = Koa.Context & { oidc?: object }

const isAnswered = ({ res }: Koa.Context): boolean => res.writableFinished || res.closed

// Cookies hang on a symbol
function empty(object: object): void {
  for (const key of Reflect.ownKeys(object)) Reflect.set(object, key, undefined)
}

function letGo(ctx: WithProtocol): void {
  if (ctx.oidc) empty(ctx.oidc)
  empty(ctx)
}

/** Takes contexts whose handling is over. They are emptied when the answer has left. */
export function createRelease(): (ctx: Koa.Context) => void {
  let handled: Koa.Context[] = []

  function letGoOfAll(): void {
    const contexts = handled
    handled = []
    for (const ctx of contexts) {
      if (isAnswered(ctx)) letGo(ctx)
      // koa asks the context once more when the socket fails under an answer
      else ctx.res.once('close', () => setImmediate(letGo, ctx))
    }
  }

  return (ctx) => {
    if (handled.push(ctx) === 1) setImmediate(letGoOfAll)
  }
}
