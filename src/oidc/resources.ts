// Owns resource indicators (RFC 8707): which API a client may ask for, with which scopes, and in what form.
import type { Client, KoaContextWithOIDC, ResourceServer } from 'oidc-provider'
import { errors } from 'oidc-provider'
import type { SigningAlg } from '../features/artifacts/signing-keys.ts'
import type { ProtocolApi } from '../features/clients/cache.ts'
import type { ProtocolClient } from '../features/clients/store.ts'
import { isKeepable } from './parameters.ts'

export type ResourcesDeps = {
  accessTokenAlg: SigningAlg
  findClient: (clientId: string) => Promise<ProtocolClient | undefined>
  findApi: (identifier: string) => Promise<ProtocolApi | undefined>
}

export function createResources({ accessTokenAlg, findClient, findApi }: ResourcesDeps) {
  /** The API and the scopes this client may have of it; nothing when the API is closed to it. */
  async function find(
    identifier: string,
    client: Pick<Client, 'clientId'>,
  ): Promise<{ name: string; scopes: Set<string> } | undefined> {
    if (!isKeepable(identifier)) return undefined
    const listed = (await findClient(client.clientId))?.apis.find((api) => api.identifier === identifier)
    if (listed && listed.scopes.length > 0) return { name: listed.name, scopes: new Set(listed.scopes) }
    const api = await findApi(identifier)
    if (!api) return undefined
    return api.openToAll ? { name: api.name, scopes: new Set(api.scopes) } : undefined
  }

  async function getResourceServerInfo(ctx: KoaContextWithOIDC, identifier: string, client: Client) {
    const found = await find(identifier, client)
    if (!found) throw new errors.InvalidTarget()
    assertSomeGranted(ctx, found.scopes)
    return {
      scope: [...found.scopes].join(' '),
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

  return { find, getResourceServerInfo, defaultResource }
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
