// Owns the grant by which a workload becomes a client without holding a secret of ours (RFC 7523 §2.1): it brings what
// its own platform says of it, a CI job or a Kubernetes service account, and gets a token as for client_credentials.
import type { Client, KoaContextWithOIDC, Provider } from 'oidc-provider'
import { errors } from 'oidc-provider'
import { limits } from '../../config/limits.ts'
import type { Artifacts } from '../../features/artifacts/service.ts'
import type { AuditEvent } from '../../features/audit/service.ts'
import { jwtBearerGrant } from '../../features/clients/assertion-schema.ts'
import type { ProtocolClient } from '../../features/clients/store.ts'
import { type Clock, fromSeconds } from '../../kernel/time.ts'
import {
  type Assertion,
  assertInTime,
  assertMeant,
  assertSigned,
  nameOf,
  readAssertion,
} from '../assertion.ts'
import type { createAssertionKeys } from '../assertion-keys.ts'
import { assertTakesBearer } from '../policy.ts'
import type { Resources } from '../resources.ts'

const { InvalidGrant, InvalidRequest, InvalidScope, InvalidTarget } = errors

export type JwtBearerDeps = {
  issuer: string
  resources: Pick<Resources, 'getResourceServerInfo'>
  findClient: (clientId: string) => Promise<ProtocolClient | undefined>
  keysFor: ReturnType<typeof createAssertionKeys>
  artifacts: Pick<Artifacts, 'claimOnce'>
  clock: Clock
  record: (event: AuditEvent) => void
}

export function createJwtBearer(deps: JwtBearerDeps) {
  const { issuer, resources, findClient, keysFor, artifacts, clock, record } = deps
  /** RFC 7523 §3, point 3: the server by its name, or by the address that is asked. */
  const audiences = [issuer, `${issuer}/oauth2/token`]

  async function verified(text: unknown, clientId: string): Promise<Assertion> {
    if (typeof text !== 'string' || text === '')
      throw new InvalidRequest("missing required parameter 'assertion'")
    const assertion = readAssertion(text)
    const { claims } = assertion
    const trusted = (await findClient(clientId))?.metadata.assertion_issuers
    const by = trusted?.find((each) => each.issuer === claims.iss)
    // What Foyer signs says who somebody is to an app, and never who that app is
    if (!by || claims.iss === issuer)
      throw new InvalidGrant('the assertion is of an issuer that is not trusted')
    await assertSigned(assertion, by, keysFor)
    assertInTime(claims, clock.seconds())
    assertMeant(claims, by, audiences)
    return assertion
  }

  /** The API that is asked for, or the client's own, and the scopes of it that the client may have. */
  async function targetOf(ctx: KoaContextWithOIDC, client: Client) {
    const { resource, scope } = ctx.oidc.params ?? {}
    const identifier = resource ?? client.default_resource
    if (typeof identifier !== 'string') throw new InvalidTarget('name one API')
    const info = await resources.getResourceServerInfo(ctx, identifier, client)
    const allowed = info.scope.split(' ')
    const asked = typeof scope === 'string' && scope !== '' ? scope.split(' ') : allowed
    const granted = allowed.filter((name) => asked.includes(name))
    if (granted.length === 0)
      throw new InvalidScope('this client has none of these scopes at this API', String(scope))
    return { identifier, info, scope: granted.join(' ') }
  }

  async function spend(assertion: Assertion): Promise<void> {
    const until = fromSeconds(Number(assertion.claims.exp) + 2 * limits.clockToleranceSeconds)
    if (!(await artifacts.claimOnce(nameOf(assertion), until)))
      throw new InvalidGrant('the assertion was used before')
  }

  async function handler(ctx: KoaContextWithOIDC): Promise<void> {
    const { provider, params = {} } = ctx.oidc
    const client = ctx.oidc.client as Client
    assertTakesBearer(client)
    const assertion = await verified(params.assertion, client.clientId)
    const { identifier, info, scope } = await targetOf(ctx, client)
    // The last of what may refuse, so that a request that asks for too much spends nothing
    await spend(assertion)

    const token = new provider.ClientCredentials({ client, scope })
    token.resourceServer = new provider.ResourceServer(identifier, info)
    ctx.oidc.entity('ClientCredentials', token)
    ctx.body = {
      access_token: await token.save(),
      token_type: 'Bearer',
      expires_in: token.expiration,
      scope,
    }
    const { iss, sub } = assertion.claims
    record({
      type: 'token.asserted',
      actor: { kind: 'client', id: client.clientId },
      clientId: client.clientId,
      requestId: ctx.state.requestId,
      address: ctx.state.address,
      details: { issuer: String(iss), subject: String(sub), api: identifier, scope },
    })
  }

  return {
    register: (provider: Provider): void =>
      provider.registerGrantType(jwtBearerGrant, handler, ['assertion', 'scope', 'resource'], ['resource']),
  }
}

export type JwtBearer = ReturnType<typeof createJwtBearer>
