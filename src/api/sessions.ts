// Owns the routes about sessions across people: everybody's for administrators, one's own for everybody else.
import { z } from 'zod'
import type { Sessions } from '../features/sessions/service.ts'
import { ById, listRoute, noBody, type Route, route } from './route.ts'
import { presentSession, UserSession } from './users-schema.ts'

export type SessionRoutesDeps = { sessions: Pick<Sessions, 'list' | 'getOwner' | 'end'> }

export function sessionRoutes({ sessions }: SessionRoutesDeps): Route[] {
  return [
    listRoute({
      path: '/sessions',
      summary: 'Where people are signed in; to somebody who is no administrator, where they are themselves.',
      permission: { scope: 'sessions:read', reach: 'own' },
      limit: 'api.read',
      query: z.object({ user_id: z.uuid().optional() }),
      item: UserSession,
      async list({ caller, query }, page) {
        const accountId = caller.ownAccount ?? query.user_id
        const { data, nextCursor } = await sessions.list({
          ...page,
          ...(accountId !== undefined && { accountId }),
        })
        return { data: data.map((row) => presentSession(row.accountId, row)), nextCursor }
      },
    }),
    route({
      method: 'DELETE',
      path: '/sessions/:id',
      summary: 'Ends a session with its tokens.',
      permission: { scope: 'sessions:write', reach: 'own' },
      limit: 'api.write',
      params: ById,
      answer: { status: 204, schema: noBody },
      async handle({ caller: { actor, ownAccount }, params, origin: { requestId, address } }) {
        // Another's is as unknown as one that never was: it is looked for among one's own
        const owner = ownAccount ?? (await sessions.getOwner(params.id))
        await sessions.end(owner, params.id, { actor, requestId, address })
        return { body: undefined }
      },
    }),
  ]
}
