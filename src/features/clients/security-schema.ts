// Owns what a registration says about how a client proves itself and guards its requests, and what of it contradicts
// itself. The members are those of the standards; the rest of a registration is schema.ts.
import { z } from 'zod'
import type { FieldError } from '../../kernel/errors.ts'
import { KeySet, signatureAlgs } from './client-keys.ts'
import { calledAddress } from './web-address.ts'

/** What is signed for it: there is a key of each in every installation. */
export const ownAlgs = ['RS256', 'ES256', 'EdDSA'] as const

export const authMethods = [
  'none',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
] as const
export type AuthMethod = (typeof authMethods)[number]

const subjects = [
  'tls_client_auth_subject_dn',
  'tls_client_auth_san_dns',
  'tls_client_auth_san_uri',
  'tls_client_auth_san_ip',
  'tls_client_auth_san_email',
] as const
export type SubjectMember = (typeof subjects)[number]

const subject = z
  .string()
  .min(1)
  .max(1000)
  .refine((text) => !/\p{Cc}/u.test(text), 'must not contain control characters')

/** Members without a default, so that a client which uses none of this is kept as it always was. */
export const securityFields = {
  /** FAPI 2.0 Security Profile, all of it: fapi.ts. */
  profile: z.literal('fapi2').optional(),
  jwks: KeySet.optional(),
  jwks_uri: calledAddress.optional(),
  token_endpoint_auth_signing_alg: z.enum(signatureAlgs).optional(),
  /** RFC 9126 §6. */
  require_pushed_authorization_requests: z.boolean().optional(),
  /** RFC 9396 §10: those it may ask for; none unless they are named. */
  authorization_details_types: z.array(z.string().min(1).max(200)).max(50).optional(),
  /** RFC 9101 §10.5. */
  require_signed_request_object: z.boolean().optional(),
  request_object_signing_alg: z.enum(signatureAlgs).optional(),
  /** JARM §3. */
  authorization_signed_response_alg: z.enum(ownAlgs).optional(),
  /** RFC 9701 §6. */
  introspection_signed_response_alg: z.enum(ownAlgs).optional(),
  /** OIDC Core §5.3.2: userinfo as a JWT. */
  userinfo_signed_response_alg: z.enum(ownAlgs).optional(),
  /** RFC 9449 §5.2. */
  dpop_bound_access_tokens: z.boolean().optional(),
  /** RFC 8705 §2.1.2: whom the certificate names; one of them. */
  tls_client_auth_subject_dn: subject.optional(),
  tls_client_auth_san_dns: subject.optional(),
  tls_client_auth_san_uri: subject.optional(),
  tls_client_auth_san_ip: subject.optional(),
  tls_client_auth_san_email: subject.optional(),
  /** RFC 8705 §3.4. */
  tls_client_certificate_bound_access_tokens: z.boolean().optional(),
  /** Its proofs must carry a nonce of this server at the token endpoint (RFC 9449 §8). */
  require_dpop_nonce: z.boolean().optional(),
}

const SecurityFields = z.object(securityFields)
export type SecurityMembers = z.output<typeof SecurityFields>
type Registration = SecurityMembers & { token_endpoint_auth_method: AuthMethod }
type Member = keyof Registration

export function securityContradictions(client: Registration): [Member, string][] {
  const { token_endpoint_auth_method: method } = client
  const hasKeys = client.jwks !== undefined || client.jwks_uri !== undefined
  const named = subjects.filter((member) => client[member] !== undefined)
  const usesAuthority = method === 'tls_client_auth'
  const rules: [boolean, Member, string][] = [
    // RFC 8705 §2.1.2
    [
      usesAuthority && named.length !== 1,
      'tls_client_auth_subject_dn',
      'must be there, or one of its kin, once',
    ],
    [!usesAuthority && named.length > 0, named[0] ?? subjects[0], 'needs tls_client_auth'],
    [
      method === 'self_signed_tls_client_auth' && !hasKeys,
      'jwks',
      'must be there, or jwks_uri: with the certificate in x5c',
    ],
    [
      client.dpop_bound_access_tokens === true && client.tls_client_certificate_bound_access_tokens === true,
      'dpop_bound_access_tokens',
      'must not stand beside tls_client_certificate_bound_access_tokens',
    ],
    // RFC 7591 §2
    [client.jwks !== undefined && client.jwks_uri !== undefined, 'jwks_uri', 'must not stand beside jwks'],
    [
      method === 'private_key_jwt' && !hasKeys,
      'jwks',
      'must be there, or jwks_uri: private_key_jwt needs keys',
    ],
    [!hasKeys && signsRequests(client), 'jwks', 'must be there, or jwks_uri: signed requests need keys'],
    [
      method !== 'private_key_jwt' && client.token_endpoint_auth_signing_alg !== undefined,
      'token_endpoint_auth_signing_alg',
      'needs private_key_jwt',
    ],
  ]
  return rules.filter(([broken]) => broken).map(([, member, message]) => [member, message])
}

/** What this installation lacks for a client; nothing when it can serve it. */
export function missingFor(
  client: {
    token_endpoint_auth_method: AuthMethod
    tls_client_certificate_bound_access_tokens?: boolean | undefined
  },
  offer: CertificateOffer,
): FieldError | undefined {
  const { token_endpoint_auth_method: method } = client
  if (method === 'tls_client_auth' && !offer.hasAuthorities)
    return { pointer: '/token_endpoint_auth_method', code: 'invalid', detail: needsAuthority }
  if (method === 'self_signed_tls_client_auth' && !offer.isOffered)
    return { pointer: '/token_endpoint_auth_method', code: 'invalid', detail: needsHeader }
  if (client.tls_client_certificate_bound_access_tokens && !offer.isOffered)
    return { pointer: '/tls_client_certificate_bound_access_tokens', code: 'invalid', detail: needsHeader }
  return undefined
}

/** Whether certificates of clients arrive, and whether an authority vouches for them. */
export type CertificateOffer = { isOffered: boolean; hasAuthorities: boolean }

export const certificateOffer = (declared: { authorities: string[] } | undefined): CertificateOffer => ({
  isOffered: declared !== undefined,
  hasAuthorities: (declared?.authorities.length ?? 0) > 0,
})

const needsHeader = 'No certificate arrives here: FOYER_CLIENT_CERTIFICATE_HEADER is not set.'
const needsAuthority = 'Nobody vouches for certificates here: FOYER_CLIENT_CERTIFICATE_CA is not set.'

const signsRequests = (client: SecurityMembers): boolean =>
  client.require_signed_request_object === true || client.request_object_signing_alg !== undefined

export const needsSecret = ({
  token_endpoint_auth_method,
}: {
  token_endpoint_auth_method: string
}): boolean =>
  token_endpoint_auth_method === 'client_secret_basic' || token_endpoint_auth_method === 'client_secret_post'
