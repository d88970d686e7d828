// Owns who a request with a bearer token comes from (RFC 6750). Whether a token is good is told by `authenticate`;
// what its bearer may do is up to each route.
import type Koa from 'koa'
import { AppError } from '../kernel/errors.ts'

/** Whom an access token speaks for. */
export type Bearer = {
  accountId: string
  /** The session that the token hangs on. */
  sessionUid: string | undefined
  scopes: ReadonlySet<string>
}

/** RFC 6750 §2.1: the header alone; a token in a query would end up in logs. */
const credentials = /^Bearer +([\w.~+/-]+=*) *$/i

/** The request's token, or nothing when it brings none. */
export function bearerTokenOf(ctx: Koa.Context): string | undefined {
  return credentials.exec(ctx.get('Authorization'))?.[1]
}

/** The bearer, as `authenticate` knows them; everybody else is refused with 401 (RFC 6750 §3). */
export async function requireBearer<Known extends Bearer>(
  ctx: Koa.Context,
  authenticate: (token: string) => Promise<Known | undefined>,
): Promise<Known> {
  const token = bearerTokenOf(ctx)
  if (token === undefined) {
    ctx.set('WWW-Authenticate', 'Bearer')
    throw new AppError('unauthenticated', 'unauthenticated')
  }
  const bearer = await authenticate(token)
  if (bearer) return bearer
  ctx.set('WWW-Authenticate', 'Bearer error="invalid_token"')
  throw new AppError('unauthenticated', 'invalid_token')
}
