// Owns the places where Foyer changes oidc-provider's prototypes; each is pinned by a test that fails when
// an upgrade moves the seam. Everything else goes through documented configuration.
import { type Adapter, type Client, Provider } from 'oidc-provider'
import type { Artifacts } from '../features/artifacts/service.ts'
import { hashSecret, sameHash } from '../kernel/secrets.ts'

/** What oidc-provider's models have besides what its types tell. */
type GeneratesIds = { rotations?: number | undefined; generateTokenId?(): string }

/** Client secrets rest as SHA-256; up to two are live during a rotation. */
function compareHashedSecrets(provider: Provider): void {
  provider.Client.prototype.compareClientSecret = function compareClientSecret(actual: string): boolean {
    const hashes = this.secret_hashes
    if (!Array.isArray(hashes)) return false
    const presented = hashSecret(actual)
    // Every live secret is compared, so that the time tells nothing of which one matched.
    return hashes.map((hash) => sameHash(Buffer.from(String(hash), 'base64'), presented)).includes(true)
  }
}

/** A rotated refresh token gets the successor derived from it, so that a retry meets the same child. */
function deriveSuccessors(provider: Provider, artifacts: Pick<Artifacts, 'successor'>): void {
  const prototype: GeneratesIds = provider.RefreshToken.prototype
  const random = prototype.generateTokenId
  if (!random) throw new Error('oidc-provider makes the ids of refresh tokens elsewhere now')
  prototype.generateTokenId = function generateTokenId(): string {
    const isRotation = this.rotations !== undefined && this.rotations > 0
    return (isRotation ? artifacts.successor() : undefined) ?? random.call(this)
  }
}

type RenewsKeys = { asymmetricKeyStore?: { stale(): boolean; refresh(): Promise<void> } }

/**
 * oidc-provider looks at `jwks_uri` again only when no key that it knows fits. Where something signed is presented, a
 * key that was taken out there is good for a minute at most; when the address does not answer, what is known stays.
 */
async function renewKeys(client: Client): Promise<void> {
  const { client_assertion, request } = Provider.ctx?.oidc.params ?? {}
  const { asymmetricKeyStore: keys } = client as RenewsKeys
  if ((client_assertion ?? request) === undefined || !keys?.stale()) return
  await keys.refresh().catch(() => undefined)
}

/**
 * oidc-provider finds the client that it has built by a hash of all the metadata, and keeps a hundred. Ours is the
 * same object until something has changed (client-metadata.ts), so the client hangs on that.
 */
function findBuiltClients(provider: Provider): void {
  const model = provider.Client
  const { adapter } = model as unknown as { adapter: Pick<Adapter, 'find'> }
  const build = model.find
  const built = new WeakMap<object, Client>()
  model.find = async function findBuilt(id: string) {
    if (typeof id !== 'string' || id === '') return undefined
    const metadata = await adapter.find(id)
    if (!metadata) return undefined
    const known = built.get(metadata)
    if (known) {
      if (known.jwksUri !== undefined) await renewKeys(known)
      return known
    }

    const client = await Reflect.apply(build, { adapter: { find: async () => metadata } }, [id])
    if (client) built.set(metadata, client)
    return client
  }
}

/**
 * The end of a session tells its clients by itself, however it comes about (back-channel-logout.ts), and never within
 * the request of a person.
 */
function leaveLogoutToTheOutbox(provider: Provider): void {
  const prototype = provider.Client.prototype as { backchannelLogout?: () => Promise<void> }
  prototype.backchannelLogout = async () => undefined
}

/** Clients of the front channel, which oidc-provider does not know, get a `sid` in their ID tokens as well. */
function tellSessionIds(provider: Provider): void {
  const prototype = provider.Client.prototype as { includeSid?: () => boolean }
  const before = prototype.includeSid
  if (!before) throw new Error('oidc-provider decides elsewhere now which ID tokens have a sid')
  prototype.includeSid = function includeSid(this: Client): boolean {
    return this.frontchannel_logout_uri !== undefined || before.call(this)
  }
}

export function overridePrototypes(provider: Provider, artifacts: Pick<Artifacts, 'successor'>): void {
  compareHashedSecrets(provider)
  findBuiltClients(provider)
  deriveSuccessors(provider, artifacts)
  leaveLogoutToTheOutbox(provider)
  tellSessionIds(provider)
}
