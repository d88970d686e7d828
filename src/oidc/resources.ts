// Owns resource indicators (RFC 8707): which API a client may ask for, with which scopes, and in what form.
import type { Client, KoaContextWithOIDC, ResourceServer } from 'oidc-provider'
import { errors } from 'oidc-provider'
import type { SigningAlg } from '../features/artifacts/signing-keys.ts'
import type { ProtocolApi } from '../features/clients/cache.ts'
import type { ProtocolClient } from '../features/clients/store.ts'
import { openidScopes } from './claims.ts'
import { isKeepable } from './parameters.ts'

export type ResourcesDeps = {
  accessTokenAlg: SigningAlg
  findClient: (clientId: string) => Promise<ProtocolClient | undefined>
  findApi: (identifier: string) => Promise<ProtocolApi | undefined>
}

/** What a client may have of an API; `scope` is the same as text. */
type ApiOfClient = { name: string; scopes: ReadonlySet<string>; scope: string }

function apiOfClient(name: string, listed: readonly string[]): ApiOfClient {
  const scopes = new Set(listed)
  return { name, scopes, scope: [...scopes].join(' ') }
}

export function createResources({ accessTokenAlg, findClient, findApi }: ResourcesDeps) {
  // As long as the cache of clients gives out the same one
  const listedOf = new WeakMap<ProtocolClient, Map<string, ApiOfClient>>()

  /** The APIs that name this client, by identifier. */
  function listedApis(client: ProtocolClient): Map<string, ApiOfClient> {
    let listed = listedOf.get(client)
    if (!listed) {
      const withScopes = client.apis.filter(({ scopes }) => scopes.length > 0)
      listed = new Map(
        withScopes.map(({ identifier, name, scopes }) => [identifier, apiOfClient(name, scopes)]),
      )
      listedOf.set(client, listed)
    }
    return listed
  }

  /** The API and the scopes this client may have of it; nothing when the API is closed to it. */
  async function find(
    identifier: string,
    client: Pick<Client, 'clientId'>,
  ): Promise<ApiOfClient | undefined> {
    if (!isKeepable(identifier)) return undefined
    const known = await findClient(client.clientId)
    const listed = known && listedApis(known).get(identifier)
    if (listed) return listed
    const api = await findApi(identifier)
    return api?.openToAll ? apiOfClient(api.name, api.scopes) : undefined
  }

  async function getResourceServerInfo(ctx: KoaContextWithOIDC, identifier: string, client: Client) {
    const found = await find(identifier, client)
    if (!found) throw new errors.InvalidTarget()
    assertSomeGranted(ctx, found.scopes)
    return {
      scope: found.scope,
      audience: identifier,
      accessTokenFormat: 'jwt',
      jwt: { sign: { alg: accessTokenAlg } },
    } satisfies ResourceServer
  }

  /** The client's default API when it names none; of several named, none can be told apart (one per token). */
  async function defaultResource(
    _ctx: KoaContextWithOIDC,
    client?: Client,
    oneOf?: readonly string[],
  ): Promise<string | readonly string[] | undefined> {
    if (oneOf) return oneOf.length === 1 ? oneOf[0] : oneOf
    const resource = client?.default_resource
    return typeof resource === 'string' ? resource : undefined
  }

  return { find, getResourceServerInfo, defaultResource, usesGrantedResource }
}

/**
 * A resource named at the authorization endpoint alone suffices. Only a refresh that asks for less (RFC 6749 §6), for
 * OpenID Connect and no scope of an API, is for userinfo: an app that has an API gets there in no other way.
 */
async function usesGrantedResource({ oidc }: KoaContextWithOIDC): Promise<boolean> {
  const { grant_type, scope } = oidc.params ?? {}
  if (grant_type !== 'refresh_token' || typeof scope !== 'string') return true
  const asked = scope.split(' ')
  return !asked.includes('openid') || !asked.every((name) => openidScopes.has(name))
}

/**
 * RFC 6749 §3.3: a token with less than was asked for must say so, which one without any scope cannot. People's
 * tokens have been through consent by then; a machine is told at once.
 */
function assertSomeGranted({ oidc }: KoaContextWithOIDC, granted: ReadonlySet<string>): void {
  const { grant_type, scope } = oidc.params ?? {}
  if (grant_type !== 'client_credentials' || typeof scope !== 'string' || scope === '') return
  if (!scope.split(' ').some((name) => granted.has(name)))
    throw new errors.InvalidScope('this client has none of these scopes at this API', scope)
}

export type Resources = ReturnType<typeof createResources>
