// Owns what `profile: fapi2` turns on in a registration, and what of it contradicts the FAPI 2.0 Security Profile.
// What the protocol demands of such a client at each request is src/oidc.
import type { SecurityMembers } from './security-schema.ts'

/** FAPI 2.0 §5.4.1: PS256, ES256 and EdDSA. */
export const fapiAlgs: readonly string[] = ['PS256', 'ES256', 'EdDSA']
const provenBy: readonly string[] = ['private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth']

export type ProfiledMembers = SecurityMembers & {
  application_type: 'web' | 'native'
  redirect_uris: string[]
  token_endpoint_auth_method: string
  id_token_signed_response_alg: string
  backchannel_authentication_request_signing_alg?: string | undefined
  refresh_grace_seconds: number
  require_pkce: boolean
}

type Given = Partial<ProfiledMembers>

export const isFapi2 = (client: object | undefined): boolean =>
  client !== undefined && 'profile' in client && client.profile === 'fapi2'

/** What holds where a registration with the profile says nothing. */
export function fapiDefaults(given: Given) {
  const method = given.token_endpoint_auth_method ?? 'private_key_jwt'
  const byCertificate = method !== 'private_key_jwt' && given.dpop_bound_access_tokens !== true
  const bound = given.tls_client_certificate_bound_access_tokens ?? byCertificate
  return {
    token_endpoint_auth_method: 'private_key_jwt',
    id_token_signed_response_alg: 'ES256',
    authorization_signed_response_alg: 'ES256',
    introspection_signed_response_alg: 'ES256',
    refresh_grace_seconds: 0,
    require_pushed_authorization_requests: true,
    ...(bound ? { tls_client_certificate_bound_access_tokens: true } : { dpop_bound_access_tokens: true }),
  } as const
}

export function fapiContradictions(client: ProfiledMembers): [keyof ProfiledMembers, string][] {
  if (!isFapi2(client)) return []
  const isBound =
    client.dpop_bound_access_tokens === true || client.tls_client_certificate_bound_access_tokens === true
  const rules: [boolean, keyof ProfiledMembers, string][] = [
    // §5.3.2.1
    [
      !provenBy.includes(client.token_endpoint_auth_method),
      'token_endpoint_auth_method',
      'must be private_key_jwt or by certificate with this profile',
    ],
    [
      !isBound,
      'dpop_bound_access_tokens',
      'must be true with this profile, or tokens be bound to a certificate',
    ],
    // §5.3.2.2
    [
      client.require_pushed_authorization_requests !== true,
      'require_pushed_authorization_requests',
      'must be true with this profile',
    ],
    [!client.require_pkce, 'require_pkce', 'must be true with this profile'],
    [
      !client.redirect_uris.every((uri) => isSafe(uri, client)),
      'redirect_uris',
      'must be https with this profile',
    ],
    [client.refresh_grace_seconds !== 0, 'refresh_grace_seconds', 'must be 0 with this profile'],
    ...signing(client),
  ]
  return rules.filter(([broken]) => broken).map(([, member, message]) => [member, message])
}

const signed = [
  'id_token_signed_response_alg',
  'authorization_signed_response_alg',
  'introspection_signed_response_alg',
  'userinfo_signed_response_alg',
  'token_endpoint_auth_signing_alg',
  'request_object_signing_alg',
  'backchannel_authentication_request_signing_alg',
] as const

/** §5.4.1 */
const signing = (client: ProfiledMembers): [boolean, keyof ProfiledMembers, string][] =>
  signed.map((member) => {
    const alg = client[member]
    return [
      alg !== undefined && !fapiAlgs.includes(alg),
      member,
      'must be PS256, ES256 or EdDSA with this profile',
    ]
  })

/** Only an app on a device may be answered over http, on its own loopback (RFC 8252 §7.3). */
const isSafe = (uri: string, { application_type }: ProfiledMembers): boolean =>
  !uri.startsWith('http:') || application_type === 'native'
