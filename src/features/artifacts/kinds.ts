// Owns which kind of oidc-provider's models lives where, and what its payload may hold at rest.

/** Short-lived kinds that share the table `artifacts`. */
const shortLived = [
  'AccessToken',
  'AuthorizationCode',
  'ClientCredentials',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
  'PushedAuthorizationRequest',
  'InitialAccessToken',
  'RegistrationAccessToken',
] as const

export type ShortLivedKind = (typeof shortLived)[number]
export type Kind =
  | ShortLivedKind
  | 'Session'
  | 'Grant'
  | 'RefreshToken'
  | 'Interaction'
  | 'ReplayDetection'
  | 'Client'

/** A JWT access token that was revoked by itself, found by its `jti` until it expires. */
export const revokedJwt = 'RevokedJwt'

export function isShortLived(kind: string): kind is ShortLivedKind {
  return (shortLived as readonly string[]).includes(kind)
}

/** Kinds whose find brings company along, see reads.ts. */
export function isToken(kind: string): boolean {
  return kind === 'RefreshToken' || isShortLived(kind)
}

/** What oidc-provider saves and finds; the fields Foyer reads. */
export type Payload = {
  jti?: string
  kind?: string
  exp?: number
  iat?: number
  uid?: string
  accountId?: string
  clientId?: string
  grantId?: string
  sessionUid?: string
  expiresWithSession?: boolean
  consumed?: number | boolean
  authorizations?: Record<string, unknown>
  [member: string]: unknown
}

/** The payload without its bearer id and the code that a person types: both rest only as hashes. */
export function withoutId({ jti: _, userCode: __, ...payload }: Payload): Payload {
  if (payload.kind !== 'BackchannelAuthenticationRequest') return payload
  // The app is called with it: kept sealed by features/crossdevice
  const { client_notification_token: ___, ...params } = Object(payload.params)
  return { ...payload, params }
}
