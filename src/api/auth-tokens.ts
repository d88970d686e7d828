// Owns the ways to tokens and back: register, sign in, refresh, sign out.
import type Koa from 'koa'
import type { Registration } from '../features/accounts/registration-service.ts'
import type { Authn, Refused } from '../features/authn/service.ts'
import type { Sessions } from '../features/sessions/service.ts'
import { AppError, invalidCredentials } from '../kernel/errors.ts'
import type { TokenDesk } from '../oidc/token-desk.ts'
import { addressPrefix } from '../web/address.ts'
import { parse, readJson } from '../web/input.ts'
import { blocked, codeSpent, type DoorContext, originOf, wrongCode } from './auth-context.ts'
import { readFlow, writeFlow } from './auth-flow.ts'
import { Confirm, Login, Logout, Refresh, Register } from './auth-schema.ts'

export type TokenRoutesDeps = {
  door: DoorContext
  authn: Pick<Authn, 'provePassword'>
  registration: Pick<Registration, 'begin' | 'confirm'>
  sessions: Pick<Sessions, 'end'>
  desk: Pick<TokenDesk, 'refresh'>
  /** Keeps the session that is refreshed alive. */
  touchSession: (uid: string) => void
  languageOf: (ctx: Koa.Context) => string
}

export function createTokenRoutes(deps: TokenRoutesDeps) {
  const { door, registration, desk } = deps

  async function register(ctx: Koa.Context): Promise<void> {
    const { resource, email, password, username, name } = parse(Register, await readJson(ctx))
    await door.assertOpen(resource)
    const begun = await registration.begin(
      {
        email,
        password,
        language: deps.languageOf(ctx),
        ...(username !== undefined && { username }),
        ...(name !== undefined && { name }),
      },
      originOf(ctx),
    )
    if (begun.outcome === 'created') {
      return door.welcome(ctx, { method: 'pwd', accountId: begun.account.id }, { resource, status: 201 })
    }
    ctx.status = 202
    ctx.body = { flow: writeFlow(begun.flow, resource) }
  }

  async function confirm(ctx: Koa.Context): Promise<void> {
    const body = parse(Confirm, await readJson(ctx))
    const { flow, resource } = readFlow(body.flow)
    await door.assertOpen(resource)
    const confirmed = await registration.confirm({ flow }, body.code, originOf(ctx))
    switch (confirmed.outcome) {
      case 'created':
        return door.welcome(
          ctx,
          { method: 'pwd', accountId: confirmed.account.id },
          { resource, status: 201 },
        )
      case 'wrong':
        throw wrongCode()
      case 'blocked':
        throw blocked(confirmed)
      case 'gone':
        throw codeSpent()
    }
  }

  async function login(ctx: Koa.Context): Promise<void> {
    const { resource, email, username, password } = parse(Login, await readJson(ctx))
    await door.assertOpen(resource)
    const proved = await deps.authn.provePassword({
      identifier: email ?? username ?? '',
      password,
      addressPrefix: addressPrefix(ctx.state.address),
      ...door.proofOrigin(ctx),
    })
    if (proved.outcome !== 'signed_in') throw refusalOf(proved)
    await door.issue(ctx, proved, { resource })
  }

  async function refresh(ctx: Koa.Context): Promise<void> {
    const token = parse(Refresh, await readJson(ctx))
    if (token === '') throw new AppError('unauthenticated', 'invalid_token')
    const refreshed = await desk.refresh(ctx, token)
    if (refreshed.sessionUid !== undefined) deps.touchSession(refreshed.sessionUid)
    door.answerTokens(ctx, refreshed)
  }

  /** The refresh token that may come along needs no look: it hangs on the session that ends. */
  async function logout(ctx: Koa.Context): Promise<void> {
    const { accountId, sessionUid } = await door.person(ctx)
    if (hasBody(ctx)) parse(Logout, await readJson(ctx))
    const { requestId, address } = ctx.state
    try {
      await deps.sessions.end(accountId, sessionUid, { requestId, address })
    } catch (error) {
      // Signed out by another request at the same moment
      if (!(error instanceof AppError) || error.kind !== 'not_found') throw error
    }
    ctx.body = { status: 'signed_out' }
  }

  return { register, confirm, login, refresh, logout }
}

const refusalOf = (refused: Refused): Error =>
  refused.outcome === 'limited' ? blocked(refused) : invalidCredentials()

const hasBody = (ctx: Koa.Context): boolean =>
  Number(ctx.get('Content-Length')) > 0 || ctx.get('Transfer-Encoding') !== ''
