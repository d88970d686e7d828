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

/**
 * The bearer, as `authenticate` knows them; everybody else is refused with 401 (RFC 6750 §3). `parameters` of the
 * challenge follow those that say what is wrong.
 */
export async function requireBearer<Known>(
  ctx: Koa.Context,
  authenticate: (token: string) => Promise<Known | undefined>,
  parameters?: string,
): Promise<Known> {
  const token = bearerTokenOf(ctx)
  if (token === undefined) {
    ctx.set('WWW-Authenticate', challenge(parameters))
    throw new AppError('unauthenticated', 'unauthenticated')
  }
  const bearer = await authenticate(token)
  if (bearer) return bearer
  ctx.set('WWW-Authenticate', challenge('error="invalid_token"', parameters))
  throw new AppError('unauthenticated', 'invalid_token')
}

function challenge(...parameters: (string | undefined)[]): string {
  const given = parameters.filter((parameter) => parameter !== undefined)
  return given.length === 0 ? 'Bearer' : `Bearer ${given.join(', ')}`
}
