// Owns token exchange (RFC 8693): a client trades a person's token for one of another API, for which it then acts. The
// new token stands on what the old one stands on, so it ends with the same session, grant and account.
import type { Client, KoaContextWithOIDC, Provider, ResourceServer } from 'oidc-provider'
import { errors } from 'oidc-provider'
import type { AuditEvent } from '../../features/audit/service.ts'
import { tokenExchangeGrant } from '../../features/clients/elsewhere-grants.ts'
import type { ProtocolClient } from '../../features/clients/store.ts'
import type { Clock } from '../../kernel/time.ts'
import type { ReadAccessToken } from '../access-tokens.ts'
import { assertTakesBearer } from '../policy.ts'
import type { Resources } from '../resources.ts'
import { type Actor, createSubjectReader, type ScopesByApi, type Subject } from '../subject-token.ts'
import type { StateOf } from '../token-state.ts'
import type { VeiledSessions } from '../veiled-sessions.ts'
import { ceilingsAt, heldAfter, mayTrade } from './exchange-policy.ts'

const tokenType = (name: string) => `urn:ietf:params:oauth:token-type:${name}`
const accessTokenType = tokenType('access_token')
/** A structured access token may be called by either name (RFC 8693 §3). */
const knownTypes = [accessTokenType, tokenType('jwt')]
/** Clients that act for one another, so that a token does not grow without end. */
const longestChain = 5

const { InvalidRequest, InvalidScope, InvalidTarget } = errors

export type TokenExchangeDeps = {
  resources: Pick<Resources, 'getResourceServerInfo'>
  stateOf: StateOf
  findClient: (clientId: string) => Promise<ProtocolClient | undefined>
  standingBehind: VeiledSessions['standingBehind']
  isAdmitted: (client: Client, accountId: string) => Promise<boolean>
  clock: Clock
  accessTokenTtlSeconds: number
  record: (event: AuditEvent) => void
}

type Params = Record<string, unknown>
type Traded = { act: Actor; held: ScopesByApi }
type Target = { identifier: string; info: ResourceServer; ceilings: ReadonlySet<string>[] }

const parameters = [
  'audience',
  'resource',
  'scope',
  'requested_token_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
]

/** RFC 8693 §2.1, what can be said without looking at the token. */
function assertWellFormed(params: Params, client: Client): void {
  const { subject_token, subject_token_type, requested_token_type, actor_token, actor_token_type } = params
  for (const [name, value] of Object.entries({ subject_token, subject_token_type }))
    if (typeof value !== 'string' || value === '')
      throw new InvalidRequest(`missing required parameter '${name}'`)
  if (!knownTypes.includes(String(subject_token_type)))
    throw new InvalidRequest('the subject token must be an access token')
  if (requested_token_type !== undefined && !knownTypes.includes(String(requested_token_type)))
    throw new InvalidRequest('only access tokens can be asked for')
  if (actor_token !== undefined || actor_token_type !== undefined)
    throw new InvalidRequest('actor tokens are not taken: the client acts for itself')
  assertTakesBearer(client)
}

/** The one API that is asked for, by either name, or the client's own. */
function identifierOf({ audience, resource }: Params, client: Client): string {
  const named = new Set([audience ?? [], resource ?? []].flat())
  const [only, ...more] = named.size > 0 ? named : [client.default_resource]
  if (typeof only !== 'string' || more.length > 0) throw new InvalidTarget('name one API')
  return only
}

/** Everything the client may have there below these ceilings, or what it asks for of it. */
function scopeOf({ scope }: Params, { info, ceilings }: Target): string {
  const allowed = info.scope.split(' ').filter((name) => ceilings.every((ceiling) => ceiling.has(name)))
  const asked = typeof scope === 'string' && scope !== '' ? scope.split(' ') : allowed
  if (asked.length === 0 || !asked.every((name) => allowed.includes(name)))
    throw new InvalidScope('this client has not all of these scopes at this API', String(scope ?? ''))
  return [...new Set(asked)].join(' ')
}

function actorOf({ clientId }: Client, { act }: Subject): Actor {
  let depth = 1
  for (let before = act; before; before = before.act) depth += 1
  if (depth > longestChain) throw new InvalidRequest('too many clients act for one another')
  return { sub: clientId, client_id: clientId, ...(act && { act }) }
}

export function createTokenExchange(deps: TokenExchangeDeps) {
  const { resources, clock, record } = deps
  const traded = new WeakMap<object, Traded>()

  async function issue(ctx: KoaContextWithOIDC, subject: Subject, target: Target): Promise<void> {
    const { provider, params = {} } = ctx.oidc
    const client = ctx.oidc.client as Client
    const { accountId, standing, expiresAt } = subject
    const token = new provider.AccessToken({
      accountId,
      client,
      gty: tokenExchangeGrant,
      grantId: standing.grantId,
      ...(standing.sessionUid !== undefined && {
        sessionUid: standing.sessionUid,
        expiresWithSession: true,
      }),
      expiresIn: Math.min(deps.accessTokenTtlSeconds, expiresAt - clock.seconds()),
    } as ConstructorParameters<typeof provider.AccessToken>[0])
    token.resourceServer = new provider.ResourceServer(target.identifier, target.info)
    token.scope = scopeOf(params, target)
    traded.set(token, { act: actorOf(client, subject), held: heldAfter(subject) })
    ctx.oidc.entity('AccessToken', token)
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: params.requested_token_type ?? accessTokenType,
      token_type: 'Bearer',
      expires_in: token.expiration,
      scope: token.scope,
    }
    const details = { api: target.identifier, scope: token.scope, from: subject.clientId }
    record({
      type: 'token.exchanged',
      actor: { kind: 'client', id: client.clientId },
      clientId: client.clientId,
      accountId,
      requestId: ctx.state.requestId,
      address: ctx.state.address,
      details,
    })
  }

  function register(provider: Provider, read: ReadAccessToken): void {
    const subjectOf = createSubjectReader({ ...deps, provider, read })

    async function handler(ctx: KoaContextWithOIDC): Promise<void> {
      const { params = {} } = ctx.oidc
      const client = ctx.oidc.client as Client
      assertWellFormed(params, client)
      const identifier = identifierOf(params, client)
      const subject = await subjectOf(String(params.subject_token))
      // RFC 8693 §2.2.2: whatever is wrong with it
      if (!subject) throw new InvalidRequest('the subject token is no person’s access token that is good now')
      if (subject.isBound) throw new InvalidRequest('the subject token is bound to a key')
      const trader = await deps.findClient(client.clientId)
      if (!trader || !mayTrade(trader, subject))
        throw new InvalidRequest('this client trades no tokens of that client')
      if (!(await deps.isAdmitted(client, subject.accountId)))
        throw new InvalidRequest('this client is not open to that person')
      const info = await resources.getResourceServerInfo(ctx, identifier, client)
      await issue(ctx, subject, { identifier, info, ceilings: ceilingsAt(identifier, subject) })
    }

    provider.registerGrantType(tokenExchangeGrant, handler, parameters, ['audience', 'resource'])
  }

  return {
    register,
    /** What a token that was traded says besides: who acts, and what bounds it when it is traded again. */
    claimsOf: (token: object): Partial<Traded> => traded.get(token) ?? {},
  }
}

export type TokenExchange = ReturnType<typeof createTokenExchange>
