// Owns asking our own token endpoint from inside, by a request that no network carries, in the unit of work of the
// request that is being answered. The JSON door has its tokens made here.
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type Koa from 'koa'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { firstPartyClient, firstPartyGrant } from '../features/clients/first-party.ts'
import { AppError, invalidInput, unavailable } from '../kernel/errors.ts'
import { hashSecret, randomToken } from '../kernel/secrets.ts'
import type { FirstPartyGrant, FirstPartyProof } from './grants/first-party.ts'

export type TokenPair = { accessToken: string; refreshToken: string; expiresInSeconds: number }
/** What a refresh gives, and the session that its tokens hang on. */
export type Refreshed = TokenPair & { sessionUid: string | undefined }

export type TokenDeskDeps = { app: Koa; handle: Koa.Middleware; grant: Pick<FirstPartyGrant, 'admit'> }

export type TokenDesk = ReturnType<typeof createTokenDesk>

/**
 * The secret of the built-in client: it is drawn at each start and stays in this process, so that nobody can
 * authenticate as that client at any endpoint.
 */
export function createInnerSecret() {
  const secret = randomToken()
  const hash = hashSecret(secret).toString('base64')
  // The same answer for the same metadata, since the client that is built from it hangs on it
  const added = new WeakMap<object, Record<string, unknown>>()

  /** Adds the secret to the metadata of the client that it belongs to. */
  function addTo(metadata: Record<string, unknown> | undefined): Record<string, unknown> | undefined {
    if (metadata?.client_id !== firstPartyClient) return metadata
    const before = added.get(metadata)
    if (before) return before
    const complete = { ...metadata, secret_hashes: [hash] }
    added.set(metadata, complete)
    return complete
  }

  return { secret, addTo }
}

export function createTokenDesk({ app, handle, grant, secret }: TokenDeskDeps & { secret: string }) {
  async function ask(outer: Koa.Context, form: Record<string, string>, proof?: FirstPartyProof) {
    const request = requestOf({ ...form, client_id: firstPartyClient, client_secret: secret })
    if (proof) grant.admit(request, proof)
    const ctx = app.createContext(request, new ServerResponse(request)) as Koa.Context
    ctx.state.requestId = outer.state.requestId
    ctx.state.address = outer.state.address
    await handle(ctx, async () => undefined)
    if (ctx.status >= 400) throw refusalOf(ctx)
    return ctx as unknown as KoaContextWithOIDC & { body: Answer }
  }

  /** A session of its own, and tokens for the API that is named, else for Foyer's own. */
  async function mint(outer: Koa.Context, proof: FirstPartyProof, resource?: string): Promise<TokenPair> {
    const form = { grant_type: firstPartyGrant, ...(resource !== undefined && { resource }) }
    return pairOf((await ask(outer, form, proof)).body)
  }

  /** RFC 6749 §6. Throws `unauthenticated` for every token that is not the newest of its family. */
  async function refresh(outer: Koa.Context, refreshToken: string): Promise<Refreshed> {
    const { body, oidc } = await ask(outer, { grant_type: 'refresh_token', refresh_token: refreshToken })
    return { ...pairOf(body), sessionUid: oidc.entities.RefreshToken?.sessionUid }
  }

  return { mint, refresh }
}

type Answer = { access_token: string; refresh_token: string; expires_in: number }

const pairOf = ({ access_token, refresh_token, expires_in }: Answer): TokenPair => ({
  accessToken: access_token,
  refreshToken: refresh_token,
  expiresInSeconds: expires_in,
})

function requestOf(form: Record<string, string>): IncomingMessage {
  const body = Buffer.from(new URLSearchParams(form).toString())
  const request = new IncomingMessage(new Socket())
  request.method = 'POST'
  request.url = '/oauth2/token'
  request.headers = {
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(body.length),
  }
  request.push(body)
  request.push(null)
  return request
}

/** The refusal of the token endpoint in the words of the door. */
function refusalOf(ctx: Koa.Context): Error {
  const { failure } = ctx.state
  const { error }: { error?: string } = Object(ctx.body)
  if (error === 'invalid_target') return invalidInput([closedApi])
  if (error === 'invalid_grant') return new AppError('unauthenticated', 'invalid_token')
  if (error === 'temporarily_unavailable') return unavailable('database_unavailable')
  if (failure instanceof Error) return failure.cause instanceof AppError ? failure.cause : failure
  return new Error(`the token endpoint refused the JSON door: ${error ?? ctx.status}`)
}

const closedApi = {
  pointer: '/resource',
  code: 'invalid_target',
  detail: 'Name an API that is open to first-party apps, or leave it out.',
}
