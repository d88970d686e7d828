// Owns asking a provider for its own discovery document, by a request that no network carries.
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type Koa from 'koa'
import compose from 'koa-compose'
import type { Provider } from 'oidc-provider'
import { firstPartyGrant } from '../features/clients/first-party.ts'

/** What the provider answers at its discovery endpoint, under the origin that is pinned on the app. */
export async function discover(app: Koa, provider: Provider): Promise<{ issuer: string }> {
  const request = new IncomingMessage(new Socket())
  request.method = 'GET'
  request.url = '/.well-known/openid-configuration'
  const ctx = app.createContext(request, new ServerResponse(request))
  await (compose(provider.middleware) as Koa.Middleware)(ctx as Koa.Context, async () => undefined)
  if (typeof ctx.body !== 'object' || ctx.body === null)
    throw new Error('the provider has no discovery document')
  const { grant_types_supported = [], ...rest }: { grant_types_supported?: string[] } = ctx.body
  // One of them no request from outside may use, so nobody is told of it.
  const grants = grant_types_supported.filter((grant) => grant !== firstPartyGrant)
  const document = {
    ...rest,
    grant_types_supported: grants,
    // The library says so of every provider with CIBA; none of our people has such a code (CIBA Core 1.0 §7.1).
    ...('backchannel_authentication_endpoint' in rest && {
      backchannel_user_code_parameter_supported: false,
    }),
    issuer: provider.issuer,
  }
  return document
}
