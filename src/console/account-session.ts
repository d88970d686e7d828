// Owns who the pages about an account belong to: the person signed in in this browser. Whoever is not is sent through
// sign-in as a client of ourselves, and so is, before what is dangerous, whoever proved it too long ago.
import { createHash } from 'node:crypto'
import type Koa from 'koa'
import type { Account } from '../features/accounts/schema.ts'
import type { Accounts } from '../features/accounts/service.ts'
import type { Origin } from '../features/challenges/schema.ts'
import { accountCallback, accountClient } from '../features/clients/built-in.ts'
import { AppError } from '../kernel/errors.ts'
import { randomToken } from '../kernel/secrets.ts'
import { type Clock, minutes } from '../kernel/time.ts'
import { addressPrefix } from '../web/address.ts'
import { receiveBody } from '../web/input.ts'

export type AccountSessionDeps = {
  issuer: string
  clock: Clock
  accounts: Pick<Accounts, 'getActive'>
  sessionOf: (
    ctx: Koa.Context,
  ) => Promise<{ uid: string; accountId: string; authTime: number; securityEpoch: number } | undefined>
}

/** Whose page it is, and where the request comes from. */
export type Visitor = { account: Account; sessionUid: string; origin: Origin }

export type Guard = {
  /** The page that is shown after signing in: a form that is posted is typed again. */
  page: string
  /** Only shortly after signing in. */
  fresh?: boolean
  /** Whoever is signed in signs in once more, perhaps as somebody else. */
  anew?: boolean
}

export type AccountSession = ReturnType<typeof createAccountSession>

const freshForSeconds = minutes(10) / 1000

export function createAccountSession({ issuer, clock, accounts, sessionOf }: AccountSessionDeps) {
  function sendToSignIn(ctx: Koa.Context, { page, fresh, anew }: Guard): void {
    const target = new URL(`${issuer}/oauth2/authorize`)
    target.search = new URLSearchParams({
      client_id: accountClient,
      redirect_uri: accountCallback(issuer),
      response_type: 'code',
      scope: 'openid',
      state: page,
      // The code is never redeemed, since the session says all that is needed: so nobody ever knows the verifier.
      code_challenge: createHash('sha256').update(randomToken()).digest('base64url'),
      code_challenge_method: 'S256',
      ...(fresh && { max_age: String(freshForSeconds) }),
      ...(anew && { prompt: 'login' }),
    }).toString()
    ctx.status = 303
    ctx.redirect(target.href)
  }

  async function visitorOf(ctx: Koa.Context, fresh: boolean): Promise<Visitor | undefined> {
    const session = await sessionOf(ctx)
    if (!session) return undefined
    if (fresh && clock.seconds() - session.authTime > freshForSeconds) return undefined
    const account = await findActive(session.accountId)
    // What guards the account has changed since the session was found
    if (account?.securityEpoch !== session.securityEpoch) return undefined
    return { account, sessionUid: session.uid, origin: originOf(ctx) }
  }

  async function findActive(accountId: string): Promise<Account | undefined> {
    try {
      return await accounts.getActive(accountId)
    } catch (error) {
      if (error instanceof AppError && error.kind === 'not_found') return undefined
      throw error
    }
  }

  /** A route for everybody, told who is signed in. */
  const open =
    (
      handler: (ctx: Koa.Context, visitor: Visitor | undefined) => Promise<void> | void,
      { fresh = false } = {},
    ) =>
    async (ctx: Koa.Context): Promise<void> => {
      ctx.state.wants = 'page'
      await receiveBody(ctx)
      const visitor = await visitorOf(ctx, fresh)
      ctx.set('Cache-Control', 'no-store')
      if (visitor) ctx.state.speakTo({ account: visitor.account.locale })
      await handler(ctx, visitor)
    }

  /** A route of somebody's own pages. */
  const guarded = (guard: Guard, handler: (ctx: Koa.Context, visitor: Visitor) => Promise<void> | void) =>
    open((ctx, visitor) => {
      if (!visitor) return sendToSignIn(ctx, guard)
      ctx.state.stayAt = guard.page
      return handler(ctx, visitor)
    }, guard)

  return { guarded, open, sendToSignIn }
}

export const originOf = (ctx: Koa.Context): Origin => ({
  address: ctx.state.address,
  addressPrefix: addressPrefix(ctx.state.address),
  requestId: ctx.state.requestId,
  device: ctx.get('User-Agent').slice(0, 200),
})
