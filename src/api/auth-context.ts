// Owns what every request of the JSON door begins with: where it comes from, which language its sender reads, whom
// its token speaks for, and how a pair of tokens is answered.
import type Koa from 'koa'
import type { Claims } from '../features/accounts/claims.ts'
import type { AccountSnapshot } from '../features/artifacts/reads.ts'
import type { Authn, SignedIn } from '../features/authn/service.ts'
import type { Origin } from '../features/challenges/schema.ts'
import { firstPartyClient } from '../features/clients/first-party.ts'
import { AppError, type FieldError, invalidInput, rateLimited, refusedPassword } from '../kernel/errors.ts'
import { type ReadAccessToken, standingOf } from '../oidc/access-tokens.ts'
import type { Resources } from '../oidc/resources.ts'
import type { TokenDesk, TokenPair } from '../oidc/token-desk.ts'
import type { StateOf } from '../oidc/token-state.ts'
import { addressPrefix } from '../web/address.ts'
import { type Bearer, requireBearer } from '../web/auth.ts'
import { receiveBody } from '../web/input.ts'

export type DoorContextDeps = {
  authn: Pick<Authn, 'signIn'>
  desk: TokenDesk
  resources: Pick<Resources, 'find'>
  read: () => ReadAccessToken
  stateOf: StateOf
  deviceCookie: { read(ctx: Koa.Context): string | undefined; write(ctx: Koa.Context, value: string): void }
}

/** Whom a token of this door speaks for, as they are now. */
export type Person = Bearer & { sessionUid: string; claims: Claims; account: AccountSnapshot }

export type DoorContext = ReturnType<typeof createDoorContext>

export const originOf = (ctx: Koa.Context): Origin => ({
  address: ctx.state.address,
  addressPrefix: addressPrefix(ctx.state.address),
  requestId: ctx.state.requestId,
  device: ctx.get('User-Agent'),
})

/** Refused, since another code or mail is due first. */
export const blocked = ({ retryAfterSeconds }: { retryAfterSeconds: number }) =>
  rateLimited(retryAfterSeconds)
export const wrongCode = () => new AppError('unauthenticated', 'invalid_code')
export const codeSpent = () => new AppError('gone', 'code_spent')

export function createDoorContext(deps: DoorContextDeps) {
  const { authn, desk, resources, deviceCookie } = deps

  /** Only tokens that this door gave, whatever API they are for: another app's may not act on the account itself. */
  async function authenticate(token: string): Promise<Person | undefined> {
    const claims = deps.read()(token)
    if (claims?.client_id !== firstPartyClient) return undefined
    const state = await deps.stateOf(claims)
    const sessionUid = standingOf(claims.jti)?.sessionUid
    if (!state?.person || !state.account || sessionUid === undefined) return undefined
    const scopes = new Set(claims.scope?.split(' '))
    const { person, account } = state
    return { accountId: account.id, sessionUid, scopes, claims: person, account }
  }

  /** Said before anything is spent: an API that is not open to this door is no reason to use up a code. */
  async function assertOpen(resource: string | undefined): Promise<void> {
    if (resource === undefined) return
    if (!(await resources.find(resource, { clientId: firstPartyClient }))) throw invalidInput([closedApi])
  }

  function answerTokens(ctx: Koa.Context, pair: TokenPair, status = 200): void {
    ctx.status = status
    ctx.body = {
      access_token: pair.accessToken,
      refresh_token: pair.refreshToken,
      token_type: 'bearer',
      expires_in: pair.expiresInSeconds,
    }
  }

  /** The one way to tokens: a session of its own, in the unit of work of this request. */
  async function issue(
    ctx: Koa.Context,
    { done, deviceCookie: cookie }: SignedIn,
    { resource, status = 200 }: { resource?: string | undefined; status?: number },
  ): Promise<void> {
    const { accountId, amr, acr, authTime } = done
    const pair = await desk.mint(ctx, { accountId, amr, acr, authTime }, resource)
    deviceCookie.write(ctx, cookie)
    answerTokens(ctx, pair, status)
  }

  const proofOrigin = (ctx: Koa.Context) => ({
    address: ctx.state.address,
    requestId: ctx.state.requestId,
    deviceCookie: deviceCookie.read(ctx),
  })

  /** Signs in whom a service has just proved, and answers their tokens. */
  async function welcome(
    ctx: Koa.Context,
    { method, accountId }: { method: 'pwd' | 'email'; accountId: string },
    options: { resource?: string | undefined; status?: number },
  ): Promise<void> {
    await issue(ctx, authn.signIn(method, accountId, proofOrigin(ctx)), options)
  }

  async function person(ctx: Koa.Context): Promise<Person> {
    await receiveBody(ctx)
    return requireBearer(ctx, authenticate)
  }

  return {
    person,
    proofOrigin,
    assertOpen,
    answerTokens,
    issue,
    welcome,
  }
}

const closedApi: FieldError = {
  pointer: '/resource',
  code: 'invalid_target',
  detail: 'Name an API that is open to first-party apps, or leave it out.',
}

/** The policy speaks of `/password`; of a body with another name for it, RFC 6901 wants that one said. */
export async function aboutNewPassword<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (error) {
    const refusal = error instanceof AppError ? error.details.errors?.[0] : undefined
    throw refusal?.pointer === '/password' ? refusedPassword({ ...refusal, pointer: '/new_password' }) : error
  }
}
