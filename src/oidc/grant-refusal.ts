// Owns one word of the token endpoint: a client that may not use a grant is `unauthorized_client` (RFC 6749 §5.2),
// where oidc-provider says `invalid_request`.
import type Koa from 'koa'
import type { KoaContextWithOIDC } from 'oidc-provider'

/** Behind a provider. */
export async function grantRefusal(ctx: Koa.Context, next: Koa.Next): Promise<void> {
  await next()
  if (ctx.status !== 400 || ctx.path !== '/oauth2/token') return
  const { client, params } = (ctx as unknown as KoaContextWithOIDC).oidc
  const body: { error?: string } = Object(ctx.body)
  const grantType = params?.grant_type
  if (!client || typeof grantType !== 'string' || client.grantTypeAllowed(grantType)) return
  if (body.error === 'invalid_request') {
    ctx.body = {
      error: 'unauthorized_client',
      error_description: 'this client is not registered for that grant',
    }
  }
}
