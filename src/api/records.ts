// Owns the route that shows the facts of the audit log.
import { z } from 'zod'
import type { Audit } from '../features/audit/service.ts'
import type { AuditRow } from '../features/audit/store.ts'
import { eventTypes } from '../kernel/events.ts'
import { listRoute, type Route } from './route.ts'

export type RecordRoutesDeps = { audit: Pick<Audit, 'search'> }

const moment = z.iso.datetime()
export const types = Object.keys(eventTypes) as [string, ...string[]]

export const Fact = z.object({
  id: z.uuid(),
  at: moment,
  type: z.string(),
  actor: z.looseObject({ kind: z.string(), id: z.string().optional() }).nullable(),
  user_id: z.uuid().nullable(),
  client_id: z.string().nullable(),
  team_id: z.string().nullable(),
  request_id: z.string().nullable(),
  address: z.string().nullable(),
  /** The User-Agent, cut short. */
  device: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
})

const Filters = z.object({
  type: z.enum(types).optional(),
  user_id: z.uuid().optional(),
  client_id: z.string().min(1).max(200).optional(),
  team_id: z.uuid().optional(),
  /** Of the account or client that did it. */
  actor_id: z.string().min(1).max(200).optional(),
  request_id: z.string().min(1).max(200).optional(),
  since: moment.optional(),
  until: moment.optional(),
})

/** One entry of the log, as the list and the live events show it. */
export const presentFact = ({
  at,
  accountId,
  clientId,
  requestId,
  ...fact
}: AuditRow): z.input<typeof Fact> => ({
  ...fact,
  at: at.toISOString(),
  user_id: accountId,
  client_id: clientId,
  team_id: typeof fact.details.team === 'string' ? fact.details.team : null,
  request_id: requestId,
})

export function recordRoutes({ audit }: RecordRoutesDeps): Route[] {
  return [
    listRoute({
      path: '/audit',
      summary: 'What happened, newest first; by kind, who did it, person, client, team, request and time.',
      permission: { scope: 'audit:read', reach: 'installation' },
      limit: 'api.read',
      query: Filters,
      item: Fact,
      async list({ query }, page) {
        const { user_id, client_id, team_id, actor_id, request_id, type, since, until } = query
        const filter = {
          type,
          accountId: user_id,
          clientId: client_id,
          teamId: team_id,
          actorId: actor_id,
          requestId: request_id,
          since,
          until,
        }
        const { data, nextCursor } = await audit.search(filter, page)
        return { data: data.map(presentFact), nextCursor }
      },
    }),
  ]
}
