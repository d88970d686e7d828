// Owns what every answer of an interface for programs has in common: nothing of it is kept by caches, and a failure
// is a problem document whatever the Accept header says.
import type Koa from 'koa'

export function jsonAnswers(): Koa.Middleware {
  return async function jsonAnswers(ctx, next) {
    ctx.set('Cache-Control', 'no-store')
    ctx.state.wants = 'json'
    await next()
  }
}
