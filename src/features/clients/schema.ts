// Owns what a client's registration may say: OIDC Dynamic Client Registration 1.0 §2 and Foyer's extensions.
// Which redirect URIs are allowed is redirects.ts; whether a caller may register is decided before this.
import { z } from 'zod'
import { shownText } from '../../kernel/shown-text.ts'
import { assertionContradictions, assertionFields, jwtBearerGrant } from './assertion-schema.ts'
import { cibaContradictions, cibaFields, cibaGrant, deliveryModeOf } from './ciba-schema.ts'
import { deviceGrant, signsInElsewhere, tokenExchangeGrant } from './elsewhere-grants.ts'
import { fapiContradictions, fapiDefaults, isFapi2 } from './fapi.ts'
import { logoutContradictions, logoutFields } from './logout-schema.ts'
import { redirectProblem } from './redirects.ts'
import { sectorContradictions, sectorFields } from './sector-schema.ts'
import { authMethods, ownAlgs, securityContradictions, securityFields } from './security-schema.ts'
import { calledAddress, isWebAddress, webAddress } from './web-address.ts'

const grantTypes = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  deviceGrant,
  cibaGrant,
  tokenExchangeGrant,
  jwtBearerGrant,
] as const

const origin = z
  .string()
  .max(300)
  .refine(
    (text) => isWebAddress(text) && URL.parse(text)?.origin === text,
    'must be an origin as browsers send it, as in https://app.example',
  )

// RFC 6749 §3.3: scope-token.
const scope = z
  .string()
  .max(2000)
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/,
    'must be scopes with one space between them',
  )

// RFC 8707 §2: an absolute URI without a fragment.
const resource = z
  .string()
  .max(2048)
  .refine((text) => URL.canParse(text) && !text.includes('#'), 'must be an absolute URI without a fragment')

/** Who may use it, when that is not everybody; see access.ts. */
const access = z
  .strictObject({
    roles: z.array(z.string().max(40)).max(50).refine(isDistinct).default([]),
    teams: z.array(z.uuid()).max(50).refine(isDistinct).default([]),
  })
  .refine(({ roles, teams }) => roles.length + teams.length > 0, 'must name a role or a team')

const redirectUris = z.array(z.string()).max(20).refine(isDistinct, 'must not name the same address twice')

function isDistinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length
}

/** Each member by itself; what they refuse in the light of others is ClientMetadata. */
export const ClientFields = z.strictObject({
  client_name: shownText(200).optional(),
  application_type: z.enum(['web', 'native']).default('web'),
  redirect_uris: redirectUris.default([]),
  post_logout_redirect_uris: redirectUris.default([]),
  grant_types: z.array(z.enum(grantTypes)).min(1).refine(isDistinct).default(['authorization_code']),
  response_types: z.array(z.literal('code')).max(1).optional(),
  token_endpoint_auth_method: z.enum(authMethods).optional(),
  scope: scope.optional(),
  client_uri: webAddress.optional(),
  logo_uri: calledAddress.optional(),
  policy_uri: webAddress.optional(),
  tos_uri: webAddress.optional(),
  initiate_login_uri: webAddress.optional(),
  contacts: z.array(z.email().max(254)).max(10).optional(),
  default_max_age: z.int().min(0).max(31_536_000).optional(),
  require_auth_time: z.boolean().optional(),
  id_token_signed_response_alg: z.enum(ownAlgs).optional(),
  ...sectorFields,
  require_pkce: z.boolean().default(true),
  refresh_grace_seconds: z.int().min(0).max(60).optional(),
  first_party: z.boolean().default(false),
  /** Whether people may sign in to it by a mailed link or code; they may unless it says no. */
  email_methods: z.boolean().optional(),
  default_resource: resource.optional(),
  access: access.optional(),
  /** The only clients whose people's tokens it trades, besides those issued to it and those of APIs that it is. */
  token_exchange_clients: z.array(z.string().min(1).max(100)).max(50).refine(isDistinct).optional(),
  allowed_cors_origins: z.array(origin).max(20).refine(isDistinct).optional(),
  ...securityFields,
  ...logoutFields,
  ...assertionFields,
  ...cibaFields,
})

/** What holds where a registration says nothing, and names no profile that says otherwise. */
const plainDefaults = {
  token_endpoint_auth_method: 'client_secret_basic',
  id_token_signed_response_alg: 'RS256',
  refresh_grace_seconds: 10,
} as const

function withDefaults(given: z.output<typeof ClientFields>) {
  return { ...plainDefaults, ...(isFapi2(given) && fapiDefaults(given)), ...given }
}

type Fields = ReturnType<typeof withDefaults>

/** What a field refuses in the light of others. */
export const ClientMetadata = ClientFields.transform(withDefaults)
  .superRefine((client, context) => {
    const refuse = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message })

    for (const member of ['redirect_uris', 'post_logout_redirect_uris'] as const) {
      for (const [index, uri] of client[member].entries()) {
        const problem = redirectProblem(uri, client.application_type)
        if (problem) refuse([member, index], problem)
      }
    }
    const contradicted = [
      ...contradictions(client),
      ...securityContradictions(client),
      ...fapiContradictions(client),
      ...assertionContradictions(client),
      ...cibaContradictions(client),
      ...logoutContradictions(client),
      ...sectorContradictions(client),
    ]
    for (const [member, message] of contradicted) refuse([member], message)
  })
  .transform((client) => ({
    ...client,
    ...deliveryModeOf(client),
    response_types: client.grant_types.includes('authorization_code') ? ['code'] : [],
  }))
export type ClientMetadata = z.output<typeof ClientMetadata>

function contradictions(client: Fields): [keyof Fields, string][] {
  const grants: readonly string[] = client.grant_types
  const isPublic = client.token_endpoint_auth_method === 'none'
  const usesCode = grants.includes('authorization_code')
  const bringsRefresh = usesCode || signsInElsewhere(grants)
  const rules: [boolean, keyof Fields, string][] = [
    [usesCode && client.redirect_uris.length === 0, 'redirect_uris', 'must name at least one address'],
    [
      !usesCode && client.response_types?.length === 1,
      'response_types',
      'needs the authorization_code grant',
    ],
    [usesCode && client.response_types?.length === 0, 'response_types', 'must be ["code"] with that grant'],
    // RFC 6749 §4.4: only confidential clients
    [isPublic && grants.includes('client_credentials'), 'grant_types', 'client_credentials needs a secret'],
    [isPublic && grants.includes(tokenExchangeGrant), 'grant_types', 'token-exchange needs a secret or keys'],
    [
      client.token_exchange_clients !== undefined && !grants.includes(tokenExchangeGrant),
      'token_exchange_clients',
      `needs the grant ${tokenExchangeGrant}`,
    ],
    [
      grants.includes('refresh_token') && !bringsRefresh,
      'grant_types',
      'refresh_token needs a person to sign in',
    ],
    [isPublic && !client.require_pkce, 'require_pkce', 'must be true for a client without a secret'],
  ]
  return rules.filter(([broken]) => broken).map(([, member, message]) => [member, message])
}
