// Owns what a registration says about asking people without a browser (CIBA §4), and what of it contradicts itself.
import { z } from 'zod'
import { signatureAlgs } from './client-keys.ts'
import { calledAddress } from './web-address.ts'

export const cibaGrant = 'urn:openid:params:grant-type:ciba'

/** Members without a default, so that a client which uses none of this is kept as it always was. */
export const cibaFields = {
  backchannel_token_delivery_mode: z.enum(['poll', 'ping']).optional(),
  backchannel_client_notification_endpoint: calledAddress.optional(),
  /** People have no code of their own for this; a mail and a sign-in stand for it. */
  backchannel_user_code_parameter: z.literal(false).optional(),
  /** With it every request is signed (§7.1.1). */
  backchannel_authentication_request_signing_alg: z.enum(signatureAlgs).optional(),
}

const CibaFields = z.object(cibaFields)
type Registration = z.output<typeof CibaFields> & {
  grant_types: readonly string[]
  token_endpoint_auth_method: string
  jwks?: unknown
  jwks_uri?: string | undefined
}
type Member = keyof z.output<typeof CibaFields> | 'grant_types' | 'jwks'

export function cibaContradictions(client: Registration): [Member, string][] {
  const asks = client.grant_types.includes(cibaGrant)
  const mode = client.backchannel_token_delivery_mode
  const endpoint = client.backchannel_client_notification_endpoint
  const signs = client.backchannel_authentication_request_signing_alg !== undefined
  const hasKeys = client.jwks !== undefined || client.jwks_uri !== undefined
  const rules: [boolean, Member, string][] = [
    // CIBA §7.1: the client authenticates
    [
      asks && client.token_endpoint_auth_method === 'none',
      'grant_types',
      `${cibaGrant} needs a secret or keys`,
    ],
    [!asks && mode !== undefined, 'backchannel_token_delivery_mode', `needs the grant ${cibaGrant}`],
    [
      mode === 'ping' && endpoint === undefined,
      'backchannel_client_notification_endpoint',
      'must be there for ping',
    ],
    [
      mode !== 'ping' && endpoint !== undefined,
      'backchannel_client_notification_endpoint',
      'is called for ping alone',
    ],
    [!asks && signs, 'backchannel_authentication_request_signing_alg', `needs the grant ${cibaGrant}`],
    [signs && !hasKeys, 'jwks', 'must be there, or jwks_uri: signed requests need keys'],
  ]
  return rules.filter(([broken]) => broken).map(([, member, message]) => [member, message])
}

/** CIBA §4 wants a mode to be registered; polling is what every client can do. */
export const deliveryModeOf = ({ grant_types, backchannel_token_delivery_mode: mode }: Registration) =>
  grant_types.includes(cibaGrant) ? { backchannel_token_delivery_mode: mode ?? ('poll' as const) } : {}
