// Owns the one current Provider. Keys and types of authorization details are fixed when a provider is built, so a
// change of them builds a new one and swaps it between two requests; those under way finish on the one they began with.
import { isDeepStrictEqual } from 'node:util'
import type Koa from 'koa'
import compose from 'koa-compose'
import type { Provider } from 'oidc-provider'
import type { SigningAlg, SigningKey } from '../features/artifacts/signing-keys.ts'
import type { KnownDetailType } from '../features/clients/authorization-details.ts'
import { unavailable } from '../kernel/errors.ts'
import { createAccessTokenReader, type ReadAccessToken } from './access-tokens.ts'
import { publicJwks } from './keys.ts'
import type { Metadata } from './metadata.ts'

export type LiveDeps = {
  issuer: string
  loadKeys: () => Promise<SigningKey[]>
  loadDetailTypes: () => Promise<KnownDetailType[]>
  build: (keys: readonly SigningKey[], detailTypes: readonly KnownDetailType[]) => Provider
  listen: (provider: Provider) => void
  publish: (metadata: Metadata) => void
  /** Runs a request against a provider without a client, to have its own discovery document. */
  discover: (provider: Provider) => Promise<Metadata['discovery']>
}

type Current = {
  provider: Provider
  handle: Koa.Middleware
  read: ReadAccessToken
  keys: readonly SigningKey[]
  detailTypes: readonly KnownDetailType[]
}

/** What a provider is built upon, and cannot be told of afterwards. */
type Foundation = Pick<Current, 'keys' | 'detailTypes'>

export async function createLive(deps: LiveDeps) {
  async function build({ keys, detailTypes }: Foundation): Promise<Current> {
    const provider = deps.build(keys, detailTypes)
    deps.listen(provider)
    deps.publish({ discovery: await deps.discover(provider), jwks: publicJwks(keys) })
    const handle = compose(provider.middleware) as Koa.Middleware
    return { provider, handle, read: createAccessTokenReader(keys, deps.issuer), keys, detailTypes }
  }

  const load = async (): Promise<Foundation> => {
    const [keys, detailTypes] = await Promise.all([deps.loadKeys(), deps.loadDetailTypes()])
    return { keys, detailTypes }
  }

  let current = await build(await load())
  const handle: Koa.Middleware = (ctx, next) => current.handle(ctx, next)

  return {
    handle,
    provider: () => current.provider,
    read: () => current.read,
    detailTypes: () => current.detailTypes,
    /** Since when the active key of an algorithm has been there. Throws when there is none: not ready. */
    signsSince(alg: SigningAlg): Date {
      const active = current.keys.find((key) => key.alg === alg && key.state === 'active')
      const since = active?.activatedAt ?? active?.publishedAt
      if (!since) throw unavailable('no_signing_key')
      return since
    },
    /**
     * Takes up the keys and types in force, if they are others than before. Whoever asks while it works waits for one
     * more.
     */
    rebuild: oneAtATime(async () => {
      const found = await load()
      const isSame =
        namesOf(found.keys) === namesOf(current.keys) &&
        isDeepStrictEqual(found.detailTypes, current.detailTypes)
      if (!isSame) current = await build(found)
    }),
  }
}

/** What changes when a key is added, changes its state or goes. */
const namesOf = (keys: readonly SigningKey[]): string =>
  keys.map(({ kid, state }) => `${kid} ${state}`).join()

/** One run at a time, and each begins after it was asked for: what was changed before is seen by it. */
function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  let waiting: Promise<void> | undefined
  function run(): Promise<void> {
    waiting = undefined
    running = work().finally(() => {
      running = undefined
    })
    return running
  }
  return () => {
    if (!running) return run()
    waiting ??= running.then(run, run)
    return waiting
  }
}

export type Live = Awaited<ReturnType<typeof createLive>>
