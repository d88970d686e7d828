// Owns what a registration says of how people are named to a client (OIDC Core §8), and what of it contradicts itself.
// The names themselves are oidc/subjects.ts.
import { z } from 'zod'
import { signsInElsewhere, takesTokensOfOthers } from './elsewhere-grants.ts'
import { isLoopback } from './redirects.ts'
import { calledAddress } from './web-address.ts'

export const sectorFields = {
  subject_type: z.enum(['public', 'pairwise']).default('public'),
  sector_identifier_uri: calledAddress.optional(),
}

export type SectorMembers = {
  subject_type: 'public' | 'pairwise'
  sector_identifier_uri?: string | undefined
  grant_types: readonly string[]
  redirect_uris: readonly string[]
  jwks_uri?: string | undefined
}
type Registration = SectorMembers & { application_type: string; token_endpoint_auth_method: string }
type Member = 'sector_identifier_uri' | 'jwks_uri' | 'token_endpoint_auth_method'

const usesCode = ({ grant_types }: SectorMembers): boolean => grant_types.includes('authorization_code')
/** A person signs in elsewhere, so that no redirect shows who the client is: its keys do (CIBA §4). */
export const isTrustedByKeys = ({ grant_types }: SectorMembers): boolean => signsInElsewhere(grant_types)

/** What stands behind a scheme of an app's own is no host: whoever claims the scheme writes there what they like. */
function hostOf(uri: string): string | undefined {
  const url = URL.parse(uri)
  return url && /^https?:$/.test(url.protocol) ? url.hostname : undefined
}

/** §8.1: clients with the same sector know a person by the same name. None, where a registration shows no host. */
export function sectorOf(client: SectorMembers): string | undefined {
  const { sector_identifier_uri: named, redirect_uris, jwks_uri } = client
  if (named !== undefined) return hostOf(named)
  const shown = usesCode(client) ? redirect_uris[0] : isTrustedByKeys(client) ? jwks_uri : undefined
  return shown === undefined ? undefined : hostOf(shown)
}

/** Whether the redirect URIs show by themselves whose client it is: one host, which no other app has too. */
function isShownByRedirects(client: Registration): boolean {
  const [host, ...others] = new Set(client.redirect_uris.map(hostOf))
  if (host === undefined || others.length > 0) return false
  return client.application_type !== 'native' || !isLoopback(host)
}

function isSectorShown(client: Registration): boolean {
  if (client.sector_identifier_uri !== undefined) return true
  // It hears the name without a code ever going to the redirect
  if (takesTokensOfOthers(client.grant_types)) return false
  // With both, the host of one would stand for whoever holds the other
  if (usesCode(client)) return !isTrustedByKeys(client) && isShownByRedirects(client)
  return sectorOf(client) !== undefined
}

const byKeys = ['private_key_jwt', 'self_signed_tls_client_auth']

export function sectorContradictions(client: Registration): [Member, string][] {
  if (client.subject_type !== 'pairwise') return []
  const needsKeys = isTrustedByKeys(client)
  const rules: [boolean, Member, string][] = [
    [
      !isSectorShown(client),
      'sector_identifier_uri',
      'must be there for pairwise subjects: the other members show no single host',
    ],
    [
      needsKeys && client.jwks_uri === undefined,
      'jwks_uri',
      'must be there for pairwise subjects without redirects',
    ],
    [
      needsKeys && !byKeys.includes(client.token_endpoint_auth_method),
      'token_endpoint_auth_method',
      `must be ${byKeys.join(' or ')} for pairwise subjects without redirects`,
    ],
  ]
  return rules.filter(([broken]) => broken).map(([, member, message]) => [member, message])
}
