// Owns who a request with an access token comes from (RFC 6750, RFC 9449 §7). Whether a token is good is told by `authenticate`;
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

/** A token as it came: with RFC 9449's scheme, or with RFC 6750's. */
export type Presented = { scheme: 'Bearer' | 'DPoP'; token: string }

/** What is wrong with a token or with how it was presented: the `error` of a challenge. */
export type TokenRefusal = { error: 'invalid_token' | 'invalid_dpop_proof' }

/** RFC 6750 §2.1: the header alone; a token in a query would end up in logs. */
const credentials = /^(Bearer|DPoP) +([\w.~+/-]+=*) *$/i

/** The request's token, or nothing when it brings none. */
export function presentedOf(ctx: Koa.Context): Presented | undefined {
  const [, scheme, token] = credentials.exec(ctx.get('Authorization')) ?? []
  if (scheme === undefined || token === undefined) return undefined
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer', token }
}

/**
 * The bearer, as `authenticate` knows them; everybody else is refused with 401 (RFC 6750 §3). `parameters` of the
 * challenge follow those that say what is wrong.
 */
export async function requireToken<Known extends object>(
  ctx: Koa.Context,
  authenticate: (presented: Presented) => Promise<Known | TokenRefusal>,
  parameters?: string,
): Promise<Known> {
  const presented = presentedOf(ctx)
  if (presented === undefined) {
    ctx.set('WWW-Authenticate', challenge('Bearer', parameters))
    throw new AppError('unauthenticated', 'unauthenticated')
  }
  const bearer = await authenticate(presented)
  if (!isRefusal(bearer)) return bearer
  ctx.set('WWW-Authenticate', challenge(presented.scheme, `error="${bearer.error}"`, parameters))
  throw new AppError('unauthenticated', 'invalid_token')
}

/** The same where tokens are bound to nothing, so that they come as bearer tokens alone. */
export const requireBearer = <Known extends object>(
  ctx: Koa.Context,
  authenticate: (token: string) => Promise<Known | undefined>,
): Promise<Known> =>
  requireToken<Known>(ctx, async ({ scheme, token }) => {
    const known = scheme === 'Bearer' ? await authenticate(token) : undefined
    return known ?? { error: 'invalid_token' }
  })

const isRefusal = (answer: object): answer is TokenRefusal =>
  'error' in answer && (answer.error === 'invalid_token' || answer.error === 'invalid_dpop_proof')

function challenge(scheme: string, ...parameters: (string | undefined)[]): string {
  const given = parameters.filter((parameter) => parameter !== undefined)
  return given.length === 0 ? scheme : `${scheme} ${given.join(', ')}`
}
