// Owns what the playground remembers of each browser: its tokens, the sign-ins under way and what has happened.
// In memory and bounded: a playground is no place to keep anything.
import type Koa from 'koa'
import { randomToken } from '../kernel/secrets.ts'
import type { DemoClient } from './playground-clients.ts'
import type { Exchange } from './playground-wire.ts'

/** A sign-in that has begun: what the callback must fit. */
export type Pending = {
  client: DemoClient
  nonce: string
  verifier: string
  resource?: string | undefined
}

export type Tokens = {
  client: DemoClient
  accessToken: string
  accessTokenExpiresAt: Date | undefined
  refreshToken?: string | undefined
  idToken?: string | undefined
  /** Of the sign-in; an ID token from a refresh need not carry it (OIDC Core §12.2). */
  nonce: string | undefined
  scope: string
  resource?: string | undefined
  /** What userinfo told at the sign-in. */
  person?: Record<string, unknown> | undefined
}

export type MachineToken = { accessToken: string; expiresAt: Date | undefined }

export type Notice = { good: boolean; text: string }

export type Visitor = {
  pending: Map<string, Pending>
  tokens: Tokens | undefined
  machine: MachineToken | undefined
  /** Newest first. */
  exchanges: Exchange[]
  notice: Notice | undefined
}

export type Visitors = {
  /** Of the browser that asks; a new one gets a cookie. */
  of(ctx: Koa.Context): Visitor
}

export const visitorCookie = 'foyer_playground'

const mostVisitors = 200
const mostPending = 20
const mostExchanges = 40

export function createVisitors(): Visitors {
  const visitors = new Map<string, Visitor>()

  function of(ctx: Koa.Context): Visitor {
    const presented = ctx.cookies.get(visitorCookie, { signed: false })
    const known = presented === undefined ? undefined : visitors.get(presented)
    const id = known && presented ? presented : randomToken()
    const visitor = known ?? blank()

    // Moved to the end, so that whoever was away longest is forgotten first.
    visitors.delete(id)
    visitors.set(id, visitor)
    forgetOldest(visitors, mostVisitors)
    if (!known) ctx.cookies.set(visitorCookie, id, { httpOnly: true, sameSite: 'lax', signed: false })
    return visitor
  }

  return { of }
}

const blank = (): Visitor => ({
  pending: new Map(),
  tokens: undefined,
  machine: undefined,
  exchanges: [],
  notice: undefined,
})

function forgetOldest(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return
    map.delete(key)
  }
}

export function rememberExchange(visitor: Visitor, exchange: Exchange): void {
  visitor.exchanges.unshift(exchange)
  visitor.exchanges.length = Math.min(visitor.exchanges.length, mostExchanges)
}

export function rememberPending(visitor: Visitor, state: string, pending: Pending): void {
  visitor.pending.set(state, pending)
  forgetOldest(visitor.pending, mostPending)
}

/** A state is good for one callback. */
export function takePending(visitor: Visitor, state: string | null): Pending | undefined {
  if (state === null) return undefined
  const pending = visitor.pending.get(state)
  visitor.pending.delete(state)
  return pending
}
