// Owns which claims go where: scopes → claims, the account oidc-provider asks for, and what JWT access tokens carry.
import type { Account, Client, KoaContextWithOIDC } from 'oidc-provider'
import { type Claims, claimsOf } from '../features/accounts/claims.ts'
import type { Artifacts } from '../features/artifacts/service.ts'
import { admits } from '../features/clients/access.ts'
import type { ProtocolClient } from '../features/clients/store.ts'
import { permissionsOf } from '../features/teams/policy.ts'
import { isId } from '../kernel/secrets.ts'
import type { Standing } from './access-tokens.ts'
import { accessOf } from './policy.ts'
import type { VeiledSessions } from './veiled-sessions.ts'

/** OIDC Core §5.4, and Foyer's own `teams` and `roles`. */
export const claimsOfScopes = {
  // In ID tokens the library gives the claims of `openid` alone; findAccount leaves out what was not granted.
  openid: ['sub', 'teams', 'roles'],
  profile: [
    'name',
    'family_name',
    'given_name',
    'middle_name',
    'nickname',
    'preferred_username',
    'profile',
    'picture',
    'website',
    'gender',
    'birthdate',
    'zoneinfo',
    'locale',
    'updated_at',
  ],
  email: ['email', 'email_verified'],
  phone: ['phone_number', 'phone_number_verified'],
  address: ['address'],
  teams: ['teams'],
  roles: ['roles'],
}

/** What is not of an API. */
export const openidScopes: ReadonlySet<string> = new Set([...Object.keys(claimsOfScopes), 'offline_access'])

const ownScopes = ['teams', 'roles'] as const

/** oidc-provider picks from these by scope and by the claims parameter. */
function claimsFor(claims: Claims, scope: string, requested: object): Claims {
  const granted = scope.split(' ')
  const kept = { ...claims }
  for (const name of ownScopes) if (!granted.includes(name) && !(name in requested)) delete kept[name]
  return kept
}

/** Of all that the person ever granted the app, what the token that is about to leave was asked for with. */
function scopesOf({ oidc }: KoaContextWithOIDC): Set<string> {
  const { AuthorizationCode, RefreshToken, Grant } = oidc.entities
  const asked = oidc.params?.scope ? oidc.requestParamScopes : (AuthorizationCode ?? RefreshToken)?.scopes
  const granted = Grant?.getOIDCScope().split(' ') ?? []
  return new Set(granted.filter((scope) => asked?.has(scope)))
}

/** When and how the person signed in (RFC 9068 §2.2.1): what an API may ask for anew (RFC 9470). */
function signInOf({ oidc }: KoaContextWithOIDC): { auth_time?: number; acr?: string } {
  const { AuthorizationCode, RefreshToken, DeviceCode, BackchannelAuthenticationRequest } = oidc.entities
  const source = AuthorizationCode ?? RefreshToken ?? DeviceCode ?? BackchannelAuthenticationRequest
  return {
    ...(source?.authTime !== undefined && { auth_time: source.authTime }),
    ...(source?.acr !== undefined && { acr: source.acr }),
  }
}

type TokenOfGrant = Partial<Standing> & { expiresWithSession?: boolean; client?: Client }

/** A token for offline access outlives the session it came from. */
function plainStandingOf(token: TokenOfGrant): Standing | undefined {
  const { grantId, sessionUid, expiresWithSession } = token
  if (grantId === undefined) return undefined
  return { grantId, ...(expiresWithSession && { sessionUid }) }
}

/** Where the prompt `access` says why, see policy.ts. */
const tellsThePerson = new Set(['authorization', 'resume', 'code_verification', 'device_resume'])

export type ClaimsDeps = {
  artifacts: Pick<Artifacts, 'accountOf'>
  findClient: (clientId: string) => Promise<Pick<ProtocolClient, 'apis'> | undefined>
  veil: VeiledSessions['veil']
}

export function createClaims({ artifacts, findClient, veil }: ClaimsDeps) {
  /**
   * What oidc-provider knows of a person. Nobody, when the account is gone or not active, or when the client is not for
   * them: so no grant, refresh or userinfo gives anything.
   */
  async function findAccount(ctx: KoaContextWithOIDC, accountId: string): Promise<Account | undefined> {
    // A hint may hold the name by which one client knows a person (subjects.ts)
    if (!isId(accountId)) return undefined
    const account = await artifacts.accountOf(accountId)
    if (account?.status !== 'active') return undefined
    const { client, route } = ctx.oidc
    const admitted = admits(accessOf(client), account)
    if (!admitted && !tellsThePerson.has(route)) return undefined
    return {
      accountId,
      admitted,
      claims: async (_use, scope, requested) => claimsFor(claimsOf(account), scope, requested),
    }
  }

  /** Whether the client that a token was issued to is still for the person whose token it is. */
  async function isAdmitted(client: Client, accountId: string | undefined): Promise<boolean> {
    const access = accessOf(client)
    if (!access || accountId === undefined) return true
    const account = await artifacts.accountOf(accountId)
    return account !== undefined && admits(access, account)
  }

  async function asksForPermissions({ oidc }: KoaContextWithOIDC, aud: string): Promise<boolean> {
    const client = oidc.client && (await findClient(oidc.client.clientId))
    return client?.apis.find(({ identifier }) => identifier === aud)?.wantsPermissions === true
  }

  /**
   * Of a JWT access token: the sign-in behind it; `teams` and `roles`, when the person granted those scopes; and
   * `permissions`, where the API asks for them.
   */
  async function extraTokenClaims(
    ctx: KoaContextWithOIDC,
    token: object,
  ): Promise<Record<string, unknown> | undefined> {
    const { accountId, aud } = token as { accountId?: string; aud?: string }
    if (accountId === undefined || aud === undefined) return undefined
    const granted = scopesOf(ctx)
    const wantsPermissions = await asksForPermissions(ctx, aud)
    const signIn = signInOf(ctx)
    if (!wantsPermissions && !ownScopes.some((scope) => granted.has(scope))) return signIn
    const account = await artifacts.accountOf(accountId)
    if (!account) return undefined
    const { roles, teams } = claimsOf(account)
    return {
      ...signIn,
      ...(granted.has('roles') && { roles }),
      ...(granted.has('teams') && { teams }),
      ...(wantsPermissions && { permissions: permissionsOf(account) }),
    }
  }

  /** As the token says it. */
  function standingOf(token: TokenOfGrant): Standing | undefined {
    const standing = plainStandingOf(token)
    return standing && token.client?.subjectType === 'pairwise' ? veil(standing) : standing
  }

  return { findAccount, isAdmitted, extraTokenClaims, standingOf }
}
