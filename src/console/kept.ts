// Owns what waits in a cookie while its bearer signs in: the way through sign-in is made of addresses, and those are
// written down.
import type Koa from 'koa'
import { minutes } from '../kernel/time.ts'
import type { CookiePolicy } from '../web/cookies.ts'

/** As long as a sign-in may take on the way. */
const keptMs = minutes(15)

export type Kept = { name: string; path: string; forMs?: number }

export function keptIn(cookies: CookiePolicy, { name: base, path, forMs = keptMs }: Kept) {
  const name = cookies.name(base, path === '/' ? 'host' : 'path')
  const options = {
    httpOnly: true,
    sameSite: 'lax',
    secure: cookies.secure,
    signed: false,
    path,
  } as const

  return {
    read: (ctx: Koa.Context) => ctx.cookies.get(name, { signed: false }),
    write: (ctx: Koa.Context, value: string) => {
      ctx.cookies.set(name, value, { ...options, maxAge: forMs })
    },
    clear: (ctx: Koa.Context) => {
      ctx.cookies.set(name, '', { ...options, maxAge: 0 })
    },
  }
}
