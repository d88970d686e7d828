// Owns the page where a team invites by mail: who is asked, sent again, taken back.
import type Koa from 'koa'
import type { Invitations } from '../features/teams/invitations-service.ts'
import { otherMethods } from '../web/methods.ts'
import {
  actorOf,
  createTeamPages,
  type Inside,
  onPage,
  partOf,
  type TeamRoutes,
  type Trouble,
  teamPath,
  unknownDeed,
} from './team-routes.ts'

export type InvitingPagesDeps = TeamRoutes & {
  invitations: Pick<Invitations, 'list' | 'create' | 'resend' | 'revoke'>
}

export function mountInvitingPages(deps: InvitingPagesDeps): void {
  const { router, renderer, sameOrigin, invitations } = deps
  const { inside, answering } = createTeamPages(deps)
  const path = `${teamPath}/invitations`

  async function show(ctx: Koa.Context, within: Inside, trouble?: Trouble): Promise<void> {
    const { visitor, room } = within
    const { data, nextCursor } = await invitations.list(actorOf(visitor), partOf(ctx, room))
    const waiting = data.filter(({ state }) => state === 'pending' || state === 'expired')
    const view = {
      ...onPage(ctx, within, trouble),
      ...(nextCursor !== null && { next: nextCursor }),
      mayInvite: room.may('invitations.create'),
      invitations: waiting.map(({ id, email, role, state, expiresAt: until }) => ({
        id,
        email,
        role,
        expired: state === 'expired',
        until,
      })),
    }
    renderer.page(ctx, 'account/team-invitations', view, { status: trouble?.status ?? 200 })
  }

  const change = answering(show, async ({ visitor, room }, { deed, id = '', email = '', role = '' }) => {
    const actor = actorOf(visitor)
    const teamId = room.team.id
    switch (deed) {
      case 'invite':
        await invitations.create(actor, { teamId, email: email.trim(), role })
        return { done: 'invited' }
      case 'resend':
        await invitations.resend(actor, { teamId, invitationId: id })
        return { done: 'resent' }
      case 'revoke':
        await invitations.revoke(actor, { teamId, invitationId: id })
        return { done: 'revoked' }
      default:
        throw unknownDeed()
    }
  })

  router.get(path, inside(show))
  router.post(path, sameOrigin, inside(change))
  router.all(path, otherMethods('GET', 'HEAD', 'POST'))
}
