// Owns the one current Provider. Keys are fixed when a provider is built, so a change of keys builds a new one and
// swaps it between two requests; those under way finish on the one they began with.
import type Koa from 'koa'
import compose from 'koa-compose'
import type { Provider } from 'oidc-provider'
import type { SigningAlg, SigningKey } from '../features/artifacts/signing-keys.ts'
import { unavailable } from '../kernel/errors.ts'
import { createAccessTokenReader, type ReadAccessToken } from './access-tokens.ts'
import { publicJwks } from './keys.ts'
import type { Metadata } from './metadata.ts'

export type LiveDeps = {
  issuer: string
  loadKeys: () => Promise<SigningKey[]>
  build: (keys: readonly SigningKey[]) => Provider
  listen: (provider: Provider) => void
  /** Runs a request against a provider without a client, to have its own discovery document. */
  publish: (metadata: Metadata) => void
  discover: (provider: Provider) => Promise<Metadata['discovery']>
}

type Current = {
  provider: Provider
  handle: Koa.Middleware
  read: ReadAccessToken
  keys: readonly SigningKey[]
}

export async function createLive(deps: LiveDeps) {
  async function build(): Promise<Current> {
    const keys = await deps.loadKeys()
    const provider = deps.build(keys)
    deps.listen(provider)
    deps.publish({ discovery: await deps.discover(provider), jwks: publicJwks(keys) })
    const handle = compose(provider.middleware) as Koa.Middleware
    return { provider, handle, read: createAccessTokenReader(keys, deps.issuer), keys }
  }

  let current = await build()
  const handle: Koa.Middleware = (ctx, next) => current.handle(ctx, next)

  return {
    handle,
    provider: () => current.provider,
    read: () => current.read,
    /** Since when the active key of an algorithm has been there. Throws when there is none: not ready. */
    signsSince(alg: SigningAlg): Date {
      const active = current.keys.find((key) => key.alg === alg && key.state === 'active')
      if (!active?.publishedAt) throw unavailable('no_signing_key')
      return active.publishedAt
    },
    /** After a change of keys. */
    async rebuild(): Promise<void> {
      current = await build()
    },
  }
}

export type Live = Awaited<ReturnType<typeof createLive>>
