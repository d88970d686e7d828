// Owns the page where a join code is typed, or brought along by a link or a QR code. A code looked at is not used: only
// the button joins. What a code is good for is up to features/teams.
import type Router from '@koa/router'
import type Koa from 'koa'
import type { JoinCodes } from '../features/teams/join-codes-service.ts'
import { AppError } from '../kernel/errors.ts'
import type { Clock } from '../kernel/time.ts'
import { waitAfter } from '../oidc/sign-in-request.ts'
import type { CookiePolicy } from '../web/cookies.ts'
import { readForm } from '../web/input.ts'
import type { JoinPage } from '../web/join-views.ts'
import { otherMethods } from '../web/methods.ts'
import type { Renderer } from '../web/render.ts'
import type { PageError } from '../web/views.ts'
import type { AccountSession, Visitor } from './account-session.ts'
import { keptIn } from './kept.ts'
import { actorOf } from './team-routes.ts'

export type JoinPagesDeps = {
  router: Router
  renderer: Renderer
  session: AccountSession
  joinCodes: Pick<JoinCodes, 'peek' | 'use'>
  clock: Clock
  cookies: CookiePolicy
  sameOrigin: Koa.Middleware
}

export const joinPage = '/join'

/** More than a code and all that people put between its letters. */
const longestCode = 100

type Reader = Visitor | undefined

export function mountJoinPages(deps: JoinPagesDeps): void {
  const { router, renderer, session, joinCodes } = deps
  const kept = keptIn(deps.cookies, { name: 'foyer_join', path: joinPage })

  function ask(ctx: Koa.Context, view: JoinPage, status = 200): void {
    renderer.page(ctx, 'join/start', view, { status })
  }

  /** What a code is good for. `refused`: it has just let nobody in, whatever it looks like. */
  async function tell(ctx: Koa.Context, visitor: Visitor, code: string, refused = false): Promise<void> {
    const seen = await joinCodes.peek(actorOf(visitor), { code })
    kept.clear(ctx)
    if (!seen) return ask(ctx, { code, signedIn: true, errors: [codeUnknown] }, 422)
    const { team, expiresAt: until } = seen
    const state = seen.state === 'open' && refused ? 'void' : seen.state
    if (state === 'open') {
      return renderer.page(ctx, 'join/confirm', { code, team, email: visitor.account.email })
    }
    renderer.page(ctx, 'join/over', { state, team, until }, { status: state === 'member' ? 200 : 410 })
  }

  async function look(ctx: Koa.Context, visitor: Reader): Promise<void> {
    const code = codeIn(ctx.query.code ?? kept.read(ctx))
    if (ctx.query.code === '') return ask(ctx, { code, signedIn: !!visitor, errors: [codeMissing] }, 422)
    if (!visitor || code === '') return ask(ctx, { code, signedIn: !!visitor })
    await tell(ctx, visitor, code)
  }

  async function answer(ctx: Koa.Context, visitor: Reader): Promise<void> {
    const code = codeIn((await readForm(ctx)).code)
    if (code === '') return ask(ctx, { code, signedIn: !!visitor, errors: [codeMissing] }, 422)
    if (visitor) return join(ctx, visitor, code)
    kept.write(ctx, code)
    session.sendToSignIn(ctx, { page: joinPage })
  }

  async function join(ctx: Koa.Context, visitor: Visitor, code: string): Promise<void> {
    try {
      const { team, role } = await joinCodes.use(actorOf(visitor), { code })
      kept.clear(ctx)
      renderer.page(ctx, 'invitation/joined', { team: team.name, role })
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'join_code_gone') throw error
      await tell(ctx, visitor, code, true)
    }
  }

  /** Too many codes were tried: the page says when the next one is read. */
  const unlessLimited =
    (handler: (ctx: Koa.Context, visitor: Reader) => Promise<void>) =>
    async (ctx: Koa.Context, visitor: Reader): Promise<void> => {
      ctx.state.stayAt = joinPage
      try {
        await handler(ctx, visitor)
      } catch (error) {
        const { status, ...trouble } = waitAfter(ctx, error, deps.clock)
        ask(ctx, { code: codeIn(ctx.query.code), signedIn: !!visitor, ...trouble }, status)
      }
    }

  router.get(joinPage, session.open(unlessLimited(look)))
  router.post(joinPage, deps.sameOrigin, session.open(unlessLimited(answer)))
  router.all(joinPage, otherMethods('GET', 'HEAD', 'POST'))
}

const codeIn = (text: unknown): string => (typeof text === 'string' ? text.trim().slice(0, longestCode) : '')

const codeMissing: PageError = { field: 'code', text: { key: 'join.missing' } }
const codeUnknown: PageError = { field: 'code', text: { key: 'join.unknown' } }
