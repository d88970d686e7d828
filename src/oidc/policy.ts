// Owns when the person is asked, and what a client may have: prompts, grants, lifetimes, PKCE, rotation.
import type { Client, Configuration, Grant, KoaContextWithOIDC } from 'oidc-provider'
import { errors, interactionPolicy } from 'oidc-provider'
import { limits } from '../config/limits.ts'
import type { Config } from '../config/schema.ts'
import { acrValues, isByMailAlone } from '../features/authn/next-step.ts'
import type { ClientAccess } from '../features/clients/access.ts'
import { askTtlSeconds } from './ciba.ts'

/** The owner's own app: what it asks for is granted without a question. */
export const isFirstParty = (client: Client | undefined): boolean => client?.first_party === true

/** Whom a client is for; everybody when nothing is said. */
export const accessOf = (client: Client | undefined): ClientAccess | undefined =>
  client?.access as ClientAccess | undefined

/** Somebody is signed in whom the client is not for: they are told so, and go back with `access_denied`. */
export const accessPrompt = 'access'
const isTurnedAway = ({ oidc }: KoaContextWithOIDC): boolean => oidc.account?.admitted === false
const notForThem = new interactionPolicy.Check(
  'not_admitted',
  'the client is not open to this person',
  'access_denied',
  isTurnedAway,
)

/** The app wants the person to say which of their accounts it is; whoever has signed in on the way has said so. */
export const selectPrompt = 'select_account'
const notSelected = new interactionPolicy.Check(
  'not_selected',
  'the person is asked which account it is',
  'account_selection_required',
  ({ oidc }) => oidc.promptPending(selectPrompt) && oidc.result?.login === undefined,
)

/** Where a person signs in: asked for, or come to by another choice. */
export const isSignIn = (prompt: string | undefined): boolean => prompt === 'login' || prompt === selectPrompt

function selectAccount(): interactionPolicy.Prompt {
  const prompt = new interactionPolicy.Prompt({ name: selectPrompt, requestable: true }, notSelected)
  prompt.checks.remove('select_account_prompt')
  return prompt
}

/**
 * RFC 9470 §5: a level that no sign-in here reaches is refused, or the person would be asked again without end.
 */
const reachableLevel = new interactionPolicy.Check('level', 'the level is not offered', ({ oidc }) => {
  const { essential, value, values } = (oidc.claims.id_token?.acr ?? {}) as AcrRequest
  const wanted = [value ?? [], values ?? []].flat()
  if (essential && wanted.length > 0 && !wanted.some((acr) => acrValues.includes(acr)))
    throw new errors.UnmetAuthenticationRequirements('none of these levels of authentication is offered')
  return false
})

/** A session that began with a mail is no sign-in for a client that takes none (`email_methods: false`). */
const notByMail = new interactionPolicy.Check(
  'mail',
  'the client takes no sign-in by mail',
  'login_required',
  ({ oidc }) => oidc.client?.email_methods === false && isByMailAlone(oidc.amr),
)

type AcrRequest = { essential?: boolean; value?: string; values?: string[] }

/**
 * Third parties meet the consent page at every interactive request. One that asks for `prompt=none` is answered
 * from what was granted before, so that it can renew in silence.
 */
export function prompts(): NonNullable<NonNullable<Configuration['interactions']>['policy']> {
  const policy = interactionPolicy.base()
  const consent = policy.get('consent')
  if (!consent) throw new Error('oidc-provider has no consent prompt')
  policy.get('login')?.checks.add(reachableLevel, 0)
  policy.get('login')?.checks.add(notByMail)
  policy.add(new interactionPolicy.Prompt({ name: accessPrompt }, notForThem), 1)
  policy.add(selectAccount(), 0)
  consent.checks.remove('native_client_prompt')
  consent.checks.add(
    new interactionPolicy.Check(
      'third_party',
      'the person is asked each time',
      'consent_required',
      ({ oidc }) => {
        const answered = oidc.result?.consent !== undefined
        const asksNothing = isFirstParty(oidc.client) || oidc.prompts.has('none')
        return !answered && !asksNothing
      },
    ),
  )
  return policy
}

/** First-party clients are granted what they ask for; others what the person allowed before. */
export async function loadExistingGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { client, session, result, provider } = ctx.oidc
  if (!client || !session?.accountId) return undefined

  const grantId = result?.consent?.grantId ?? session.grantIdFor(client.clientId)
  const existing = grantId ? await provider.Grant.find(grantId) : undefined
  const usable = existing?.accountId === session.accountId ? existing : undefined
  if (!isFirstParty(client) || isTurnedAway(ctx)) return usable

  const grant = usable ?? new provider.Grant({ accountId: session.accountId, clientId: client.clientId })
  if (!extend(ctx, grant) && usable) return usable
  await grant.save()
  return grant
}

/** Adds all that the request asks for. Says whether that was more than the grant held. */
function extend(ctx: KoaContextWithOIDC, grant: Grant): boolean {
  const { oidc } = ctx
  const before = JSON.stringify([grant.openid, grant.resources])
  if (oidc.requestParamOIDCScopes.size > 0) grant.addOIDCScope([...oidc.requestParamOIDCScopes].join(' '))
  if (oidc.requestParamClaims.size > 0) grant.addOIDCClaims([...oidc.requestParamClaims])
  for (const [identifier, server] of Object.entries(oidc.resourceServers ?? {})) {
    const scopes = [...oidc.requestParamScopes].filter((scope) => server.scopes.has(scope))
    if (scopes.length > 0) grant.addResourceScope(identifier, scopes.join(' '))
  }
  return JSON.stringify([grant.openid, grant.resources]) !== before
}

/** A first-party client with the refresh grant needs no `offline_access`; a third party does. */
export async function issueRefreshToken(
  _ctx: KoaContextWithOIDC,
  client: Client,
  source: { scopes: Set<string> },
): Promise<boolean> {
  return (
    client.grantTypeAllowed('refresh_token') && (isFirstParty(client) || source.scopes.has('offline_access'))
  )
}

/** RFC 9700 §2.1.1: PKCE for every client, unless its registration says otherwise and it can keep a secret. */
export function pkceRequired(_ctx: KoaContextWithOIDC, client: Client): boolean {
  return client.clientAuthMethod === 'none' || client.require_pkce !== false
}

/** Redeeming anything twice ends its grant; revoking one access token ends only that one (RFC 7009 §2.1). */
export function revokeGrantPolicy(ctx: KoaContextWithOIDC): boolean {
  return !(ctx.oidc.route === 'revocation' && ctx.oidc.entities.AccessToken)
}

/** RFC 9449, RFC 8705: a grant whose tokens have no holder gives nothing to a client of bound tokens alone. */
export function assertTakesBearer(client: Client): void {
  if (client.dpopBoundAccessTokens || client.tlsClientCertificateBoundAccessTokens)
    throw new errors.InvalidRequest('this client takes bound tokens alone, which this grant does not give')
}

type TokenOfApi = { resourceServer?: { accessTokenTTL?: number | undefined } }

export function lifetimes(config: Config): NonNullable<Configuration['ttl']> {
  const accessToken = (_ctx: unknown, token: TokenOfApi) =>
    token.resourceServer?.accessTokenTTL ?? config.accessTokenTtlSeconds
  return {
    AccessToken: accessToken,
    ClientCredentials: accessToken,
    AuthorizationCode: limits.authorizationCodeTtlSeconds,
    RefreshToken: config.refreshTokenTtlSeconds,
    DeviceCode: limits.deviceCodeTtlSeconds,
    BackchannelAuthenticationRequest: askTtlSeconds,
    IdToken: limits.idTokenTtlSeconds,
    Interaction: limits.interactionTtlSeconds,
    Session: limits.sessionTtlSeconds,
    Grant: limits.grantTtlSeconds,
  }
}

/** Opaque tokens belong to no API: only the confidential client they were issued to sees their state. */
export const mayIntrospect =
  (isAdmitted: (client: Client, accountId: string | undefined) => Promise<boolean>) =>
  async (_ctx: unknown, client: Client, token: { clientId?: string; accountId?: string }): Promise<boolean> =>
    client.clientAuthMethod !== 'none' &&
    token.clientId === client.clientId &&
    // Of another client's token nothing is told, so this one's rule is the token's
    isAdmitted(client, token.accountId)

/** RFC 7009 §2.1: a client revokes what was issued to it. */
export async function mayRevoke(_ctx: unknown, client: Client, token: { clientId?: string | undefined }) {
  if (token.clientId === client.clientId) return true
  // A public client proves nothing, so it is not told whose token that is.
  if (client.clientAuthMethod === 'none') return false
  throw new errors.InvalidRequest('client is not authorized to revoke the presented token')
}

/** Origins a client named, and those of its redirect URIs when it runs in browsers. */
export function mayCallFrom(client: Client, origin: string | undefined): boolean {
  if (origin === undefined || origin === '') return false
  const named = Array.isArray(client.allowed_cors_origins) ? client.allowed_cors_origins : []
  if (named.includes(origin)) return true
  const runsInBrowsers = client.clientAuthMethod === 'none' && client.applicationType === 'web'
  return runsInBrowsers && (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === origin)
}
