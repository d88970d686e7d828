// Owns what of CORS needs no oidc-provider: a request without an Origin comes from no page of another origin
// (Fetch §3.2), so its answer is the same for everybody. Which origins a client may call from is policy.ts.
import type Koa from 'koa'

const open = new Set([
  '/oauth2/token',
  '/oauth2/par',
  '/oauth2/userinfo',
  '/oauth2/introspect',
  '/oauth2/revoke',
])

/** In front of a provider, which leaves alone what has been said already. */
export const openWithoutOrigin: Koa.Middleware = (ctx, next) => {
  if (ctx.req.headers.origin === undefined && open.has(ctx.path))
    ctx.res.setHeader('Access-Control-Allow-Origin', '*')
  return next()
}
