// Owns the routes about what belongs to one person: where they are signed in, and their roles in the installation.
import type { Accounts } from '../features/accounts/service.ts'
import type { Sessions } from '../features/sessions/service.ts'
import type { Assignments } from '../features/teams/assignments-service.ts'
import { type Permission, scopedActor } from './caller.ts'
import { ById, listRoute, noBody, pageOf, type Route, route } from './route.ts'
import {
  ByRole,
  BySession,
  GrantedRole,
  presentSession,
  RoleHeld,
  UserRoles,
  UserSession,
} from './users-schema.ts'

export type UserPartRoutesDeps = {
  accounts: Pick<Accounts, 'get'>
  sessions: Pick<Sessions, 'listFor' | 'end' | 'endAll'>
  assignments: Pick<Assignments, 'assign' | 'unassign'>
}

export function userPartRoutes(deps: UserPartRoutesDeps): Route[] {
  return [...sessionRoutes(deps), ...roleRoutes(deps)]
}

const endSessions: Permission = { scope: 'sessions:write', reach: 'account' }

function sessionRoutes({ accounts, sessions }: UserPartRoutesDeps): Route[] {
  return [
    listRoute({
      path: '/users/:id/sessions',
      summary: 'Where a person is signed in, the session seen last first; nobody has more than fifty.',
      permission: { scope: 'sessions:read', reach: 'account' },
      limit: 'api.read',
      params: ById,
      item: UserSession,
      async list({ params: { id } }, page) {
        const rows = await sessions.listFor(id)
        return pageOf(
          rows.map((row) => presentSession(id, row)),
          page,
        )
      },
    }),
    route({
      method: 'DELETE',
      path: '/users/:id/sessions',
      summary: 'Signs a person out everywhere, apps with offline access included.',
      permission: endSessions,
      limit: 'api.write',
      params: ById,
      answer: { status: 204, schema: noBody },
      async handle({ caller: { actor }, params, origin: { requestId, address } }) {
        const { id } = await accounts.get(params.id)
        await sessions.endAll(id, { actor, requestId, address })
        return { body: undefined }
      },
    }),
    route({
      method: 'DELETE',
      path: '/users/:id/sessions/:session_id',
      summary: 'Ends one session with its tokens.',
      permission: endSessions,
      limit: 'api.write',
      params: BySession,
      answer: { status: 204, schema: noBody },
      async handle({ caller: { actor }, params, origin: { requestId, address } }) {
        const { id } = await accounts.get(params.id)
        await sessions.end(id, params.session_id, { actor, requestId, address })
        return { body: undefined }
      },
    }),
  ]
}

/** Administrators hold every role of the installation, so nobody else gives one. */
const giveRoles: Permission = { scope: 'roles:write', reach: 'installation' }

function roleRoutes({ accounts, assignments }: UserPartRoutesDeps): Route[] {
  return [
    listRoute({
      path: '/users/:id/roles',
      summary: 'The roles of a person in the installation.',
      permission: { scope: 'roles:read', reach: 'account' },
      limit: 'api.read',
      params: ById,
      item: RoleHeld,
      list: async ({ params }, page) => pageOf((await accounts.get(params.id)).roles, page),
    }),
    route({
      method: 'POST',
      path: '/users/:id/roles',
      summary: 'Gives a role of the installation; one that is there already stays.',
      permission: giveRoles,
      limit: 'api.write',
      params: ById,
      body: GrantedRole,
      answer: { status: 200, schema: UserRoles },
      async handle({ caller, params, body }) {
        const about = { accountId: params.id, role: body.role }
        const data = await assignments.assign(scopedActor(caller), about)
        return { body: { data } }
      },
    }),
    route({
      method: 'DELETE',
      path: '/users/:id/roles/:role',
      summary: 'Takes a role of the installation; the last administrator stays.',
      permission: giveRoles,
      limit: 'api.write',
      params: ByRole,
      answer: { status: 204, schema: noBody },
      async handle({ caller, params }) {
        await assignments.unassign(scopedActor(caller), { accountId: params.id, role: params.role })
        return { body: undefined }
      },
    }),
  ]
}
