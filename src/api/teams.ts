// Owns the routes about teams and who belongs to them. Who may do what to which team is asked by the services, on the
// locked team; to whom a team is unknown it is one that never was.
import type { Members } from '../features/teams/members-service.ts'
import { ChangeTeam, CreateTeam, type Team } from '../features/teams/schema.ts'
import type { Teams } from '../features/teams/service.ts'
import { type Permission, scopedActor } from './caller.ts'
import { ById, listRoute, noBody, type Route, route } from './route.ts'
import {
  ByMember,
  MemberRole,
  MemberShown,
  NewMember,
  NewOwner,
  NewRole,
  presentMember,
  presentTeam,
  TeamFilters,
  TeamShown,
} from './teams-schema.ts'

export type TeamRoutesDeps = {
  teams: Pick<Teams, 'list' | 'create' | 'get' | 'update' | 'remove'>
  members: Pick<Members, 'list' | 'add' | 'changeRole' | 'remove' | 'leave' | 'transfer'>
}

const read: Permission = { scope: 'teams:read', reach: 'own' }
const write: Permission = { scope: 'teams:write', reach: 'own' }

const replyWith = (team: Team) => ({ body: presentTeam(team), version: team.updatedAt })

export function teamRoutes({ teams, members }: TeamRoutesDeps): Route[] {
  return [...ofTeams(teams), ...ofMembers(members), ...ofOwners(members)]
}

function ofTeams(teams: TeamRoutesDeps['teams']): Route[] {
  return [
    listRoute({
      path: '/teams',
      summary: 'Teams, in the order they were made; to somebody who may not see all, their own.',
      permission: read,
      limit: 'api.read',
      query: TeamFilters,
      item: TeamShown,
      async list({ caller, query }, page) {
        const { data, nextCursor } = await teams.list(scopedActor(caller), { ...query, ...page })
        return { data: data.map(presentTeam), nextCursor }
      },
    }),
    route({
      method: 'POST',
      path: '/teams',
      summary: 'Makes a team: a person owns what they make, what a program makes starts empty.',
      permission: write,
      limit: 'api.write',
      body: CreateTeam,
      answer: { status: 201, schema: TeamShown },
      async handle({ caller, body }) {
        const team = await teams.create(scopedActor(caller), body)
        return { ...replyWith(team), location: `/teams/${team.id}` }
      },
    }),
    route({
      method: 'GET',
      path: '/teams/:id',
      versioned: true,
      summary: 'One team.',
      permission: read,
      limit: 'api.read',
      params: ById,
      answer: { status: 200, schema: TeamShown },
      handle: async ({ caller, params }) =>
        replyWith(await teams.get(scopedActor(caller), { teamId: params.id })),
    }),
    route({
      method: 'PATCH',
      path: '/teams/:id',
      versioned: true,
      summary: 'Changes slug, name and description; a description that is null goes.',
      permission: write,
      limit: 'api.write',
      params: ById,
      body: ChangeTeam,
      answer: { status: 200, schema: TeamShown },
      handle: async ({ caller, params, body, expected }) =>
        replyWith(await teams.update(scopedActor(caller), { teamId: params.id, ...body, expected })),
    }),
    route({
      method: 'DELETE',
      path: '/teams/:id',
      summary: 'Deletes a team with its members and invitations.',
      permission: write,
      limit: 'api.write',
      params: ById,
      answer: { status: 204, schema: noBody },
      async handle({ caller, params }) {
        await teams.remove(scopedActor(caller), { teamId: params.id })
        return { body: undefined }
      },
    }),
  ]
}

function ofMembers(members: TeamRoutesDeps['members']): Route[] {
  return [
    listRoute({
      path: '/teams/:id/members',
      summary: 'Who belongs to a team, and in which role.',
      permission: read,
      limit: 'api.read',
      params: ById,
      item: MemberShown,
      async list({ caller, params }, page) {
        const { data, nextCursor } = await members.list(scopedActor(caller), { teamId: params.id, ...page })
        return { data: data.map(presentMember), nextCursor }
      },
    }),
    route({
      method: 'POST',
      path: '/teams/:id/members',
      summary: 'Adds a person to a team.',
      permission: write,
      limit: 'api.write',
      params: ById,
      body: NewMember,
      answer: { status: 201, schema: MemberRole },
      async handle({ caller, params, body: { user_id, role } }) {
        await members.add(scopedActor(caller), { teamId: params.id, accountId: user_id, role })
        return { body: { user_id, role }, location: `/teams/${params.id}/members/${user_id}` }
      },
    }),
    route({
      method: 'PATCH',
      path: '/teams/:id/members/:user_id',
      summary: 'Changes the role of a member; the last owner stays one.',
      permission: write,
      limit: 'api.write',
      params: ByMember,
      body: NewRole,
      answer: { status: 200, schema: MemberRole },
      async handle({ caller, params: { id, user_id }, body: { role } }) {
        await members.changeRole(scopedActor(caller), { teamId: id, accountId: user_id, role })
        return { body: { user_id, role } }
      },
    }),
    route({
      method: 'DELETE',
      path: '/teams/:id/members/:user_id',
      summary: 'Takes a member out of a team; people may take themselves out. The last owner stays.',
      permission: write,
      limit: 'api.write',
      params: ByMember,
      answer: { status: 204, schema: noBody },
      async handle({ caller, params: { id, user_id } }) {
        const actor = scopedActor(caller)
        const goes = actor.kind === 'account' && actor.id === user_id
        if (goes) await members.leave(actor, { teamId: id })
        else await members.remove(actor, { teamId: id, accountId: user_id })
        return { body: undefined }
      },
    }),
  ]
}

function ofOwners(members: TeamRoutesDeps['members']): Route[] {
  return [
    route({
      method: 'POST',
      path: '/teams/:id/transfer',
      summary: 'Hands a team over to one of its members; whoever hands it over stays as an admin.',
      permission: write,
      limit: 'api.write',
      params: ById,
      body: NewOwner,
      answer: { status: 200, schema: MemberRole },
      async handle({ caller, params, body: { user_id } }) {
        await members.transfer(scopedActor(caller), { teamId: params.id, accountId: user_id })
        return { body: { user_id, role: 'owner' } }
      },
    }),
  ]
}
