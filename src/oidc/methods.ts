// Owns which methods the endpoints of the protocol take. oidc-provider does not know a wrong one from a wrong path.
import type Koa from 'koa'
import { AppError } from '../kernel/errors.ts'
import { readBody } from '../web/input.ts'
import { assertKeepableQuery } from './parameters.ts'

const methodsOf: Record<string, readonly string[]> = {
  '/oauth2/authorize': ['GET', 'POST'],
  '/oauth2/par': ['POST'],
  '/oauth2/token': ['POST'],
  '/oauth2/device': ['POST'],
  '/oauth2/ciba': ['POST'],
  '/oauth2/userinfo': ['GET', 'POST'],
  '/oauth2/jwks': ['GET'],
  '/oauth2/introspect': ['POST'],
  '/oauth2/revoke': ['POST'],
  '/oauth2/logout': ['GET', 'POST'],
  '/oauth2/logout/confirm': ['POST'],
  '/oauth2/logout/success': ['GET'],
  '/.well-known/openid-configuration': ['GET'],
  '/.well-known/oauth-authorization-server': ['GET'],
}

/** OIDC Core §3.1.2.1 and RP-Initiated Logout §2 want both methods there. */
const postedAsQuery = new Set(['/oauth2/authorize', '/oauth2/logout'])
const mostQueryBytes = 12 * 1024

/**
 * A form posted from another site comes without our cookies, since they are SameSite=Lax; the GET it is turned into
 * brings them.
 */
async function askByGet(ctx: Koa.Context): Promise<void> {
  if (!ctx.is('application/x-www-form-urlencoded')) throw new AppError('invalid', 'unsupported_media_type')
  const query = (await readBody(ctx, { bytes: mostQueryBytes, timeoutMs: 5_000 })).toString('latin1')
  if (!/^[\x21-\x7e]*$/.test(query)) throw new AppError('invalid', 'invalid_request')
  ctx.status = 303
  ctx.redirect(`${ctx.path}?${query.replaceAll('#', '%23')}`)
}

/** In front of a provider. */
export async function protocolMethods(ctx: Koa.Context, next: Koa.Next): Promise<void> {
  assertKeepableQuery(ctx)
  const { method, path } = ctx
  if (method === 'POST' && postedAsQuery.has(path)) return askByGet(ctx)
  const allowed = methodsOf[path]
  if (!allowed || allowed.includes(method)) return next()

  await next()
  const unanswered = ctx.status === 404 && ctx.body == null
  if (!unanswered) return
  ctx.status = 405
  ctx.set('Allow', allowed.join(', '))
  ctx.body = { error: 'invalid_request', error_description: `${method} is not allowed here` }
}
