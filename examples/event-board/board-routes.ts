// Owns the pages of the board and what their forms do. Whether somebody may is decided here, by person.ts, each time.

import type Router from '@koa/router'
import type Koa from 'koa'
import type { Board, BoardEvent } from './board.ts'
import { isNoticeText, readEvent, textOf } from './forms.ts'
import { eventPage, homePage, newEventPage, teamPage, type Viewer } from './pages.ts'
import { mayCancelEvent, mayCreateEvent, mayPostNotice, maySee, type Person, teamOf } from './person.ts'
import type { Posted, Visits } from './visits.ts'

export type BoardDeps = { board: Board; visits: Visits }

export function addBoardRoutes(router: Router, deps: BoardDeps): void {
  addPages(router, deps)
  addEventForms(router, deps)
  addNoticeForms(router, deps)
}

const emptyEvent = { title: '', description: '', place: '', startsAt: '', capacity: null, team: '' }

function show(ctx: Koa.Context, page: string, status = 200): void {
  ctx.status = status
  ctx.type = 'html'
  ctx.body = page
}

const notThere = (visits: Visits, ctx: Koa.Context): undefined =>
  visits.refuse(ctx, 404, 'Nothing here', 'There is no such page, or it is not for you.')
const forbidden = (visits: Visits, ctx: Koa.Context): undefined =>
  visits.refuse(ctx, 403, 'Not yours to do', 'Ask an organizer.')

/** What is not for somebody is answered like what is not there. */
function visibleEvent(board: Board, id: unknown, person: Person | undefined): BoardEvent | undefined {
  const event = board.findEvent(String(id))
  return event && maySee(person, event) ? event : undefined
}

const of = <T extends { teamId: string | null }>(teamId: string | null, all: readonly T[]): T[] =>
  all.filter((each) => each.teamId === teamId)

function addPages(router: Router, { board, visits }: BoardDeps): void {
  const listed = (teamId: string | null) => ({
    events: of(teamId, board.listEvents()),
    notices: of(teamId, board.listNotices()),
  })

  /** As everybody sees it, with what is only for the viewer's teams. */
  function home(viewer: Viewer): string {
    const { notices } = listed(null)
    const events = board.listEvents().filter((event) => maySee(viewer.person, event))
    return homePage(viewer, { events, notices })
  }

  router.get('/', async (ctx) => show(ctx, home(await visits.view(ctx))))
  router.get('/events/new', async (ctx) => {
    const viewer = await visits.view(ctx)
    if (!mayCreateEvent(viewer.person)) return forbidden(visits, ctx)
    show(ctx, newEventPage(viewer, emptyEvent, {}))
  })
  router.get('/events/:id', async (ctx) => {
    const viewer = await visits.view(ctx)
    const event = visibleEvent(board, ctx.params.id, viewer.person)
    if (!event) return notThere(visits, ctx)
    show(ctx, eventPage(viewer, event))
  })
  router.get('/teams/:slug', async (ctx) => {
    const viewer = await visits.view(ctx)
    const team = teamOf(viewer.person, String(ctx.params.slug))
    if (!team) return notThere(visits, ctx)
    show(ctx, teamPage(viewer, team, listed(team.id)))
  })
}

function addEventForms(router: Router, { board, visits }: BoardDeps): void {
  async function create(ctx: Koa.Context): Promise<void> {
    const posted = await visits.posted(ctx)
    if (!posted) return
    const { person, session, fields } = posted
    const { input, problems } = readEvent(fields)
    const { team: slug, ...event } = input
    const teamId = slug === '' ? null : (teamOf(person, slug)?.id ?? slug)
    if (!mayCreateEvent(person, teamId)) return forbidden(visits, ctx)
    if (Object.keys(problems).length > 0) {
      const viewer = { person, formToken: session.formToken, flash: undefined, path: ctx.path }
      return show(ctx, newEventPage(viewer, input, problems), 400)
    }
    const { id } = await board.addEvent({ ...event, teamId, by: somebody(person) })
    goOn(ctx, posted, { path: `/events/${id}`, said: 'It is on the board.' })
  }

  /** What is done to one event, by somebody who may see it. */
  const toEvent =
    (work: (posted: Posted, event: BoardEvent, ctx: Koa.Context) => Promise<void>) =>
    async (ctx: Koa.Context): Promise<void> => {
      const posted = await visits.posted(ctx)
      if (!posted) return
      const event = visibleEvent(board, ctx.params.id, posted.person)
      if (!event) return notThere(visits, ctx)
      await work(posted, event, ctx)
    }

  const said = { joined: 'You are in.', full: 'The last seat has just gone.', gone: 'It was called off.' }

  router.post('/events', create)
  router.post(
    '/events/:id/join',
    toEvent(async (posted, { id }, ctx) => {
      const joined = await board.addPerson(id, somebody(posted.person))
      goOn(ctx, posted, { path: joined === 'gone' ? '/' : `/events/${id}`, said: said[joined] })
    }),
  )
  router.post(
    '/events/:id/leave',
    toEvent(async (posted, { id }, ctx) => {
      await board.removePerson(id, posted.person)
      goOn(ctx, posted, { path: `/events/${id}`, said: 'You are out.' })
    }),
  )
  router.post(
    '/events/:id/cancel',
    toEvent(async (posted, event, ctx) => {
      if (!mayCancelEvent(posted.person, event)) return forbidden(visits, ctx)
      await board.cancelEvent(event.id)
      goOn(ctx, posted, { path: '/', said: 'It is called off.' })
    }),
  )
}

function addNoticeForms(router: Router, { board, visits }: BoardDeps): void {
  async function pin(ctx: Koa.Context, posted: Posted, to: { teamId: string | null; path: string }) {
    const { person, fields } = posted
    const { teamId, path } = to
    if (!mayPostNotice(person, teamId)) return forbidden(visits, ctx)
    const text = textOf(fields, 'text')
    if (!isNoticeText(text)) return goOn(ctx, posted, { path, said: 'A notice has 1 to 500 characters.' })
    await board.addNotice({ text, teamId, by: somebody(person) })
    goOn(ctx, posted, { path, said: 'Pinned up.' })
  }

  router.post('/notices', async (ctx) => {
    const posted = await visits.posted(ctx)
    if (posted) await pin(ctx, posted, { teamId: null, path: '/' })
  })
  router.post('/teams/:slug/notices', async (ctx) => {
    const posted = await visits.posted(ctx)
    if (!posted) return
    const team = teamOf(posted.person, String(ctx.params.slug))
    if (!team) return notThere(visits, ctx)
    await pin(ctx, posted, { teamId: team.id, path: `/teams/${encodeURIComponent(team.slug)}` })
  })
}

const somebody = ({ sub, name }: Person) => ({ sub, name })

/** To a page that may be loaded again without doing it again. */
function goOn(ctx: Koa.Context, { session }: Posted, { path, said }: { path: string; said: string }): void {
  session.flash = said
  ctx.status = 303
  ctx.redirect(path)
}
