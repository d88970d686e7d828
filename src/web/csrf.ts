// Owns the rule that a browser may change something only from Foyer's own pages.
// The library's own forms carry an xsrf value besides; bearer APIs need none of this.
import type Koa from 'koa'
import { forbidden } from '../kernel/errors.ts'

export type SameOriginDeps = {
  /** Its origin is the only one that may post. */
  issuer: string
  /**
   * Names of the cookies, all SameSite=Lax, of which one must come along when no header tells the origin. None for
   * a form that carries a one-time token: whoever posts that one holds it.
   */
  cookies: readonly string[]
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

export function sameOriginPosts({ issuer, cookies }: SameOriginDeps): Koa.Middleware {
  const { origin } = new URL(issuer)

  return async function sameOriginPosts(ctx, next) {
    if (!safeMethods.has(ctx.method) && !isOurs(ctx, origin, cookies)) throw forbidden('cross_origin_request')
    return next()
  }
}

function isOurs(ctx: Koa.Context, origin: string, cookies: readonly string[]): boolean {
  // No page can set this one: browsers send it themselves.
  const site = ctx.get('Sec-Fetch-Site')
  if (site !== '') return site === 'same-origin' || site === 'none'

  // Our pages say no-referrer, which turns the Origin of their own posts into null.
  const from = ctx.get('Origin')
  if (from !== '' && from !== 'null') return from === origin

  const referer = ctx.get('Referer')
  if (referer !== '') return URL.parse(referer)?.origin === origin

  // Old and machine browsers tell nothing; a cross-site post would not carry a Lax cookie.
  return (
    cookies.length === 0 || cookies.some((name) => ctx.cookies.get(name, { signed: false }) !== undefined)
  )
}
