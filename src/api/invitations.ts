// Owns the routes about invitations to a team: sent, sent again, taken back, and accepted by whoever they are for.
import type { Invitations } from '../features/teams/invitations-service.ts'
import { AcceptInvitation, Invite } from '../features/teams/schema.ts'
import { type Permission, scopedActor } from './caller.ts'
import { ById, listRoute, noBody, type Route, route } from './route.ts'
import { ByInvitation, InvitationShown, Joined, presentInvitation, presentTeam } from './teams-schema.ts'

export type InvitationRoutesDeps = {
  invitations: Pick<Invitations, 'list' | 'create' | 'resend' | 'revoke' | 'accept'>
}

const read: Permission = { scope: 'teams:read', reach: 'own' }
const write: Permission = { scope: 'teams:write', reach: 'own' }

export function invitationRoutes(deps: InvitationRoutesDeps): Route[] {
  return [...sentRoutes(deps), ...openRoutes(deps)]
}

function sentRoutes({ invitations }: InvitationRoutesDeps): Route[] {
  return [
    listRoute({
      path: '/teams/:id/invitations',
      summary: 'Invitations to a team, and what became of them.',
      permission: read,
      limit: 'api.read',
      params: ById,
      item: InvitationShown,
      async list({ caller, params }, page) {
        const found = await invitations.list(scopedActor(caller), { teamId: params.id, ...page })
        return { data: found.data.map(presentInvitation), nextCursor: found.nextCursor }
      },
    }),
    route({
      method: 'POST',
      path: '/teams/:id/invitations',
      summary: 'Mails an invitation, good for seven days; one that waits for the same address is replaced.',
      permission: write,
      limit: 'api.write',
      params: ById,
      body: Invite,
      answer: { status: 201, schema: InvitationShown },
      async handle({ caller, params, body }) {
        const invitation = await invitations.create(scopedActor(caller), { teamId: params.id, ...body })
        const location = `/teams/${params.id}/invitations/${invitation.id}`
        return { body: presentInvitation(invitation), location }
      },
    }),
  ]
}

function openRoutes({ invitations }: InvitationRoutesDeps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/teams/:id/invitations/:invitation_id/resend',
      summary: 'Mails it again, with seven days from now; also one that has expired.',
      permission: write,
      limit: 'api.write',
      params: ByInvitation,
      answer: { status: 200, schema: InvitationShown },
      async handle({ caller, params: { id, invitation_id } }) {
        const about = { teamId: id, invitationId: invitation_id }
        return { body: presentInvitation(await invitations.resend(scopedActor(caller), about)) }
      },
    }),
    route({
      method: 'DELETE',
      path: '/teams/:id/invitations/:invitation_id',
      summary: 'Takes an invitation back that waits for its answer.',
      permission: write,
      limit: 'api.write',
      params: ByInvitation,
      answer: { status: 204, schema: noBody },
      async handle({ caller, params: { id, invitation_id } }) {
        await invitations.revoke(scopedActor(caller), { teamId: id, invitationId: invitation_id })
        return { body: undefined }
      },
    }),
    route({
      method: 'POST',
      path: '/invitations/accept',
      summary: 'Accepts an invitation, once, as the person whose proved address it was sent to.',
      permission: write,
      limit: 'api.write',
      body: AcceptInvitation,
      answer: { status: 200, schema: Joined },
      async handle({ caller, body }) {
        const { team, role } = await invitations.accept(scopedActor(caller), body)
        return { body: { team: presentTeam(team), role } }
      },
    }),
  ]
}
