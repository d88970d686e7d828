// Owns the metadata of the management API as a protected resource (RFC 9728): which issuer its tokens come from, and
// with which scopes.
import type Koa from 'koa'
import { managementApi, managementScopes } from '../features/clients/first-party.ts'
import { proofAlgs } from '../oidc/dpop-proof.ts'
import { allowCrossOrigin } from '../web/headers.ts'
import { resourceMetadataPath } from './caller.ts'

const maxAgeSeconds = 300

export function resourceMetadata({ issuer }: { issuer: string }): Koa.Middleware {
  const document = {
    resource: managementApi(issuer),
    authorization_servers: [issuer],
    jwks_uri: `${issuer}/oauth2/jwks`,
    scopes_supported: managementScopes,
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: proofAlgs,
    resource_name: 'Foyer management',
    resource_documentation: `${issuer}/api/docs`,
  }
  return async function resourceMetadata(ctx, next) {
    if (ctx.path !== resourceMetadataPath || !['GET', 'HEAD'].includes(ctx.method)) return next()
    ctx.state.route = resourceMetadataPath
    ctx.set('Cache-Control', `public, max-age=${maxAgeSeconds}`)
    ctx.set('Access-Control-Allow-Origin', '*')
    allowCrossOrigin(ctx)
    ctx.body = document
  }
}
