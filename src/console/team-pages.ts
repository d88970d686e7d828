// Owns the pages about one's teams: which they are, and who belongs to one. Invitations, codes and settings are beside it.
import type Koa from 'koa'
import type { Members } from '../features/teams/members-service.ts'
import type { Teams } from '../features/teams/service.ts'
import { otherMethods } from '../web/methods.ts'
import type { Visitor } from './account-session.ts'
import { type CodePagesDeps, mountCodePages } from './team-code-pages.ts'
import { type InvitingPagesDeps, mountInvitingPages } from './team-invitation-pages.ts'
import {
  actorOf,
  createTeamPages,
  type Inside,
  onPage,
  ownInTeams,
  partOf,
  type TeamRoutes,
  type Trouble,
  teamPath,
  teamsPage,
  unknownDeed,
} from './team-routes.ts'
import { mountSettingsPages, type SettingsPagesDeps } from './team-settings-pages.ts'

export type TeamPagesDeps = TeamRoutes &
  InvitingPagesDeps &
  CodePagesDeps &
  SettingsPagesDeps & {
    teams: Pick<Teams, 'membershipsOf'>
    members: Pick<Members, 'list' | 'changeRole' | 'remove'>
  }

export function mountTeamPages(deps: TeamPagesDeps): void {
  const { router, renderer, session, teams } = deps

  async function showAll(ctx: Koa.Context, visitor: Visitor): Promise<void> {
    const mine = await teams.membershipsOf(visitor.account.id)
    const shown = mine.map(({ slug, name, role }) => ({ slug, name, role }))
    renderer.page(ctx, 'account/teams', { ...ownInTeams(ctx, visitor), teams: shown })
  }

  router.get(teamsPage, session.guarded({ page: teamsPage }, showAll))
  router.all(teamsPage, otherMethods('GET', 'HEAD'))
  mountMembers(deps)
  mountInvitingPages(deps)
  mountCodePages(deps)
  mountSettingsPages(deps)
}

function mountMembers(deps: TeamPagesDeps): void {
  const { router, renderer, sameOrigin, members } = deps
  const { inside, answering } = createTeamPages(deps)

  async function show(ctx: Koa.Context, within: Inside, trouble?: Trouble): Promise<void> {
    const { visitor, room } = within
    const { data, nextCursor } = await members.list(actorOf(visitor), partOf(ctx, room))
    const view = {
      ...onPage(ctx, within, trouble),
      ...(nextCursor !== null && { next: nextCursor }),
      members: data.map(({ accountId: id, name, role, joinedAt: since }) => ({
        id,
        name,
        role,
        since,
        self: id === visitor.account.id,
        mayChange: room.may('members.change_role') && room.mayTouch(role),
        mayRemove: room.may('members.remove') && room.mayTouch(role) && id !== visitor.account.id,
      })),
    }
    renderer.page(ctx, 'account/team', view, { status: trouble?.status ?? 200 })
  }

  const change = answering(show, async ({ visitor, room }, { member = '', role = '', deed }) => {
    const about = { teamId: room.team.id, accountId: member }
    if (deed === 'remove') {
      await members.remove(actorOf(visitor), about)
      return { done: 'removed' }
    }
    if (deed !== 'role') throw unknownDeed()
    await members.changeRole(actorOf(visitor), { ...about, role })
    return { done: 'role_changed' }
  })

  router.get(teamPath, inside(show))
  router.post(teamPath, sameOrigin, inside(change))
  router.all(teamPath, otherMethods('GET', 'HEAD', 'POST'))
}
