// Owns introspection (RFC 7662) and revocation (RFC 7009) of JWT access tokens. oidc-provider authenticates the
// client and then refuses structured tokens; the refusal is where this begins.
import type Koa from 'koa'
import type { Client, OIDCContext } from 'oidc-provider'
import type { Artifacts } from '../features/artifacts/service.ts'
import type { ProtocolClient } from '../features/clients/store.ts'
import { permissionsOf } from '../features/teams/policy.ts'
import type { Clock } from '../kernel/time.ts'
import { type AccessTokenClaims, looksLikeJwt, type ReadAccessToken } from './access-tokens.ts'
import { signIntrospection } from './signed-answers.ts'
import type { StateOf } from './token-state.ts'

export type StructuredTokensDeps = {
  artifacts: Pick<Artifacts, 'revokeJwt'>
  stateOf: StateOf
  findClient: (clientId: string) => Promise<ProtocolClient | undefined>
  read: () => ReadAccessToken
  clock: Clock
}

const paths = { introspect: '/oauth2/introspect', revoke: '/oauth2/revoke' }

export function structuredTokens({
  artifacts,
  stateOf,
  findClient,
  read,
  clock,
}: StructuredTokensDeps): Koa.Middleware {
  /** A client sees its own tokens and those of the APIs it serves; a public client sees none. */
  async function maySee(client: Client, claims: AccessTokenClaims): Promise<boolean> {
    if (client.clientAuthMethod === 'none') return false
    if (claims.client_id === client.clientId) return true
    const asker = await findClient(client.clientId)
    return asker?.apis.some((api) => api.serves && api.identifier === claims.aud) ?? false
  }

  async function introspect(
    client: Client,
    claims: AccessTokenClaims | undefined,
  ): Promise<Record<string, unknown>> {
    if (!claims || !(await maySee(client, claims))) return { active: false }
    const state = await stateOf(claims)
    if (!state) return { active: false }
    const { person, account } = state
    return {
      ...claims,
      // As they are now: a role that was taken away is gone from the next answer on.
      ...(person && 'roles' in claims && { roles: person.roles }),
      ...(person && 'teams' in claims && { teams: person.teams }),
      ...(account && 'permissions' in claims && { permissions: permissionsOf(account) }),
      active: true,
      token_type: claims.cnf?.jkt === undefined ? 'Bearer' : 'DPoP',
    }
  }

  function revoke(ctx: Koa.Context, client: Client, claims: AccessTokenClaims | undefined): void {
    const isOwn = claims?.client_id === client.clientId
    // As for opaque tokens, see mayRevoke: a public client is not told that the token is another's.
    if (claims && !isOwn && client.clientAuthMethod !== 'none') {
      ctx.status = 400
      const error_description = 'client is not authorized to revoke the presented token'
      ctx.body = { error: 'invalid_request', error_description }
      return
    }
    if (claims && isOwn && claims.exp > clock.seconds()) artifacts.revokeJwt(claims.jti, claims.exp)
    ctx.status = 200
    ctx.body = ''
  }

  async function answerForStructured(ctx: Koa.Context, next: Koa.Next): Promise<void> {
    await next()
    const isIntrospection = ctx.path === paths.introspect
    const refusal = ctx.body as { error?: string } | undefined
    const oidc: OIDCContext | undefined = refusal?.error === 'unsupported_token_type' ? ctx.oidc : undefined
    const token = oidc?.params?.token
    if (!oidc?.client || typeof token !== 'string') return

    const claims = looksLikeJwt(token) ? read()(token) : undefined
    if (!isIntrospection) return revoke(ctx, oidc.client, claims)
    ctx.status = 200
    await signIntrospection(ctx, await introspect(oidc.client, claims))
  }

  return function structuredTokens(ctx, next) {
    const { path } = ctx
    return path === paths.introspect || path === paths.revoke ? answerForStructured(ctx, next) : next()
  }
}
