// Owns what the files of the pages about one's teams share: the team that a path names, as its reader may see it, and
// what is said when something was done or refused. Who may do what is asked by features/teams, each time.
import type Koa from 'koa'
import { limits } from '../config/limits.ts'
import type { Room, Rooms } from '../features/teams/rooms-service.ts'
import { AppError, invalidInput, notFound } from '../kernel/errors.ts'
import { after, type Clock, days, seconds } from '../kernel/time.ts'
import { type Form, readForm } from '../web/input.ts'
import { isProblemCode } from '../web/problem-words.ts'
import type { TeamOnPage, TeamTab } from '../web/team-views.ts'
import type { PageError, Said } from '../web/views.ts'
import { type AccountRoutes, backTo, ownOf } from './account-routes.ts'
import type { Visitor } from './account-session.ts'

export type TeamRoutes = AccountRoutes & { rooms: Rooms; clock: Clock }

export const teamsPage = '/account/teams'
export const teamPath = `${teamsPage}/:slug`

const pageOfTeam = /^\/account\/teams\/[a-z0-9-]{1,63}(?:\/(?:invitations|codes|settings))?$/
/** Whether somebody may be sent back there after signing in. */
export const isTeamPage = (path: string): boolean => path === teamsPage || pageOfTeam.test(path)

/** What a page about one team is shown with besides its own. */
export type Trouble = {
  errors?: PageError[]
  typed?: Form
  retryAt?: Date
  retryAfterSeconds?: number
  status?: number
}
/** Whoever opened a page of a team, and what they may do there. */
export type Inside = { visitor: Visitor; room: Room; path: string }

export const actorOf = ({ account }: Visitor) => ({ kind: 'account', id: account.id }) as const

const done: Readonly<Record<string, Said>> = {
  role_changed: { key: 'team.done_role_changed' },
  removed: { key: 'team.done_removed' },
  left: { key: 'team.done_left' },
  invited: { key: 'team.done_invited' },
  resent: { key: 'team.done_resent' },
  revoked: { key: 'team.done_revoked' },
  code_made: { key: 'team.done_code_made' },
  code_revoked: { key: 'team.done_code_revoked' },
  saved: { key: 'account.done_saved' },
  transferred: { key: 'team.done_transferred' },
}

export const ownInTeams = (ctx: Koa.Context, visitor: Visitor) => ownOf(ctx, visitor, done)

export function onPage(ctx: Koa.Context, { visitor, room }: Inside, trouble: Trouble = {}): TeamOnPage {
  const { status: _, ...rest } = trouble
  const { slug, name, description } = room.team
  return {
    ...ownInTeams(ctx, visitor),
    team: { slug, name, description },
    ...(room.role !== undefined && { role: room.role }),
    tabs: tabsOf(room),
    roles: room.grantable,
    ...rest,
  }
}

/** Which part of a long list about the team is asked for. */
export function partOf(ctx: Koa.Context, { team }: Room): { teamId: string; cursor?: string } {
  const { cursor } = ctx.query
  return { teamId: team.id, ...(typeof cursor === 'string' && { cursor }) }
}

function tabsOf({ may }: Room): TeamTab[] {
  return [
    'members',
    ...(may('invitations.list') ? (['invitations'] as const) : []),
    ...(may('join_codes.list') ? (['codes'] as const) : []),
    'settings',
  ]
}

type Show = (ctx: Koa.Context, inside: Inside, trouble?: Trouble) => Promise<void>
/** Gives what was done, to be said on the page that follows, and where that is when it is not the same page. */
type Deed = (inside: Inside, form: Form, ctx: Koa.Context) => Promise<{ done: string; page?: string }>

export function createTeamPages({ session, rooms, clock }: TeamRoutes) {
  /** A route of a page about one team. `fresh`: only shortly after signing in. */
  function inside(
    handler: (ctx: Koa.Context, inside: Inside) => Promise<void>,
    { fresh = false }: { fresh?: boolean } = {},
  ) {
    return session.open(
      async (ctx, visitor) => {
        const { path } = ctx
        if (!isTeamPage(path)) throw notFound('team_not_found')
        if (!visitor) return session.sendToSignIn(ctx, { page: path, fresh })
        ctx.state.stayAt = path
        await handler(ctx, {
          visitor,
          room: await rooms.open(actorOf(visitor), String(ctx.params.slug)),
          path,
        })
      },
      { fresh },
    )
  }

  /** What is refused is said on the page it was asked on, with what was typed. */
  const answering =
    (show: Show, deed: Deed) =>
    async (ctx: Koa.Context, within: Inside): Promise<void> => {
      const form = await readForm(ctx)
      try {
        const { done, page = within.path } = await deed(within, form, ctx)
        backTo(ctx, page, done)
      } catch (error) {
        await show(ctx, within, { typed: form, ...troubleOf(ctx, error, clock) })
      }
    }

  return { inside, answering }
}

function troubleOf(ctx: Koa.Context, error: unknown, clock: Clock): Trouble {
  if (!(error instanceof AppError)) throw error
  const { kind, code, details } = error
  if (kind === 'rate_limited') {
    const retryAfterSeconds = Math.max(1, Math.ceil(details.retryAfterSeconds ?? 1))
    ctx.set('Retry-After', String(retryAfterSeconds))
    return { retryAfterSeconds, retryAt: after(clock.now(), seconds(retryAfterSeconds)), status: 429 }
  }
  if (kind === 'invalid' && details.errors) return { errors: details.errors.map(fieldErrorOf), status: 422 }
  const mendable = kind === 'conflict' || kind === 'gone' || kind === 'not_found'
  // A team that is not there any more is no page to say anything on
  if (!mendable || code === 'team_not_found' || !isProblemCode(code)) throw error
  // What was there a moment ago: which id it had is nothing that the reader typed
  const words = kind === 'conflict' ? (`error.${code}.detail` as const) : (`error.${code}.title` as const)
  return { errors: [{ text: { key: words } }], status: kind === 'not_found' ? 404 : 409 }
}

const ofFields: Readonly<Record<string, Said>> = {
  slug: { key: 'team.invalid_slug' },
  name: { key: 'account.invalid_text' },
  description: { key: 'account.invalid_text' },
  email: { key: 'error.field.email_invalid' },
  max_uses: { key: 'team.number_hint', values: { most: limits.joinCodeUses } },
  expires_at: { key: 'team.number_hint', values: { most: limits.joinCodeMs / days(1) } },
}

function fieldErrorOf({ pointer }: { pointer: string }): PageError {
  const field = pointer.slice(1)
  return { field, text: ofFields[field] ?? { key: 'error.field.invalid' } }
}

/** Of a button that no page of ours has. */
export const unknownDeed = () =>
  invalidInput([{ pointer: '/deed', code: 'invalid_value', detail: 'must be one that the page offers' }])
