// Owns rich authorization requests (RFC 9396): which details a client may ask for, what of them a code keeps, and what
// a token of one API shows. What fits a type is features/clients/authorization-details.ts.
import { isDeepStrictEqual } from 'node:util'
import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import { errors } from 'oidc-provider'
import {
  type Detail,
  detailProblem,
  type KnownDetailType,
} from '../features/clients/authorization-details.ts'

/** The details that a request names. Whatever they come from was validated, or is validated next. */
export function detailsIn(params: Record<string, unknown> | undefined): Detail[] {
  const { authorization_details: text } = params ?? {}
  return typeof text === 'string' ? JSON.parse(text) : []
}

function assertFits({ oidc }: KoaContextWithOIDC, { detail, client, known }: Asked): void {
  const problem = detailProblem(detail, known)
  if (problem) throw new errors.InvalidAuthorizationDetails(`a detail of ${known.type} ${problem}`)
  const resources = [oidc.params?.resource ?? client.default_resource ?? []].flat()
  if (!resources.includes(known.api))
    throw new errors.InvalidAuthorizationDetails(`${known.type} needs the resource ${known.api}`)
}

type Asked = { detail: Detail; client: Client; known: KnownDetailType }

type Find = (clientId: string) => Promise<Record<string, unknown> | undefined>

/**
 * oidc-provider refuses the whole client for a type that is no more. The same metadata get the same answer, since the
 * client that is built from them hangs on it.
 */
export function withKnownTypes(find: Find, known: readonly KnownDetailType[]): Find {
  // Without any type oidc-provider does not look at that member
  if (known.length === 0) return find
  const told = new WeakMap<object, Record<string, unknown>>()
  return async (clientId) => {
    const metadata = await find(clientId)
    const named = metadata?.authorization_details_types
    if (!metadata || !Array.isArray(named)) return metadata
    const before = told.get(metadata)
    if (before) return before
    const authorization_details_types = named.filter((name) => known.some(({ type }) => type === name))
    const complete = { ...metadata, authorization_details_types }
    told.set(metadata, complete)
    return complete
  }
}

type HoldsDetails = { rar?: readonly Detail[]; aud?: unknown; resourceServer?: { audience?: unknown } }

export function richRequests(known: readonly KnownDetailType[]) {
  const types = Object.fromEntries(
    known.map((type) => [
      type.type,
      {
        validate: (ctx: KoaContextWithOIDC, detail: Detail, client: Client) =>
          assertFits(ctx, { detail, client, known: type }),
      },
    ]),
  )
  const apiOf = new Map(known.map(({ type, api }) => [type, api]))

  /** RFC 9396 §6: a token request narrows; of what is left a token shows what is for its API. */
  function ofToken({ oidc }: KoaContextWithOIDC, token: HoldsDetails, source?: HoldsDetails): Detail[] {
    const asked = detailsIn(oidc.params)
    const held = source ? (source.rar ?? []) : asked
    if (!asked.every((detail) => held.some((each) => isDeepStrictEqual(each, detail))))
      throw new errors.InvalidAuthorizationDetails('what is asked for was not granted')
    const audience = token.resourceServer?.audience
    return (asked.length > 0 ? asked : [...held]).filter(({ type }) => apiOf.get(type) === audience)
  }

  return {
    enabled: known.length > 0,
    types,
    authorizationDetailsForGrantSource: ({ oidc }: KoaContextWithOIDC) => detailsIn(oidc.params),
    authorizationDetailsForAccessToken: (ctx: KoaContextWithOIDC, token: object, source?: object) =>
      ofToken(ctx, token, source),
    authorizationDetailsForIntrospection: (_ctx: KoaContextWithOIDC, { rar }: HoldsDetails) => rar,
  }
}
