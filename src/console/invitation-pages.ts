// Owns the pages behind the mailed link of an invitation to a team. A link looked at is not a link spent: only the
// button joins, for whoever is signed in with the address it was sent to. What an invitation is worth is up to
// features/teams.
import type Router from '@koa/router'
import type Koa from 'koa'
import type { Invitations } from '../features/teams/invitations-service.ts'
import type { SeenInvitation } from '../features/teams/schema.ts'
import { AppError, gone } from '../kernel/errors.ts'
import type { CookiePolicy } from '../web/cookies.ts'
import { readForm } from '../web/input.ts'
import type { InvitationStep } from '../web/invitation-views.ts'
import { otherMethods } from '../web/methods.ts'
import type { Renderer } from '../web/render.ts'
import type { AccountSession, Visitor } from './account-session.ts'
import { keptIn } from './kept.ts'
import { actorOf } from './team-routes.ts'

export type InvitationPagesDeps = {
  router: Router
  renderer: Renderer
  session: AccountSession
  invitations: Pick<Invitations, 'peek' | 'accept'>
  cookies: CookiePolicy
  sameOrigin: Koa.Middleware
}

export const invitationPage = '/invitation'

type Reader = Visitor | undefined
type Opened = { token: string; seen: SeenInvitation; step: InvitationStep }

export function mountInvitationPages(deps: InvitationPagesDeps): void {
  const { router, renderer, session, invitations } = deps
  const kept = keptIn(deps.cookies, { name: 'foyer_invitation', path: invitationPage })

  async function open(token: string, visitor: Reader): Promise<Opened> {
    const seen = await invitations.peek({ token }, visitor?.account)
    if (seen.state !== 'pending' && seen.state !== 'expired') throw gone('invitation_gone')
    return { token, seen, step: stepOf(seen, visitor) }
  }

  function show(ctx: Koa.Context, { token, seen, step }: Opened, visitor: Reader, status = 200): void {
    const { team, role, emailMasked: invited, expiresAt: until } = seen
    const view = { token, step, team, role, invited, until, ...(visitor && { email: visitor.account.email }) }
    renderer.page(ctx, 'invitation/start', view, { status: step === 'expired' ? 410 : status })
  }

  function leaveForSignIn(ctx: Koa.Context, token: string, { anew }: { anew: boolean }): void {
    kept.write(ctx, token)
    session.sendToSignIn(ctx, { page: invitationPage, anew })
  }

  async function join(ctx: Koa.Context, token: string, visitor: Visitor): Promise<void> {
    const { team, role } = await invitations.accept(actorOf(visitor), { token })
    kept.clear(ctx)
    renderer.page(ctx, 'invitation/joined', { team: team.name, role })
  }

  async function look(ctx: Koa.Context, visitor: Reader): Promise<void> {
    const asked = ctx.query.token ?? kept.read(ctx)
    show(ctx, await open(typeof asked === 'string' ? asked : '', visitor), visitor)
  }

  /** The token of the form alone counts, so that whoever posts holds it. */
  async function answer(ctx: Koa.Context, visitor: Reader): Promise<void> {
    const { token = '', account } = await readForm(ctx)
    const opened = await open(token, visitor)
    const anew = account === 'another'
    if (opened.step === 'expired') return show(ctx, opened, visitor)
    if (!visitor || anew) return leaveForSignIn(ctx, token, { anew })
    if (opened.step === 'join') return join(ctx, token, visitor)
    show(ctx, opened, visitor, 403)
  }

  /** Whatever has become of an invitation, a stranger sees one page. */
  const unlessGone =
    (handler: (ctx: Koa.Context, visitor: Reader) => Promise<void>) =>
    async (ctx: Koa.Context, visitor: Reader): Promise<void> => {
      try {
        await handler(ctx, visitor)
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'invitation_gone') throw error
        renderer.page(ctx, 'invitation/over', {}, { status: 410 })
      }
    }

  router.get(invitationPage, session.open(unlessGone(look)))
  router.post(invitationPage, deps.sameOrigin, session.open(unlessGone(answer)))
  router.all(invitationPage, otherMethods('GET', 'HEAD', 'POST'))
}

function stepOf({ state, isForReader }: SeenInvitation, visitor: Reader): InvitationStep {
  if (state === 'expired') return 'expired'
  if (!visitor) return 'sign_in'
  if (!isForReader) return 'switch'
  return visitor.account.emailVerifiedAt === null ? 'prove' : 'join'
}
