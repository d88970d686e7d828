// Owns the page behind the mail of an invitation: anybody may look at it who has the link, and whoever proved the
// address joins by its button. Joining is features/teams.
import type Koa from 'koa'
import type { Invitations } from '../features/teams/invitations-service.ts'
import { gone } from '../kernel/errors.ts'
import { readForm } from '../web/input.ts'
import { otherMethods } from '../web/methods.ts'
import { type AccountRoutes, backTo } from './account-routes.ts'
import type { Visitor } from './account-session.ts'

export type InvitationPagesDeps = AccountRoutes & { invitations: Pick<Invitations, 'peek' | 'accept'> }

const path = '/invitation'
const tokenShape = /^foyer_invitation_[\w-]{43}$/
const pageOf = (token: string): string => `${path}?token=${token}`

/** Whether this is the page of some invitation, to which a sign-in may lead back. */
export const isInvitationPage = (page: string): boolean =>
  page.startsWith(pageOf('')) && tokenShape.test(page.slice(pageOf('').length))

function readToken(token: unknown): string {
  if (typeof token !== 'string' || !tokenShape.test(token)) throw gone('invitation_gone')
  return token
}

export function mountInvitationPages({
  router,
  renderer,
  session,
  sameOrigin,
  invitations,
}: InvitationPagesDeps): void {
  async function show(ctx: Koa.Context): Promise<void> {
    ctx.state.wants = 'page'
    ctx.set('Cache-Control', 'no-store')
    const token = readToken(ctx.query.token)
    const { state, team, emailMasked } = await invitations.peek({ token })
    if (state !== 'pending') throw gone('invitation_gone')
    renderer.page(ctx, 'account/invitation', { token, team, email: emailMasked })
  }

  async function join(ctx: Koa.Context): Promise<void> {
    ctx.state.wants = 'page'
    const token = readToken((await readForm(ctx)).token)
    const accept = async (_: Koa.Context, { account }: Visitor): Promise<void> => {
      await invitations.accept({ kind: 'account', id: account.id }, { token })
      backTo(ctx, '/account', 'team_joined')
    }
    await session.guarded({ page: pageOf(token) }, accept)(ctx)
  }

  router.get(path, show)
  router.post(path, sameOrigin, join)
  router.all(path, otherMethods('GET', 'HEAD', 'POST'))
}
