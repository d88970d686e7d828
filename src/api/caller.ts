// Owns who asks the management API, as they are now, and how far their rights reach: a client's own token acts as an
// administrator of the installation, a person's within that person's own rights. What a route asks for is route.ts.
import type Koa from 'koa'
import { managementApi } from '../features/clients/first-party.ts'
import { AppError, forbidden, notFound } from '../kernel/errors.ts'
import type { Actor } from '../kernel/events.ts'
import type { Clock } from '../kernel/time.ts'
import type { AccessTokenClaims, ReadAccessToken } from '../oidc/access-tokens.ts'
import type { HolderCheck } from '../oidc/bound-tokens.ts'
import type { Resources } from '../oidc/resources.ts'
import type { StateOf } from '../oidc/token-state.ts'
import { type Presented, presentedOf, requireToken, type TokenRefusal } from '../web/auth.ts'

export type CallersDeps = {
  issuer: string
  read: () => ReadAccessToken
  stateOf: StateOf
  checkHolder: HolderCheck
  resources: Pick<Resources, 'find'>
  clock: Clock
}

export type Caller = {
  /** For the audit log. */
  actor: Actor
  /** Two callers never share one: limits, cursors and idempotency keys hang on it. */
  key: string
  scopes: ReadonlySet<string>
  /** The account that is all this caller may touch; nothing when they administer the installation. */
  ownAccount: string | undefined
  /** When the person signed in, in seconds since the epoch, as far as the token says it. */
  signedInAt?: number | undefined
}

/**
 * What a route asks of its caller, and how far it reaches: `installation` is for administrators alone; `account` is the
 * one that `:id` names, theirs and its own person's; `own` is narrowed by the handler to what belongs to the caller.
 */
export type Permission = { scope: string; reach: 'installation' | 'account' | 'own' }

export type Callers = ReturnType<typeof createCallers>

/** As the rules of teams ask: what a client may do there follows from the scopes of its token. */
export const scopedActor = ({ actor, scopes }: Caller): Actor =>
  actor.kind === 'client' ? { ...actor, scopes: [...scopes] } : actor

const invalidToken: TokenRefusal = { error: 'invalid_token' }

/** Where the metadata of RFC 9728 are: §3.1 puts the well-known part in front of the resource's path. */
export const resourceMetadataPath = '/.well-known/oauth-protected-resource/api/v1'

export function createCallers({ issuer, read, stateOf, checkHolder, resources, clock }: CallersDeps) {
  const audience = managementApi(issuer)
  const metadata = `resource_metadata="${issuer}${resourceMetadataPath}"`

  /** Whom a token stands for at this moment, whoever presents it. */
  async function find(token: string): Promise<{ caller: Caller; claims: AccessTokenClaims } | undefined> {
    const claims = read()(token)
    if (claims?.aud !== audience) return undefined
    const state = await stateOf(claims)
    if (!state) return undefined
    // What the client may ask for is looked up each time, so that taking an API away takes effect at once
    const open = await resources.find(audience, { clientId: claims.client_id })
    const scopes = new Set(claims.scope?.split(' ').filter((scope) => open?.scopes.has(scope)))
    const { account } = state
    if (!account) {
      const actor: Actor = { kind: 'client', id: claims.client_id }
      return { caller: { actor, key: claims.client_id, scopes, ownAccount: undefined }, claims }
    }
    const caller: Caller = {
      actor: { kind: 'account', id: account.id },
      key: `${claims.client_id} ${account.id}`,
      scopes,
      ownAccount: account.roles.includes('admin') ? undefined : account.id,
      signedInAt: typeof claims.auth_time === 'number' ? claims.auth_time : undefined,
    }
    return { caller, claims }
  }

  async function authenticate(ctx: Koa.Context, presented: Presented): Promise<Caller | TokenRefusal> {
    const found = await find(presented.token)
    if (!found) return invalidToken
    return (await checkHolder(ctx, presented, found.claims)) ?? found.caller
  }

  /** RFC 9728 §5.1: a refusal says where the metadata are. */
  const identify = (ctx: Koa.Context): Promise<Caller> =>
    requireToken(ctx, (presented) => authenticate(ctx, presented), metadata)

  /** Throws unless the token has the scope, and its caller the right to what the path names. */
  function assertMay(ctx: Koa.Context, caller: Caller, { scope, reach }: Permission): void {
    if (!caller.scopes.has(scope)) {
      // RFC 6750 §3.1
      ctx.set('WWW-Authenticate', `Bearer error="insufficient_scope", scope="${scope}", ${metadata}`)
      throw forbidden('insufficient_scope')
    }
    const { ownAccount } = caller
    if (ownAccount === undefined || reach === 'own') return
    if (reach === 'installation') throw forbidden()
    // Another's account is as unknown as one that never was
    if (ctx.params.id !== ownAccount) throw notFound('account_not_found')
  }

  /**
   * For an answer that goes on: asks anew, with nothing remembered, whether the token would be let in. That its
   * presenter holds it was shown once, with a proof that is good for one request.
   */
  function watch(ctx: Koa.Context, { scope, reach }: Permission): () => Promise<boolean> {
    const token = presentedOf(ctx)?.token ?? ''
    return async () => {
      const caller = (await find(token))?.caller
      return caller?.scopes.has(scope) === true && (reach === 'own' || caller.ownAccount === undefined)
    }
  }

  /** RFC 9470 §3. Behind a client's own token there is nobody who could sign in again. */
  function assertFresh(
    ctx: Koa.Context,
    { actor, signedInAt = 0 }: Caller,
    maxAge: number | undefined,
  ): void {
    if (maxAge === undefined || actor.kind === 'client' || clock.seconds() - signedInAt <= maxAge) return
    const error = 'insufficient_user_authentication'
    ctx.set('WWW-Authenticate', `Bearer error="${error}", max_age="${maxAge}", ${metadata}`)
    throw new AppError('unauthenticated', error)
  }

  return { identify, assertMay, assertFresh, watch }
}

/** Nobody hands on a scope of this API that they do not hold, neither to a client nor by taking one over. */
export function assertHolds({ scopes }: Caller, wanted: Iterable<string>): void {
  for (const scope of wanted) if (!scopes.has(scope)) throw forbidden()
}
