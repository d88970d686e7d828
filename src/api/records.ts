// Owns the routes that only show: the facts of the audit log, and the keys that sign.
import { z } from 'zod'
import type { SigningKeyStore } from '../features/artifacts/signing-keys.ts'
import type { Audit } from '../features/audit/service.ts'
import { eventTypes } from '../kernel/events.ts'
import { listRoute, type Route, route } from './route.ts'

export type RecordRoutesDeps = { audit: Pick<Audit, 'search'>; signingKeys: Pick<SigningKeyStore, 'list'> }

const moment = z.iso.datetime()
const types = Object.keys(eventTypes) as [string, ...string[]]

export const Fact = z.object({
  id: z.uuid(),
  at: moment,
  type: z.string(),
  actor: z.looseObject({ kind: z.string(), id: z.string().optional() }).nullable(),
  user_id: z.uuid().nullable(),
  client_id: z.string().nullable(),
  request_id: z.string().nullable(),
  address: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
})

const Filters = z.object({
  type: z.enum(types).optional(),
  user_id: z.uuid().optional(),
  client_id: z.string().min(1).max(200).optional(),
  since: moment.optional(),
  until: moment.optional(),
})

export const Key = z.object({
  kid: z.string(),
  alg: z.string(),
  state: z.enum(['next', 'active', 'retained']),
  published_at: moment.nullable(),
})

export function recordRoutes({ audit, signingKeys }: RecordRoutesDeps): Route[] {
  return [
    listRoute({
      path: '/audit',
      summary: 'What happened, newest first; by kind, person, client and time.',
      permission: { scope: 'audit:read', reach: 'installation' },
      limit: 'api.read',
      query: Filters,
      item: Fact,
      async list({ query: { user_id, client_id, type, since, until } }, page) {
        const { data, nextCursor } = await audit.search(
          { type, accountId: user_id, clientId: client_id, since, until },
          page,
        )
        const facts = data.map(({ at, accountId, clientId, requestId, ...fact }) => ({
          ...fact,
          at: at.toISOString(),
          user_id: accountId,
          client_id: clientId,
          request_id: requestId,
        }))
        return { data: facts, nextCursor }
      },
    }),
    route({
      method: 'GET',
      path: '/keys',
      summary:
        'The keys that sign, will sign or have signed what still lives; their public part is in the JWKS.',
      permission: { scope: 'keys:rotate', reach: 'installation' },
      limit: 'api.read',
      answer: { status: 200, schema: z.object({ data: z.array(Key), next_cursor: z.null() }) },
      async handle() {
        const data = (await signingKeys.list()).map(({ kid, alg, state, publishedAt }) => ({
          kid,
          alg,
          state,
          published_at: publishedAt?.toISOString() ?? null,
        }))
        return { body: { data, next_cursor: null } }
      },
    }),
  ]
}
