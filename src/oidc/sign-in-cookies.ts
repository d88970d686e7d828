// Owns the cookies of mailed links: the sign-ins of this browser that a link may lead back to, and the secret of a
// recovery between its link or code and the new password. Neither signs anybody in.
import type Koa from 'koa'
import { limits } from '../config/limits.ts'
import type { CookiePolicy } from '../web/cookies.ts'

/** Tabs that may wait for a link at the same time. */
const mostWaysBack = 4
const uidShape = /^[\w-]{10,60}$/
const secretShape = /^[\w-]{20,200}$/

export function signInCookies({ cookies }: { cookies: CookiePolicy }) {
  const waysBackName = cookies.name('foyer_waiting', 'host')
  const recoveryName = cookies.name('foyer_recovery', 'host')
  const options = {
    httpOnly: true,
    sameSite: 'lax',
    secure: cookies.secure,
    signed: false,
    path: '/',
  } as const

  function read(ctx: Koa.Context, name: string): string {
    return ctx.cookies.get(name, { signed: false }) ?? ''
  }

  /** Interactions whose mail may hold a link, the newest first. Naming one opens nothing: each is bound to its browser. */
  const waysBack = (ctx: Koa.Context): string[] =>
    read(ctx, waysBackName)
      .split('.')
      .filter((uid) => uidShape.test(uid))
      .slice(0, mostWaysBack)

  function rememberWayBack(ctx: Koa.Context, uid: string): void {
    const others = waysBack(ctx).filter((other) => other !== uid)
    const value = [uid, ...others].slice(0, mostWaysBack).join('.')
    ctx.cookies.set(waysBackName, value, { ...options, maxAge: limits.interactionTtlSeconds * 1000 })
  }

  /** Kept here, so that it leaves the address bar before the page is shown. */
  const recovery = {
    read: (ctx: Koa.Context): string | undefined => {
      const value = read(ctx, recoveryName)
      return secretShape.test(value) ? value : undefined
    },
    write: (ctx: Koa.Context, secret: string, maxAge: number): void => {
      // What cannot be one of ours is not kept, and what was there before goes all the same.
      const kept = secretShape.test(secret)
      ctx.cookies.set(recoveryName, kept ? secret : '', { ...options, maxAge: kept ? maxAge : 0 })
    },
    clear: (ctx: Koa.Context): void => recovery.write(ctx, '', 0),
  }

  return { waysBack, rememberWayBack, recovery }
}

export type SignInCookies = ReturnType<typeof signInCookies>
