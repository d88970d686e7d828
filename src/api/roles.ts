// Owns the routes about roles that are not built in, of the installation or of one team, and the names of permissions.
import { z } from 'zod'
import type { Roles } from '../features/teams/roles-service.ts'
import { ChangeRole, DefineRole, type ListedRole } from '../features/teams/schema.ts'
import { type Permission, scopedActor } from './caller.ts'
import { ById, Id, listRoute, noBody, pageOf, type Route, route } from './route.ts'

export type RoleRoutesDeps = { roles: Roles }

/** Of the installation: administrators give and make them. */
const readAll: Permission = { scope: 'roles:read', reach: 'installation' }
const writeAll: Permission = { scope: 'roles:write', reach: 'installation' }
/** Of a team: the service asks what the caller is there. */
const readTeam: Permission = { scope: 'teams:read', reach: 'own' }
const writeTeam: Permission = { scope: 'teams:write', reach: 'own' }

const ByName = z.strictObject({ name: Id })
const ByTeamAndName = z.strictObject({ id: Id, name: Id })

export const RoleShown = z.object({
  name: z.string(),
  description: z.string().nullable(),
  permissions: z.array(z.string()),
})
const RoleListed = RoleShown.extend({ built_in: z.boolean() })

const present = ({ builtIn, ...role }: ListedRole) => ({ ...role, built_in: builtIn })
const replyWith = (role: Omit<ListedRole, 'builtIn'>) => ({
  body: role,
  ...(role.updatedAt && { version: role.updatedAt }),
})
const showOne = {
  method: 'GET',
  versioned: true,
  limit: 'api.read',
  answer: { status: 200, schema: RoleShown },
} as const

export function roleRoutes({ roles }: RoleRoutesDeps): Route[] {
  return [
    ...ofInstallation(roles),
    ...ofTeams(roles),
    listRoute({
      path: '/permissions',
      summary: 'Every permission that has a name: built in, and what roles give to apps.',
      permission: readAll,
      limit: 'api.read',
      item: z.string(),
      list: async ({ caller }, page) => pageOf(await roles.listPermissions(scopedActor(caller)), page),
    }),
  ]
}

function ofInstallation(roles: Roles): Route[] {
  return [
    listRoute({
      path: '/roles',
      summary: 'Roles of the installation, the built-in ones first.',
      permission: readAll,
      limit: 'api.read',
      item: RoleListed,
      list: async ({ caller }, page) => pageOf((await roles.list(scopedActor(caller))).map(present), page),
    }),
    route({
      method: 'POST',
      path: '/roles',
      summary: 'Makes a role of the installation: a named set of permissions.',
      permission: writeAll,
      limit: 'api.write',
      body: DefineRole,
      answer: { status: 201, schema: RoleShown },
      async handle({ caller, body }) {
        const role = await roles.create(scopedActor(caller), body)
        return { ...replyWith(role), location: `/roles/${role.name}` }
      },
    }),
    route({
      ...showOne,
      path: '/roles/:name',
      summary: 'One role of the installation.',
      permission: readAll,
      params: ByName,
      handle: async ({ caller, params }) => replyWith(await roles.get(scopedActor(caller), params)),
    }),
    route({
      method: 'PATCH',
      path: '/roles/:name',
      versioned: true,
      summary: 'Changes what a role holds, for everybody who has it.',
      permission: writeAll,
      limit: 'api.write',
      params: ByName,
      body: ChangeRole,
      answer: { status: 200, schema: RoleShown },
      handle: async ({ caller, params, body, expected }) =>
        replyWith(await roles.change(scopedActor(caller), { ...params, ...body, expected })),
    }),
    route({
      method: 'DELETE',
      path: '/roles/:name',
      summary: 'Removes a role that nobody has.',
      permission: writeAll,
      limit: 'api.write',
      params: ByName,
      answer: { status: 204, schema: noBody },
      async handle({ caller, params }) {
        await roles.remove(scopedActor(caller), params)
        return { body: undefined }
      },
    }),
  ]
}

function ofTeams(roles: Roles): Route[] {
  return [
    listRoute({
      path: '/teams/:id/roles',
      summary: 'Roles in a team, the built-in ones first.',
      permission: readTeam,
      limit: 'api.read',
      params: ById,
      item: RoleListed,
      async list({ caller, params }, page) {
        const all = await roles.list(scopedActor(caller), { teamId: params.id })
        return pageOf(all.map(present), page)
      },
    }),
    route({
      method: 'POST',
      path: '/teams/:id/roles',
      summary: 'Makes a role in a team, of no more than its maker holds there.',
      permission: writeTeam,
      limit: 'api.write',
      params: ById,
      body: DefineRole,
      answer: { status: 201, schema: RoleShown },
      async handle({ caller, params, body }) {
        const role = await roles.create(scopedActor(caller), { teamId: params.id, ...body })
        return { ...replyWith(role), location: `/teams/${params.id}/roles/${role.name}` }
      },
    }),
    route({
      ...showOne,
      path: '/teams/:id/roles/:name',
      summary: 'One role in a team.',
      permission: readTeam,
      params: ByTeamAndName,
      handle: async ({ caller, params: { id, name } }) =>
        replyWith(await roles.get(scopedActor(caller), { teamId: id, name })),
    }),
    route({
      method: 'PATCH',
      path: '/teams/:id/roles/:name',
      versioned: true,
      summary: 'Changes what a role in a team holds.',
      permission: writeTeam,
      limit: 'api.write',
      params: ByTeamAndName,
      body: ChangeRole,
      answer: { status: 200, schema: RoleShown },
      handle: async ({ caller, params: { id, name }, body, expected }) =>
        replyWith(await roles.change(scopedActor(caller), { teamId: id, name, ...body, expected })),
    }),
    route({
      method: 'DELETE',
      path: '/teams/:id/roles/:name',
      summary: 'Removes a role in a team that nobody has.',
      permission: writeTeam,
      limit: 'api.write',
      params: ByTeamAndName,
      answer: { status: 204, schema: noBody },
      async handle({ caller, params: { id, name } }) {
        await roles.remove(scopedActor(caller), { teamId: id, name })
        return { body: undefined }
      },
    }),
  ]
}
