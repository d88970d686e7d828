// Owns the management API and the client of the JSON door, as they are in every installation from its first start on.
// The client is a row like others, so that an API with a list of clients can name it; it follows this file.

/** The grant by which the JSON door gets tokens. No request that comes over a network may use it. */
export const firstPartyGrant = 'urn:foyer:params:oauth:grant-type:first-party'
/** It has no secret at rest: nobody can authenticate as it from outside. */
export const firstPartyClient = 'foyer-first-party'

/** `<issuer>/api/v1`: the audience of tokens for Foyer's own API. */
export const managementApi = (issuer: string): string => `${issuer}/api/v1`
export const managementScopes = [
  'users:read',
  'users:write',
  'teams:read',
  'teams:write',
  'clients:read',
  'clients:write',
  'roles:read',
  'roles:write',
  'sessions:read',
  'sessions:write',
  'audit:read',
  'webhooks:write',
  'keys:rotate',
]

/** OIDC client metadata. Its grant is no choice of anybody who registers a client, so schema.ts does not know it. */
export const firstPartyMetadata = {
  client_name: 'First-party sign-in',
  application_type: 'web',
  redirect_uris: [],
  post_logout_redirect_uris: [],
  grant_types: [firstPartyGrant, 'refresh_token'],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_post',
  id_token_signed_response_alg: 'RS256',
  subject_type: 'public',
  require_pkce: true,
} as const
