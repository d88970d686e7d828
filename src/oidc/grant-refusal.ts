// Owns what oidc-provider refuses in other words than the standards do: a client that may not use a grant is
// `unauthorized_client` (RFC 6749 §5.2, RFC 8628 §3.2, CIBA §13), and a pushed request that is too large is a 413
// (RFC 9126 §2.3). It says `invalid_request` and 400.
import type Koa from 'koa'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { cibaGrant } from '../features/clients/ciba-schema.ts'
import { deviceGrant } from '../features/clients/elsewhere-grants.ts'

/** What oidc-provider reads of a body at most. */
const mostBytes = 56 * 1024

/** The grant that a request is the beginning of, where the path alone says it. */
const grantOfPath: Readonly<Record<string, string>> = {
  '/oauth2/device': deviceGrant,
  '/oauth2/ciba': cibaGrant,
}

/** Behind a provider. */
export async function grantRefusal(ctx: Koa.Context, next: Koa.Next): Promise<void> {
  await next()
  const body: { error?: string } = Object(ctx.body)
  if (ctx.status !== 400 || body.error !== 'invalid_request') return
  if (ctx.path === '/oauth2/par' && Number(ctx.get('Content-Length')) > mostBytes) ctx.status = 413
  if (isForAnotherGrant(ctx)) {
    ctx.body = {
      error: 'unauthorized_client',
      error_description: 'this client is not registered for that grant',
    }
  }
}

function isForAnotherGrant(ctx: Koa.Context): boolean {
  const { client, params } = (ctx as unknown as KoaContextWithOIDC).oidc
  const grant = ctx.path === '/oauth2/token' ? params?.grant_type : grantOfPath[ctx.path]
  return client !== undefined && typeof grant === 'string' && !client.grantTypeAllowed(grant)
}
