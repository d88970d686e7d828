// Owns the page on which a person answers what apps ask of them without a browser (CIBA): who asks, with which words and
// for what. Only shortly after signing in, since an answer lets somebody else in.
import type Koa from 'koa'
import { type Asks, askPage } from '../features/crossdevice/ask-service.ts'
import type { HeldRequest } from '../features/crossdevice/service.ts'
import { invalidInput } from '../kernel/errors.ts'
import type { DeviceApproval } from '../oidc/device-approval.ts'
import type { AskOnPage } from '../web/ask-views.ts'
import { readForm } from '../web/input.ts'
import { otherMethods } from '../web/methods.ts'
import type { AccountRoutes } from './account-routes.ts'
import type { Visitor } from './account-session.ts'

export type AskPagesDeps = AccountRoutes & {
  asks: Pick<Asks, 'listFor' | 'hold'>
  approval: DeviceApproval
}

const guard = { page: askPage, fresh: true }

export function mountAskPages({ router, renderer, session, sameOrigin, asks, approval }: AskPagesDeps): void {
  const holderOf = ({ account, sessionUid }: Visitor) => ({ accountId: account.id, sessionUid })

  async function askedOf(ctx: Koa.Context, request: HeldRequest): Promise<AskOnPage[]> {
    const asked = await approval.ask(request, ctx.state.translator)
    // One whose app is gone, or not for this person, is not to be answered
    if (!asked || asked.closed) return []
    const { id, createdAt: at, expiresAt: until } = request
    const message = approval.paramsOf(request).binding_message
    return [{ ...asked, id, at, until, ...(message !== undefined && { message }) }]
  }

  async function show(ctx: Koa.Context, visitor: Visitor, said: Said = {}): Promise<void> {
    const rows = await asks.listFor(visitor.account.id)
    const shown = await Promise.all(rows.map((row) => askedOf(ctx, { ...row, ...holderOf(visitor) })))
    const { status = 200, ...rest } = said
    const view = { email: visitor.account.email, asks: shown.flat(), ...rest }
    renderer.page(ctx, 'account/requests', view, { status })
  }

  async function answer(ctx: Koa.Context, visitor: Visitor): Promise<void> {
    const { id = '', decision } = await readForm(ctx)
    const request = await asks.hold(id, holderOf(visitor))
    const [asked] = request ? await askedOf(ctx, request) : []
    if (!request || !asked)
      return show(ctx, visitor, { errors: [{ text: { key: 'ciba.over' } }], status: 410 })
    if (decision !== 'allow' && decision !== 'deny') throw notADecision()
    if (decision === 'allow' && (await approval.needsSignIn(ctx, request)))
      return session.sendToSignIn(ctx, { page: askPage, anew: true })
    await approval[decision](ctx, request)
    const app = asked.app.name
    const done = decision === 'allow' ? ('ciba.done_allowed' as const) : ('ciba.done_denied' as const)
    renderer.page(ctx, 'account/request-done', {
      email: visitor.account.email,
      done: { key: done, values: { app } },
    })
  }

  router.get(
    askPage,
    session.guarded(guard, (ctx, visitor) => show(ctx, visitor)),
  )
  router.post(askPage, sameOrigin, session.guarded(guard, answer))
  router.all(askPage, otherMethods('GET', 'HEAD', 'POST'))
}

type Said = { status?: number; errors?: { text: { key: 'ciba.over' } }[] }

const notADecision = () =>
  invalidInput([{ pointer: '/decision', code: 'invalid_value', detail: 'must be allow or deny' }])
