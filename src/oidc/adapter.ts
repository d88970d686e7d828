// Owns the storage seam: what oidc-provider calls, told in terms of artifacts and clients.
import type { Adapter, AdapterPayload } from 'oidc-provider'
import { errors, Provider } from 'oidc-provider'
import type { Kind, Payload } from '../features/artifacts/kinds.ts'
import type { Artifacts } from '../features/artifacts/service.ts'
import { findUnit } from '../features/artifacts/unit-of-work.ts'
import { AppError } from '../kernel/errors.ts'
import { isKeepable } from './parameters.ts'

export type AdapterDeps = {
  artifacts: Artifacts
  /** Client metadata as oidc-provider takes it, extensions included. */
  findClient: (clientId: string) => Promise<Record<string, unknown> | undefined>
}

/** The refusal of a request that met a database that is down or full: shown as it is, never redirected. */
function temporarilyUnavailable(cause: unknown): Error {
  const error = new errors.OIDCProviderError(503, 'temporarily_unavailable', { cause })
  return Object.assign(error, {
    error_description: 'the service is briefly unavailable, try again in a moment',
    expose: true,
    allow_redirect: false,
  })
}

/** A request that met a database that is away does not wait for it again, however often oidc-provider asks. */
async function guarded<T>(work: () => T | Promise<T>): Promise<T> {
  const unit = findUnit()
  if (unit?.unavailable) throw temporarilyUnavailable(unit.unavailable)
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'unavailable') throw error
    if (unit) unit.unavailable = error
    throw temporarilyUnavailable(error)
  }
}

/** Only the token endpoint redeems: there a token inside its grace counts as unspent, elsewhere it is spent. */
function isRedeeming(): boolean {
  return Provider.ctx?.oidc.route === 'token'
}

// oidc-provider changes these two members of a session in place, and what is written is the difference to what was
// read; of other kinds nobody compares.
const copyOf = (session: Payload): AdapterPayload =>
  ({
    ...session,
    authorizations: copyOfEach(session.authorizations ?? {}),
    ...(session.state !== undefined && { state: structuredClone(session.state) }),
  }) as AdapterPayload

/** One level of plain values below each client's id: a tenth of what structuredClone takes. */
const copyOfEach = (members: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(members).map(([name, value]) => [name, { ...Object(value) }]))

export function createAdapter({ artifacts, findClient }: AdapterDeps): (name: string) => Adapter {
  async function find(kind: Kind, id: string): Promise<AdapterPayload | undefined> {
    const payload = await artifacts.find(kind, id)
    if (!payload) return undefined
    if (kind === 'RefreshToken' && isRedeeming() && artifacts.successor() !== undefined) {
      const { consumed: _, ...unspent } = payload
      return unspent as AdapterPayload
    }
    return kind === 'Session' ? copyOf(payload) : (payload as AdapterPayload)
  }

  function adapterOf(kind: Kind): Adapter {
    return {
      find: (id) => guarded(() => find(kind, id)),
      findByUid: (uid) =>
        guarded(async () => {
          const session = await artifacts.findSessionByUid(uid)
          return session && copyOf(session)
        }),
      upsert: (id, payload) => guarded(() => artifacts.save(kind, id, { ...payload })),
      consume: (id) => guarded(() => artifacts.consume(kind, id)),
      destroy: (id) => guarded(() => artifacts.destroy(kind, id)),
      // Each token is good only while its grant exists, and the caller destroys the grant too.
      revokeByGrantId: async () => undefined,
      findByUserCode: async () => undefined,
    }
  }

  const clientAdapter: Adapter = {
    ...adapterOf('Client'),
    find: (id) =>
      guarded(async () =>
        isKeepable(id) ? ((await findClient(id)) as AdapterPayload | undefined) : undefined,
      ),
  }

  return (name) => (name === 'Client' ? clientAdapter : adapterOf(name as Kind))
}
