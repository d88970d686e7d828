// Owns what an app does with its tokens: refresh, userinfo, introspection, revocation; and the machine's own token.
import { machineClient, questsApi } from './playground-clients.ts'
import type { Issuer, Metadata } from './playground-issuer.ts'
import { expiryOf, saysWhy, tokensFrom, userinfoRequest } from './playground-sign-in.ts'
import { rememberExchange, type Visitor } from './playground-visitors.ts'
import type { Answer, Outgoing, Wire } from './playground-wire.ts'

export type Action = (visitor: Visitor) => Promise<void>

export type Actions = Record<ActionName, Action>

export const actionNames = [
  'refresh',
  'userinfo',
  'introspect-access',
  'introspect-refresh',
  'introspect-machine',
  'revoke-access',
  'revoke-refresh',
  'machine',
] as const
export type ActionName = (typeof actionNames)[number]

export const isActionName = (text: string): text is ActionName => actionNames.some((name) => name === text)

type Planned = (visitor: Visitor, metadata: Metadata) => Outgoing | undefined
type Step = { plan: Planned; done: (visitor: Visitor, answer: Answer) => void }

export function createActions({ wire, issuer }: { wire: Wire; issuer: Issuer }): Actions {
  const run =
    ({ plan, done }: Step): Action =>
    async (visitor) => {
      visitor.notice = undefined
      const metadata = await issuer.metadata((exchange) => rememberExchange(visitor, exchange))
      if (!metadata) {
        visitor.notice = { good: false, text: 'Foyer did not answer. Is it still running?' }
        return
      }
      const outgoing = plan(visitor, metadata)
      if (!outgoing) {
        visitor.notice = { good: false, text: 'There is no such token here any more. Sign in first.' }
        return
      }
      const answer = await wire.send(outgoing)
      rememberExchange(visitor, answer.exchange)
      if (answer.ok) done(visitor, answer)
      else visitor.notice = { good: false, text: `Foyer refused: ${saysWhy(answer.json)}` }
    }

  return {
    refresh: run(refresh),
    userinfo: run(userinfo),
    'introspect-access': run(introspect(({ tokens }) => tokens?.accessToken)),
    'introspect-refresh': run(introspect(({ tokens }) => tokens?.refreshToken)),
    'introspect-machine': run(introspectMachine),
    'revoke-access': run(revoke('access_token', ({ tokens }) => tokens?.accessToken)),
    'revoke-refresh': run(revoke('refresh_token', ({ tokens }) => tokens?.refreshToken)),
    machine: run(machine),
  }
}

const refresh: Step = {
  plan: ({ tokens }, { token_endpoint: url }) =>
    tokens?.refreshToken === undefined
      ? undefined
      : {
          title: 'Refresh',
          why: 'New tokens without the person. The refresh token is spent by this and replaced by its successor.',
          url,
          basic: tokens.client,
          form: { grant_type: 'refresh_token', refresh_token: tokens.refreshToken },
        },
  done: (visitor, { json, exchange }) => {
    if (!visitor.tokens) return
    visitor.tokens = tokensFrom(json, visitor.tokens, exchange) ?? visitor.tokens
    visitor.notice = { good: true, text: 'Refreshed: the tokens below are new.' }
  },
}

const userinfo: Step = {
  plan: ({ tokens }, metadata) => tokens && userinfoRequest(tokens, metadata),
  done: (visitor) => {
    visitor.notice = { good: true, text: 'Foyer told the claims: see the answer below.' }
  },
}

type Choose = (visitor: Visitor) => string | undefined

const judged = (visitor: Visitor, { json }: Answer): void => {
  const good = json.active === true
  visitor.notice = {
    good,
    text: good ? 'Active: the token is good right now.' : 'Not active: the token opens nothing.',
  }
}

const whyIntrospect =
  'A signature tells what was true when the token was issued. Introspection tells what is true now.'

const introspect = (choose: Choose): Step => ({
  plan: (visitor, { introspection_endpoint: url }) => {
    const token = choose(visitor)
    if (token === undefined || !visitor.tokens) return undefined
    return { title: 'Introspection', why: whyIntrospect, url, basic: visitor.tokens.client, form: { token } }
  },
  done: judged,
})

const introspectMachine: Step = {
  plan: ({ machine: held }, { introspection_endpoint: url }) =>
    held && {
      title: 'Introspection by the machine',
      why: whyIntrospect,
      url,
      basic: machineClient,
      form: { token: held.accessToken },
    },
  done: judged,
}

const revoke = (kind: 'access_token' | 'refresh_token', choose: Choose): Step => ({
  plan: (visitor, { revocation_endpoint: url }) => {
    const token = choose(visitor)
    if (token === undefined || !visitor.tokens) return undefined
    return {
      title: 'Revocation',
      why:
        kind === 'refresh_token'
          ? 'The app gives back what the person let it have: every token that hangs on it ends as well.'
          : 'The app gives back this one access token before its time.',
      url,
      basic: visitor.tokens.client,
      form: { token, token_type_hint: kind },
    }
  },
  done: (visitor) => {
    visitor.notice = { good: true, text: 'Revoked. Introspect it, or try to use it, and see.' }
  },
})

const machine: Step = {
  plan: (_visitor, { token_endpoint: url }) => ({
    title: 'Client credentials',
    why: 'A machine asks in its own name; there is no person, so no ID token and no refresh token.',
    url,
    basic: machineClient,
    form: { grant_type: 'client_credentials', scope: machineClient.scope, resource: questsApi },
  }),
  done: (visitor, { json, exchange }) => {
    if (typeof json.access_token !== 'string') return
    visitor.machine = { accessToken: json.access_token, expiresAt: expiryOf(json, exchange) }
    visitor.notice = { good: true, text: 'The machine has a token: see below.' }
  },
}
