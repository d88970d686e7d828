// Owns how a stored client is told to oidc-provider: its registration, and beside it what Foyer's policies ask.
import { jwtBearerGrant } from '../features/clients/assertion-schema.ts'
import { cibaGrant } from '../features/clients/ciba-schema.ts'
import { deviceGrant, tokenExchangeGrant } from '../features/clients/elsewhere-grants.ts'
import { firstPartyGrant } from '../features/clients/first-party.ts'
import { needsSecret } from '../features/clients/security-schema.ts'
import type { ProtocolClient } from '../features/clients/store.ts'
import type { Clock } from '../kernel/time.ts'
import { openidScopes } from './claims.ts'

/** Grants that this version serves; a registration may name others for later. */
const served = new Set<string>([
  'authorization_code',
  'refresh_token',
  'client_credentials',
  deviceGrant,
  cibaGrant,
  firstPartyGrant,
  tokenExchangeGrant,
  jwtBearerGrant,
])

/** oidc-provider wants to hold a secret; it is compared by overrides.ts, with the hashes beside it. */
const secretElsewhere = 'kept as a hash'
/** It wants to hold an https address for pings too; they are sent by features/crossdevice, to the one registered. */
const pingedElsewhere = 'https://pinged-by-foyer.invalid/'

/** And to read the document of a sector each time; it was read when the client was registered. */
const sectorElsewhere = 'https://sector-read-by-foyer.invalid/'

export type ClientMetadataDeps = {
  findClient: (clientId: string) => Promise<ProtocolClient | undefined>
  clock: Clock
}

/**
 * What oidc-provider takes as client metadata, or nothing for a client that is not enabled. The same object until
 * the client is read again or one of its secrets ends, so that overrides.ts knows the client built from it.
 */
export function createClientMetadata({ findClient, clock }: ClientMetadataDeps) {
  const told = new WeakMap<ProtocolClient, { metadata: Record<string, unknown>; until: number }>()

  return async function findMetadata(clientId: string): Promise<Record<string, unknown> | undefined> {
    const client = await findClient(clientId)
    if (!client?.enabled) return undefined
    const now = clock.millis()
    const known = told.get(client)
    if (known && now < known.until) return known.metadata

    const liveSecrets = client.secrets.filter((secret) => endOf(secret) > now)
    const metadata = metadataOf(client, liveSecrets)
    told.set(client, { metadata, until: Math.min(...liveSecrets.map(endOf)) })
    return metadata
  }
}

type Secret = ProtocolClient['secrets'][number]

const endOf = ({ expires_at }: Secret): number => expires_at?.getTime() ?? Number.POSITIVE_INFINITY

function metadataOf(client: ProtocolClient, liveSecrets: Secret[]): Record<string, unknown> {
  const { sector_identifier_uri: _, ...metadata } = client.metadata
  const hashes = liveSecrets.map(({ hash }) => hash.toString('base64'))
  return {
    ...metadata,
    client_id: client.id,
    ...(metadata.scope !== undefined && { scope: toldScope(metadata.scope) }),
    grant_types: metadata.grant_types.filter((grant) => served.has(grant)),
    ...(metadata.backchannel_client_notification_endpoint !== undefined && {
      backchannel_client_notification_endpoint: pingedElsewhere,
    }),
    ...(metadata.subject_type === 'pairwise' && { sector_identifier_uri: sectorElsewhere }),
    first_party: client.first_party,
    // Its ID tokens have a `sid` then, as its logout tokens do; for the front channel overrides.ts sees to it
    ...(metadata.backchannel_logout_uri !== undefined && { backchannel_logout_session_required: true }),
    self_registered: client.self_registered,
    from_document: client.from_document,
    ...(client.default_resource !== null && { default_resource: client.default_resource }),
    ...(needsSecret(metadata) && {
      client_secret: secretElsewhere,
      secret_hashes: hashes,
    }),
  }
}

/**
 * oidc-provider knows the scopes of OpenID Connect and refuses a client that names others, though it holds clients to
 * the former alone: which scopes of an API a client may have is said with the API. One without any would be held to
 * nothing.
 */
function toldScope(scope: string): string {
  const own = scope.split(' ').filter((name) => openidScopes.has(name))
  return own.length > 0 ? own.join(' ') : 'openid'
}

/** A client as pages name it, with where it starts. */
export type AppInfo = { name: string; uri?: string; initiateLoginUri?: string }

export function appOf(client: ProtocolClient | undefined): AppInfo | undefined {
  if (!client) return undefined
  const { client_name, client_uri, initiate_login_uri } = client.metadata
  return {
    name: client_name ?? client.id,
    ...(client_uri !== undefined && { uri: client_uri }),
    ...(initiate_login_uri !== undefined && { initiateLoginUri: initiate_login_uri }),
  }
}

/** Where the client itself begins a sign-in (OIDC Core §4), or its start page. */
export function startOf({ initiateLoginUri, uri }: AppInfo, issuer: string): string | undefined {
  if (initiateLoginUri === undefined) return uri
  const start = new URL(initiateLoginUri)
  start.searchParams.set('iss', issuer)
  return start.href
}
