// Owns the two cookies that tell browsers apart before anybody has signed in: which browser began an interaction,
// and on which accounts it has signed in before. Neither signs anybody in.
import type Koa from 'koa'
import { hashSecret, randomToken } from '../kernel/secrets.ts'
import { days } from '../kernel/time.ts'
import type { CookiePolicy } from './cookies.ts'

/** Long enough to come back to a sign-in that was begun the day before. */
const browserCookieMs = days(30)
const deviceCookieMs = days(180)
const shape = /^[\w-]{43}$/

export function browserCookies({ cookies }: { cookies: CookiePolicy }) {
  const browserName = cookies.name('foyer_browser', 'host')
  const deviceName = cookies.name('foyer_device', 'host')
  const options = (maxAge: number) =>
    ({ httpOnly: true, sameSite: 'lax', secure: cookies.secure, signed: false, path: '/', maxAge }) as const

  function read(ctx: Koa.Context, name: string): string | undefined {
    // Programs send none, and koa's reader is made anew for each request
    if (ctx.req.headers.cookie === undefined) return undefined
    return ctx.cookies.get(name, { signed: false })
  }

  /** Hash of this browser's cookie; a browser without one has begun nothing here. */
  function hash(ctx: Koa.Context): Buffer | undefined {
    const value: unknown = ctx.state.browser ?? read(ctx, browserName)
    return typeof value === 'string' && shape.test(value) ? hashSecret(value) : undefined
  }

  /** Gives a browser that begins an interaction its cookie. */
  const middleware: Koa.Middleware = (ctx, next) => {
    if (ctx.path === '/oauth2/authorize' && !hash(ctx)) {
      ctx.state.browser = randomToken()
      ctx.cookies.set(browserName, ctx.state.browser, options(browserCookieMs))
    }
    return next()
  }

  const device = {
    read: (ctx: Koa.Context) => read(ctx, deviceName),
    write: (ctx: Koa.Context, value: string): void => {
      ctx.cookies.set(deviceName, value, options(deviceCookieMs))
    },
  }

  return { hash, middleware, device }
}
