// Owns the code flow with PKCE as an app goes through it: the request, the callback, the tokens; and the way out.
// What is done with tokens afterwards is playground-actions.ts.
import { hash } from 'node:crypto'
import { randomToken } from '../kernel/secrets.ts'
import { after, type Clock, seconds } from '../kernel/time.ts'
import type { DemoClient } from './playground-clients.ts'
import type { Issuer, Metadata } from './playground-issuer.ts'
import {
  type Pending,
  rememberExchange,
  rememberPending,
  type Tokens,
  takePending,
  type Visitor,
} from './playground-visitors.ts'
import { browserExchange, type Exchange, type Outgoing, type Wire } from './playground-wire.ts'

/** Parameters that a person may try out; sent to Foyer as they are typed. */
export const knobs = ['prompt', 'max_age', 'login_hint', 'ui_locales', 'response_mode', 'resource'] as const

export type SignInDeps = { origin: string; wire: Wire; issuer: Issuer; clock: Clock }

export type SignIn = {
  /** Where to send the browser; undefined when Foyer does not answer. */
  begin(visitor: Visitor, client: DemoClient, wishes: URLSearchParams): Promise<string | undefined>
  /** Takes what the browser brought back; the outcome is told in the visitor's notice. */
  complete(visitor: Visitor, client: DemoClient, brought: Brought): Promise<void>
  /** Forgets the tokens and says where to sign out of Foyer too. */
  end(visitor: Visitor): Promise<string | undefined>
}

export type Brought = { method: 'GET' | 'POST'; parameters: URLSearchParams }

export function createSignIn(deps: SignInDeps): SignIn {
  return {
    begin: (visitor, client, wishes) => begin(deps, visitor, { client, wishes }),
    complete: (visitor, client, brought) => complete(deps, visitor, { client, brought }),
    end: (visitor) => end(deps, visitor),
  }
}

async function begin(
  { origin, issuer, clock }: SignInDeps,
  visitor: Visitor,
  { client, wishes }: { client: DemoClient; wishes: URLSearchParams },
): Promise<string | undefined> {
  const metadata = await issuer.metadata((exchange) => rememberExchange(visitor, exchange))
  if (!metadata) return undefined

  const wished = knobs.flatMap((name) => {
    const value = wishes.get(name)?.slice(0, 500)
    return value ? [[name, value] as const] : []
  })
  const [state, nonce, verifier] = [randomToken(), randomToken(), randomToken()]
  const parameters = new URLSearchParams({
    client_id: client.id,
    response_type: 'code',
    redirect_uri: origin + client.callbackPath,
    scope: wishes.has('resource') ? `${client.scope} quests:read` : client.scope,
    ...(client.prompt ? { prompt: client.prompt } : {}),
    ...Object.fromEntries(wished),
    state,
    nonce,
    // RFC 7636 §4.2
    code_challenge: hash('sha256', verifier, 'base64url'),
    code_challenge_method: 'S256',
  })
  rememberPending(visitor, state, { client, nonce, verifier, resource: wishes.get('resource') || undefined })

  const url = `${metadata.authorization_endpoint}?${parameters}`
  const title = 'Authorization request'
  const why =
    'The app sends the browser to Foyer. state and nonce tie the answer to this browser; of the PKCE verifier only a hash is shown.'
  rememberExchange(visitor, browserExchange({ title, why, method: 'GET', url, at: clock.now(), parameters }))
  return url
}

type Returned = { client: DemoClient; brought: Brought }

async function complete(deps: SignInDeps, visitor: Visitor, { client, brought }: Returned): Promise<void> {
  const { parameters } = brought
  rememberExchange(visitor, callbackExchange(deps, { client, brought }))
  const pending = takePending(visitor, parameters.get('state'))
  visitor.notice = refusalOf(parameters, pending, client)
  const code = parameters.get('code')
  if (visitor.notice || !pending || code === null) return

  const metadata = await deps.issuer.metadata((exchange) => rememberExchange(visitor, exchange))
  // RFC 9207 §2.4: an answer of another issuer is not taken to this one.
  if (!metadata || (parameters.has('iss') && parameters.get('iss') !== metadata.issuer)) {
    visitor.notice = { good: false, text: 'This answer is not from the issuer that this app trusts.' }
    return
  }
  const { exchange, json, ok } = await deps.wire.send({
    title: 'Code for tokens',
    why: 'The code is worthless alone: it takes the client’s secret and the PKCE verifier to redeem it, once, within a minute.',
    url: metadata.token_endpoint,
    basic: client,
    form: {
      grant_type: 'authorization_code',
      code,
      redirect_uri: deps.origin + client.callbackPath,
      code_verifier: pending.verifier,
    },
  })
  rememberExchange(visitor, exchange)
  const tokens = ok ? tokensFrom(json, pending, exchange) : undefined
  if (!tokens) {
    visitor.notice = { good: false, text: `Foyer gave no tokens: ${saysWhy(json)}` }
    return
  }
  visitor.tokens = { ...tokens, person: await personOf(deps, visitor, { tokens, metadata }) }
}

/** Who signed in; an access token for an API does not open userinfo. */
async function personOf(
  { wire }: SignInDeps,
  visitor: Visitor,
  { tokens, metadata }: { tokens: Tokens; metadata: Metadata },
): Promise<Record<string, unknown> | undefined> {
  if (tokens.resource !== undefined) return undefined
  const { exchange, json, ok } = await wire.send(userinfoRequest(tokens, metadata))
  rememberExchange(visitor, exchange)
  return ok ? json : undefined
}

export const userinfoRequest = (
  { accessToken }: Pick<Tokens, 'accessToken'>,
  { userinfo_endpoint: url }: Pick<Metadata, 'userinfo_endpoint'>,
): Outgoing => ({
  title: 'Userinfo',
  why: 'The person’s claims as they are right now, for whoever holds an access token without an API of its own.',
  url,
  bearer: accessToken,
})

function callbackExchange({ origin, clock }: SignInDeps, { client, brought }: Returned): Exchange {
  const { method, parameters } = brought
  const url = origin + client.callbackPath
  const how = method === 'POST' ? 'in a form that posts itself' : 'in the address'
  return browserExchange({
    title: parameters.has('error') ? 'Callback with an error' : 'Callback with a code',
    why: `Foyer sends the browser back, ${how}. The app compares state with the one it sent.`,
    method,
    url,
    at: clock.now(),
    parameters,
  })
}

function refusalOf(parameters: URLSearchParams, pending: Pending | undefined, client: DemoClient) {
  if (pending?.client.id !== client.id) {
    return {
      good: false,
      text: 'This answer belongs to no sign-in that this browser began, or to one that is over. Sign in again.',
    }
  }
  if (parameters.has('error')) {
    return { good: false, text: `Foyer answered ${saysWhy(Object.fromEntries(parameters))}` }
  }
  return parameters.has('code') ? undefined : { good: false, text: 'Foyer sent no code along.' }
}

/** RFC 6749 §5.2, in one line. */
export function saysWhy(json: Record<string, unknown>): string {
  const { error, error_description: description } = json
  if (typeof error !== 'string') return 'its answer below says more.'
  return typeof description === 'string' ? `${error}: ${description}` : `${error}.`
}

const textOrNothing = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** When the token of an answer ends, by its `expires_in`. */
export const expiryOf = (json: Record<string, unknown>, { at }: Pick<Exchange, 'at'>): Date | undefined =>
  typeof json.expires_in === 'number' && json.expires_in < 1e9
    ? after(at, seconds(json.expires_in))
    : undefined

/** The tokens of an answer; what a refresh leaves out stays as it was. */
export function tokensFrom(
  json: Record<string, unknown>,
  before: Pick<Tokens, 'client' | 'nonce'> & Partial<Tokens>,
  exchange: Pick<Exchange, 'at'>,
): Tokens | undefined {
  const accessToken = textOrNothing(json.access_token)
  if (accessToken === undefined) return undefined
  return {
    client: before.client,
    nonce: before.nonce,
    resource: before.resource,
    person: before.person,
    accessToken,
    accessTokenExpiresAt: expiryOf(json, exchange),
    refreshToken: textOrNothing(json.refresh_token) ?? before.refreshToken,
    idToken: textOrNothing(json.id_token) ?? before.idToken,
    scope: textOrNothing(json.scope) ?? before.scope ?? '',
  }
}

async function end({ origin, issuer, clock }: SignInDeps, visitor: Visitor): Promise<string | undefined> {
  const { tokens } = visitor
  const metadata = await issuer.metadata((exchange) => rememberExchange(visitor, exchange))
  if (!metadata) return undefined
  visitor.tokens = undefined

  // OpenID Connect RP-Initiated Logout 1.0 §2
  const path = tokens?.client.afterSignOutPath
  const parameters = new URLSearchParams({
    ...(tokens?.idToken ? { id_token_hint: tokens.idToken } : {}),
    ...(tokens ? { client_id: tokens.client.id } : {}),
    ...(path ? { post_logout_redirect_uri: origin + path, state: 'signed-out' } : {}),
  })
  const url = `${metadata.end_session_endpoint}?${parameters}`
  const title = 'Sign-out request'
  const why =
    'The app forgets its tokens and sends the browser to Foyer, whose session ends too. The ID token says whose.'
  rememberExchange(visitor, browserExchange({ title, why, method: 'GET', url, at: clock.now(), parameters }))
  return url
}
