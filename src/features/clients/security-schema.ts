// Owns what a registration says about how a client proves itself and guards its requests, and what of it contradicts
// itself. The members are those of the standards; the rest of a registration is schema.ts.
import { z } from 'zod'
import { KeySet } from './client-keys.ts'
import { webAddress } from './web-address.ts'

/** What a client may sign with. */
export const signatureAlgs = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const

/** What is signed for it: there is a key of each in every installation. */
const ownAlgs = ['RS256', 'ES256', 'EdDSA'] as const

export const authMethods = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const
export type AuthMethod = (typeof authMethods)[number]

/** Members without a default, so that a client which uses none of this is kept as it always was. */
export const securityFields = {
  jwks: KeySet.optional(),
  jwks_uri: webAddress.optional(),
  token_endpoint_auth_signing_alg: z.enum(signatureAlgs).optional(),
  /** RFC 9126 §6. */
  require_pushed_authorization_requests: z.boolean().optional(),
  /** RFC 9101 §10.5. */
  require_signed_request_object: z.boolean().optional(),
  request_object_signing_alg: z.enum(signatureAlgs).optional(),
  /** JARM §3. */
  authorization_signed_response_alg: z.enum(ownAlgs).optional(),
  /** RFC 9701 §6. */
  introspection_signed_response_alg: z.enum(ownAlgs).optional(),
  /** RFC 9449 §5.2. */
  dpop_bound_access_tokens: z.boolean().optional(),
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
  const rules: [boolean, Member, string][] = [
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

const signsRequests = (client: SecurityMembers): boolean =>
  client.require_signed_request_object === true || client.request_object_signing_alg !== undefined

export const needsSecret = ({
  token_endpoint_auth_method,
}: {
  token_endpoint_auth_method: string
}): boolean =>
  token_endpoint_auth_method === 'client_secret_basic' || token_endpoint_auth_method === 'client_secret_post'
