// Owns the registry of upstreams: registered, changed, removed, their secrets sealed. Signing in with them is not here.
import { conflict, notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { type Page, type PageOptions, pageOf, readPage } from '../../kernel/pages.ts'
import { isId, newId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import { assertVersion, nextVersion } from '../../kernel/versions.ts'
import { type Db, isUniqueViolation } from '../../platform/postgres.ts'
import type { Sealer } from '../../platform/sealer.ts'
import type { Audit } from '../audit/service.ts'
import type { ChangedUpstream, NewUpstream, Upstream } from './schema.ts'
import type { UpstreamStore } from './upstream-store.ts'

export type UpstreamsDeps = {
  db: Pick<Db, 'inTransaction'>
  store: UpstreamStore
  sealer: Pick<Sealer, 'seal'>
  clock: Clock
  audit: Pick<Audit, 'record'>
}

export type Upstreams = ReturnType<typeof createUpstreams>

const upstreamNotFound = () => notFound('upstream_not_found')

export function createUpstreams({ db, store, sealer, clock, audit }: UpstreamsDeps) {
  const sealedFor = (id: string, secret: string): Buffer => sealer.seal(secret, placeOf(id))

  async function get(id: string): Promise<Upstream> {
    const upstream = isId(id) ? await store.find(id) : null
    if (!upstream) throw upstreamNotFound()
    return upstream
  }

  async function list(options: PageOptions): Promise<Page<Upstream>> {
    const page = readPage(options)
    return pageOf(await store.list(page), page, ({ id }) => id)
  }

  async function create(actor: Actor, input: NewUpstream): Promise<Upstream> {
    const { name, issuer, client_id: clientId, client_secret, scopes, enabled } = input
    const now = clock.now()
    const id = newId(now)
    return unlessTaken(() =>
      db.inTransaction(async (tx) => {
        const upstream = await store.insert(tx, {
          id,
          name,
          issuer,
          clientId,
          sealedSecret: client_secret === undefined ? null : sealedFor(id, client_secret),
          scopes,
          enabled,
          trustsEmail: input.trust_email_verified,
          createdAt: now,
          updatedAt: now,
        })
        await audit.record(tx, { type: 'upstream.created', actor, details: detailsOf(upstream) })
        return upstream
      }),
    )
  }

  /** `assertMay` is asked about what it will be, on the locked row. */
  async function update(
    actor: Actor,
    id: string,
    { change, expected, assertMay }: Change,
  ): Promise<Upstream> {
    if (!isId(id)) throw upstreamNotFound()
    return unlessTaken(() =>
      db.inTransaction(async (tx) => {
        const before = await store.lock(tx, id)
        if (!before) throw upstreamNotFound()
        assertVersion(before.updatedAt, expected)
        assertMay({ trustsEmail: change.trust_email_verified ?? before.trustsEmail })
        const upstream = await store.update(tx, id, {
          ...columnsOf(change),
          ...(change.client_secret !== undefined && {
            sealedSecret: change.client_secret === null ? null : sealedFor(id, change.client_secret),
          }),
          updatedAt: nextVersion(before.updatedAt, clock.now()),
        })
        const details = { ...detailsOf(upstream), fields: Object.keys(change) }
        await audit.record(tx, { type: 'upstream.updated', actor, details })
        return upstream
      }),
    )
  }

  async function remove(actor: Actor, id: string): Promise<void> {
    if (!isId(id)) throw upstreamNotFound()
    await db.inTransaction(async (tx) => {
      if (!(await store.remove(tx, id))) throw upstreamNotFound()
      await audit.record(tx, { type: 'upstream.deleted', actor, details: { upstream: id } })
    })
  }

  return { get, list, create, update, remove }
}

type Change = {
  change: ChangedUpstream
  expected: readonly Date[] | undefined
  assertMay: (upstream: Pick<Upstream, 'trustsEmail'>) => void
}

const placeOf = (id: string): string => `upstreams.${id}.sealed_secret`

const detailsOf = ({ id, issuer, trustsEmail }: Upstream) => ({
  upstream: id,
  issuer,
  trusts_email: trustsEmail,
})

function columnsOf({ name, issuer, client_id, scopes, enabled, trust_email_verified }: ChangedUpstream) {
  return {
    ...(name !== undefined && { name }),
    ...(issuer !== undefined && { issuer }),
    ...(client_id !== undefined && { clientId: client_id }),
    ...(scopes !== undefined && { scopes }),
    ...(enabled !== undefined && { enabled }),
    ...(trust_email_verified !== undefined && { trustsEmail: trust_email_verified }),
  }
}

async function unlessTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (isUniqueViolation(cause)) throw conflict('upstream_taken', cause)
    throw cause
  }
}
