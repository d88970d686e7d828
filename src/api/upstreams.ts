// Owns the routes about upstreams: providers elsewhere that people may sign in with.
import { z } from 'zod'
import { managementScopes } from '../features/clients/first-party.ts'
import { ChangedUpstream, NewUpstream, type Upstream } from '../features/federation/schema.ts'
import type { Upstreams } from '../features/federation/upstreams-service.ts'
import { assertHolds, type Caller, type Permission } from './caller.ts'
import { ById, listRoute, noBody, type Route, route } from './route.ts'

export type UpstreamRoutesDeps = { upstreams: Upstreams }

const read: Permission = { scope: 'clients:read', reach: 'installation' }
const write: Permission = { scope: 'clients:write', reach: 'installation' }

export const UpstreamShown = z.object({
  id: z.uuid(),
  name: z.string(),
  issuer: z.string(),
  client_id: z.string(),
  /** The secret itself is never shown. */
  has_secret: z.boolean(),
  scopes: z.array(z.string()),
  enabled: z.boolean(),
  /** An address that it calls verified counts as proved here. */
  trust_email_verified: z.boolean(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
})

const present = (upstream: Upstream): z.input<typeof UpstreamShown> => ({
  id: upstream.id,
  name: upstream.name,
  issuer: upstream.issuer,
  client_id: upstream.clientId,
  has_secret: upstream.hasSecret,
  scopes: upstream.scopes,
  enabled: upstream.enabled,
  trust_email_verified: upstream.trustsEmail,
  created_at: upstream.createdAt.toISOString(),
  updated_at: upstream.updatedAt.toISOString(),
})
const replyWith = (upstream: Upstream) => ({ body: present(upstream), version: upstream.updatedAt })

/** Whose word about addresses is believed signs in as anybody, administrators too: so it takes every scope there is. */
const assertMayTrust = (caller: Caller, { trustsEmail }: Pick<Upstream, 'trustsEmail'>): void => {
  if (trustsEmail) assertHolds(caller, managementScopes)
}

export function upstreamRoutes({ upstreams }: UpstreamRoutesDeps): Route[] {
  const about = { versioned: true, params: ById, answer: { status: 200, schema: UpstreamShown } } as const
  return [
    listRoute({
      path: '/upstreams',
      summary: 'Providers elsewhere that people may sign in with, in the order they were registered.',
      permission: read,
      limit: 'api.read',
      item: UpstreamShown,
      async list(_, page) {
        const { data, nextCursor } = await upstreams.list(page)
        return { data: data.map(present), nextCursor }
      },
    }),
    route({
      method: 'POST',
      path: '/upstreams',
      summary: 'Registers an OpenID Connect provider. Its secret rests sealed and is never shown.',
      permission: write,
      limit: 'api.write',
      body: NewUpstream,
      answer: { status: 201, schema: UpstreamShown },
      async handle({ caller, body }) {
        assertMayTrust(caller, { trustsEmail: body.trust_email_verified })
        const upstream = await upstreams.create(caller.actor, body)
        return { ...replyWith(upstream), location: `/upstreams/${upstream.id}` }
      },
    }),
    route({
      ...about,
      method: 'GET',
      path: '/upstreams/:id',
      summary: 'One of them.',
      permission: read,
      limit: 'api.read',
      handle: async ({ params }) => replyWith(await upstreams.get(params.id)),
    }),
    route({
      ...about,
      method: 'PATCH',
      path: '/upstreams/:id',
      summary: 'Changes what is named; a client_secret that is null goes.',
      permission: write,
      limit: 'api.write',
      body: ChangedUpstream,
      async handle({ caller, params, body: change, expected }) {
        const assertMay = (upstream: Pick<Upstream, 'trustsEmail'>) => assertMayTrust(caller, upstream)
        return replyWith(await upstreams.update(caller.actor, params.id, { change, expected, assertMay }))
      },
    }),
    route({
      method: 'DELETE',
      path: '/upstreams/:id',
      summary: 'Removes it; nobody signs in with it any more.',
      permission: write,
      limit: 'api.write',
      params: ById,
      answer: { status: 204, schema: noBody },
      async handle({ caller, params }) {
        await upstreams.remove(caller.actor, params.id)
        return { body: undefined }
      },
    }),
  ]
}
