// Owns /oauth2/register: apps that register by themselves (RFC 7591) and manage what they registered (RFC 7592). Answers
// as OAuth does; what a registration may say is features/clients.
import type Koa from 'koa'
import type { Config } from '../config/schema.ts'
import {
  assertNoStatement,
  assertOutside,
  assertOwnGrants,
  membersOf,
  registrationErrorOf,
  shownMembers,
} from '../features/clients/registration-schema.ts'
import { ClientMetadata } from '../features/clients/schema.ts'
import type { SelfRegistration } from '../features/clients/self-registration.ts'
import type { Clients, CreatedClient } from '../features/clients/service.ts'
import { AppError, forbidden, rateLimited } from '../kernel/errors.ts'
import { hashSecret, sameHash } from '../kernel/secrets.ts'
import type { Clock } from '../kernel/time.ts'
import type { Limiter } from '../platform/limiter.ts'
import { addressPrefix } from '../web/address.ts'
import { parse, readJson } from '../web/input.ts'

export type RegistrationDeps = {
  config: Pick<Config, 'issuer' | 'clientRegistration' | 'testHooks'>
  clients: Pick<Clients, 'remove'>
  selfRegistration: SelfRegistration
  limiter: Pick<Limiter, 'take'>
  clock: Clock
}

export const registrationPath = '/oauth2/register'

type Members = Readonly<Record<string, unknown>>
type Registration = { id: string; token: string }

const refusal = (code: string) => new AppError('invalid', code)
const badToken = () => new AppError('unauthenticated', 'invalid_token')

export function createRegistrationEndpoint({
  config,
  clients,
  selfRegistration,
  limiter,
  clock,
}: RegistrationDeps): Koa.Middleware {
  const { mode, token: initialToken } = config.clientRegistration

  function assertMayRegister(ctx: Koa.Context): void {
    if (mode === 'closed') throw forbidden()
    if (mode === 'open') return
    const shown = hashSecret(bearerOf(ctx) ?? '')
    if (initialToken === undefined || !sameHash(shown, hashSecret(initialToken))) throw badToken()
  }

  /** Every change is a fact that is kept, so they are bounded as registrations are. */
  async function spend({ state: { address } }: Koa.Context): Promise<void> {
    const count = [{ name: 'clients.address', key: addressPrefix(address) } as const]
    const { allowed, retryAfterSeconds } = await limiter.take(count, clock.now())
    if (!allowed) throw rateLimited(retryAfterSeconds)
  }

  async function readRegistration(ctx: Koa.Context): Promise<Members> {
    const body = await readMembers(ctx)
    assertNoStatement(body)
    // A test bench has nobody else to register its clients
    if (!config.testHooks) assertOwnGrants(body)
    return body
  }

  function metadataOf(body: Members): ClientMetadata {
    const metadata = parse(ClientMetadata, membersOf(body))
    if (!config.testHooks) assertOutside(metadata)
    return metadata
  }

  async function create(ctx: Koa.Context): Promise<void> {
    await spend(ctx)
    assertMayRegister(ctx)
    const body = await readRegistration(ctx)
    const client = await selfRegistration.register(metadataOf(body))
    ctx.status = 201
    ctx.body = present(client, client.registrationToken)
  }

  /** RFC 7592 §2: whoever is wrong about the client or the token is told the same. */
  async function registered(ctx: Koa.Context, id: string) {
    const token = bearerOf(ctx)
    const client = token === undefined ? null : await selfRegistration.find(id, token)
    if (!client || token === undefined) throw badToken()
    return { client, registration: { id, token } }
  }

  /** RFC 7592 §2.2: a secret may be sent back, and has to be the one that was given out. */
  async function assertOwnSecret({ client_secret: secret }: Members, id: string): Promise<void> {
    if (secret === undefined) return
    if (typeof secret !== 'string' || !(await selfRegistration.holdsSecret(id, secret)))
      throw refusal('invalid_request')
  }

  async function update(ctx: Koa.Context, { id, token }: Registration): Promise<void> {
    await spend(ctx)
    const body = await readRegistration(ctx)
    assertUnchanged(body, id)
    await assertOwnSecret(body, id)
    const client = await selfRegistration.update(id, { metadata: metadataOf(body), token })
    ctx.body = present(client, client.registrationToken)
  }

  async function manage(ctx: Koa.Context, id: string): Promise<void> {
    const { client, registration } = await registered(ctx, id)
    if (ctx.method === 'GET') ctx.body = present(client, registration.token)
    if (ctx.method === 'PUT') await update(ctx, registration)
    if (ctx.method === 'DELETE') {
      await clients.remove({ kind: 'client', id }, id)
      ctx.status = 204
    }
  }

  /** RFC 7591 §3.2.1, with what RFC 7592 §3 adds. The secret is there on the day it is made and never again. */
  const present = ({ id, metadata, secret, createdAt }: CreatedClient, token: string) => ({
    ...shownMembers(metadata),
    client_id: id,
    ...(secret !== undefined && { client_secret: secret, client_secret_expires_at: 0 }),
    client_id_issued_at: Math.floor(createdAt.getTime() / 1000),
    registration_client_uri: `${config.issuer}${registrationPath}/${id}`,
    registration_access_token: token,
  })

  return async function registrationEndpoint(ctx, next) {
    const [, id] = /^\/oauth2\/register(?:\/([\w-]{1,100}))?$/.exec(ctx.path) ?? []
    if (ctx.path !== registrationPath && id === undefined) return next()
    ctx.set('Cache-Control', 'no-store')
    try {
      const allowed = id === undefined ? ['POST'] : ['GET', 'PUT', 'DELETE']
      if (!allowed.includes(ctx.method)) return refuseMethod(ctx, allowed)
      await (id === undefined ? create(ctx) : manage(ctx, id))
    } catch (error) {
      refuse(ctx, error)
    }
  }
}

function bearerOf(ctx: Koa.Context): string | undefined {
  return /^Bearer +([\w.~+/-]+=*) *$/i.exec(ctx.get('Authorization'))?.[1]
}

async function readMembers(ctx: Koa.Context): Promise<Members> {
  const body = await readJson(ctx)
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw refusal('invalid_request')
  return Object.fromEntries(Object.entries(body))
}

const mustNotBeSent = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
]

/** RFC 7592 §2.2. */
function assertUnchanged(body: Members, id: string): void {
  const sent = mustNotBeSent.some((member) => body[member] !== undefined)
  if (sent || body.client_id !== id) throw refusal('invalid_request')
}

function refuseMethod(ctx: Koa.Context, allowed: readonly string[]): void {
  ctx.status = 405
  ctx.set('Allow', allowed.join(', '))
  ctx.body = { error: 'invalid_request', error_description: `${ctx.method} is not allowed here` }
}

/** In the words of RFC 7591 §3.2.2 and RFC 6750 §3.1; what is none of those is the error boundary's. */
function refuse(ctx: Koa.Context, error: unknown): void {
  if (!(error instanceof AppError) || error.kind === 'unavailable') throw error
  const { kind, code, details } = error
  if (kind === 'rate_limited') ctx.set('Retry-After', String(Math.max(1, details.retryAfterSeconds ?? 1)))
  if (isBadToken(kind)) ctx.set('WWW-Authenticate', 'Bearer error="invalid_token"')
  const [status, name, said] = answerTo({ kind, code, details })
  ctx.status = status
  ctx.body = { error: name, error_description: said }
}

/** A client that was just removed or changed by another request has no such token any more. */
const isBadToken = (kind: AppError['kind']): boolean => kind === 'unauthenticated' || kind === 'not_found'

type Refusal = Pick<AppError, 'kind' | 'code' | 'details'>

function answerTo({ kind, code, details }: Refusal): [status: number, error: string, description: string] {
  if (kind === 'rate_limited')
    return [429, 'temporarily_unavailable', 'too many registrations, try again later']
  if (isBadToken(kind)) return [401, 'invalid_token', 'the token is not good here']
  if (kind === 'forbidden')
    return [403, 'access_denied', 'apps are registered by whoever runs this installation']
  if (code === 'body_too_large') return [413, 'invalid_request', 'the request is too large']
  if (details.errors) return [400, ...registrationErrorOf(details.errors)]
  if (code.endsWith('software_statement')) return [400, code, 'software statements are not accepted here']
  return [400, 'invalid_request', 'the request must be a JSON object as RFC 7591 and RFC 7592 describe it']
}
