// Owns the page of what changes a team as a whole: its name, who owns it, and that one leaves it.
import type Koa from 'koa'
import type { Members } from '../features/teams/members-service.ts'
import type { Room } from '../features/teams/rooms-service.ts'
import type { Teams } from '../features/teams/service.ts'
import type { Form } from '../web/input.ts'
import { otherMethods } from '../web/methods.ts'
import {
  actorOf,
  createTeamPages,
  type Inside,
  onPage,
  type TeamRoutes,
  type Trouble,
  teamPath,
  teamsPage,
  unknownDeed,
} from './team-routes.ts'

export type SettingsPagesDeps = TeamRoutes & {
  teams: Pick<Teams, 'update'>
  members: Pick<Members, 'list' | 'leave' | 'transfer'>
}

/** Whoever is further down a long list is handed the team by the management API. */
const mostCandidates = 100

export function mountSettingsPages(deps: SettingsPagesDeps): void {
  const { router, renderer, sameOrigin, members } = deps
  const { inside, answering } = createTeamPages(deps)
  const path = `${teamPath}/settings`

  async function show(ctx: Koa.Context, within: Inside, trouble?: Trouble): Promise<void> {
    const { room } = within
    const mayTransfer = room.may('team.transfer')
    const { slug, name, description } = room.team
    const typed = { slug, name, description: description ?? '', ...trouble?.typed }
    const view = {
      ...onPage(ctx, within, trouble),
      typed,
      mayRename: room.may('team.update'),
      mayTransfer,
      mayLeave: room.role !== undefined,
      candidates: mayTransfer ? await candidatesFor(within) : [],
    }
    renderer.page(ctx, 'account/team-settings', view, { status: trouble?.status ?? 200 })
  }

  async function candidatesFor({ visitor, room }: Inside) {
    const { data } = await members.list(actorOf(visitor), { teamId: room.team.id, limit: mostCandidates })
    return data
      .filter(({ accountId }) => accountId !== visitor.account.id)
      .map(({ accountId: id, name }) => ({ id, name }))
  }

  const change = answering(show, async ({ visitor, room }, form) => {
    const actor = actorOf(visitor)
    const teamId = room.team.id
    switch (form.deed) {
      case 'rename': {
        const { slug } = await deps.teams.update(actor, { teamId, ...nameIn(form, room) })
        return { done: 'saved', page: `${teamsPage}/${slug}/settings` }
      }
      case 'transfer':
        await members.transfer(actor, { teamId, accountId: form.member ?? '' })
        return { done: 'transferred' }
      case 'leave':
        await members.leave(actor, { teamId })
        return { done: 'left', page: teamsPage }
      default:
        throw unknownDeed()
    }
  })

  const fresh = true
  router.get(path, inside(show, { fresh }))
  router.post(path, sameOrigin, inside(change, { fresh }))
  router.all(path, otherMethods('GET', 'HEAD', 'POST'))
}

/** What the form left out stays. Lines end as browsers send them, and rest as everywhere else. */
function nameIn(form: Form, { team }: Room) {
  const { slug = team.slug, name = team.name, description = team.description ?? '' } = form
  return { slug: slug.trim(), name, description: description.replaceAll('\r\n', '\n') }
}
