// Owns the grant by which the JSON door gets tokens for somebody it has just signed in. It answers only requests that
// this process made of itself, since the proof travels beside the request and not in it.
import type { IncomingMessage } from 'node:http'
import type { KoaContextWithOIDC, Provider, ResourceServer } from 'oidc-provider'
import { errors } from 'oidc-provider'
import { firstPartyGrant } from '../../features/clients/first-party.ts'
import type { createClaims } from '../claims.ts'
import type { Resources } from '../resources.ts'

/** Who signed in, how, and when (epoch seconds). */
export type FirstPartyProof = { accountId: string; amr: string[]; acr: string; authTime: number }

export type FirstPartyGrantDeps = {
  claims: Pick<ReturnType<typeof createClaims>, 'findAccount'>
  resources: Pick<Resources, 'getResourceServerInfo'>
  /** How long a session lives that nobody refreshes. */
  sessionTtlSeconds: number
}

/** What oidc-provider's token has that its types leave out: it dies with the session. */
type Bound = { sessionUid: string; sid: string | undefined; expiresWithSession: true }

export function createFirstPartyGrant({ claims, resources, sessionTtlSeconds }: FirstPartyGrantDeps) {
  const proofs = new WeakMap<IncomingMessage, FirstPartyProof>()

  function provenBy(ctx: KoaContextWithOIDC): FirstPartyProof {
    const proof = proofs.get(ctx.req)
    if (!proof) throw new errors.UnsupportedGrantType()
    return proof
  }

  /** The API asked for, or the client's own (RFC 8707 §2.2). */
  async function apiOf(ctx: KoaContextWithOIDC): Promise<{ identifier: string; info: ResourceServer }> {
    const { client, params } = ctx.oidc
    const identifier = params?.resource ?? client?.default_resource
    if (!client || typeof identifier !== 'string') throw new errors.InvalidTarget()
    return { identifier, info: await resources.getResourceServerInfo(ctx, identifier, client) }
  }

  /** A session of its own for every sign-in: it has no cookie, and its tokens are good as long as it is there. */
  async function openSession(
    ctx: KoaContextWithOIDC,
    proof: FirstPartyProof,
    grantId: string,
  ): Promise<Bound> {
    const { provider, client } = ctx.oidc
    const clientId = String(client?.clientId)
    const session = new provider.Session()
    const { accountId, amr, acr, authTime } = proof
    session.loginAccount({ accountId, amr, acr, loginTs: authTime })
    session.ensureClientContainer(clientId)
    session.grantIdFor(clientId, grantId)
    await session.save(sessionTtlSeconds)
    return { sessionUid: session.uid, sid: session.sidFor(clientId), expiresWithSession: true }
  }

  async function handler(ctx: KoaContextWithOIDC): Promise<void> {
    const proof = provenBy(ctx)
    const { provider, client } = ctx.oidc
    const { accountId, amr, acr, authTime } = proof
    const { identifier, info } = await apiOf(ctx)
    const account = await claims.findAccount(ctx, accountId)
    if (!account || !client) throw new errors.InvalidGrant('the account is not active')
    ctx.oidc.entity('Account', account)

    const grant = new provider.Grant({ accountId, clientId: client.clientId })
    grant.addResourceScope(identifier, info.scope)
    // The owner's own API reads them in the token; /auth/me tells whoever holds it anyway
    const isNamed = ctx.oidc.params?.resource !== undefined
    if (isNamed) grant.addOIDCScope('roles')
    const grantId = await grant.save()
    ctx.oidc.entity('Grant', grant)
    const bound = await openSession(ctx, proof, grantId)

    const common = { accountId, client, grantId, gty: firstPartyGrant, ...bound }
    const accessToken = new provider.AccessToken(common)
    accessToken.resourceServer = new provider.ResourceServer(identifier, info)
    accessToken.scope = grant.getResourceScopeFiltered(identifier, info.scope.split(' '))
    ctx.oidc.entity('AccessToken', accessToken)

    const refreshToken = new provider.RefreshToken({
      ...common,
      amr,
      acr,
      authTime,
      resource: identifier,
      scope: isNamed ? `${info.scope} roles` : info.scope,
      rotations: 0,
    })
    ctx.oidc.entity('RefreshToken', refreshToken)
    ctx.body = {
      access_token: await accessToken.save(),
      refresh_token: await refreshToken.save(),
      expires_in: accessToken.expiration,
      token_type: 'Bearer',
      scope: accessToken.scope,
    }
  }

  return {
    /** Lets this one request use the grant. */
    admit: (request: IncomingMessage, proof: FirstPartyProof): void => void proofs.set(request, proof),
    register: (provider: Provider): void =>
      provider.registerGrantType(firstPartyGrant, handler, ['resource'], ['resource']),
  }
}

export type FirstPartyGrant = ReturnType<typeof createFirstPartyGrant>
