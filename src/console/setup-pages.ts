// Owns the pages behind one-time links: the first administrator claims an installation, and somebody an operator
// made an account for sets a first password. A link shown is not a link spent: only the form spends it.
import type Router from '@koa/router'
import type Koa from 'koa'
import type { Tickets } from '../features/accounts/tickets.ts'
import { AppError, rateLimited } from '../kernel/errors.ts'
import type { Limiter } from '../platform/limiter.ts'
import { addressPrefix } from '../web/address.ts'
import { pageErrorsOf } from '../web/field-errors.ts'
import { type Form, readForm } from '../web/input.ts'
import { otherMethods } from '../web/methods.ts'
import type { Renderer } from '../web/render.ts'
import type { PasswordStrength, SetupDonePage, SetupPage } from '../web/views.ts'

export type SetupPagesDeps = {
  router: Router
  tickets: Tickets
  limiter: Limiter
  renderer: Renderer
  minLength: number
  strengthOf: (password: string) => PasswordStrength
  sameOrigin: Koa.Middleware
  now: () => Date
}

const path = '/setup'

type Purpose = SetupDonePage['purpose']

export function mountSetupPages(deps: SetupPagesDeps): void {
  const { router, tickets, limiter, renderer, minLength } = deps

  function show(ctx: Koa.Context, view: Partial<SetupPage>, status = 200): void {
    renderer.page(ctx, 'setup/start', { action: path, minLength, ...view }, { status })
  }

  /**
   * What the token is for. Guessing tokens is hopeless; counting wrong ones keeps it from being loud. A right one is
   * given back, so that a whole office can open its invitations behind one address.
   */
  async function readCounted(ctx: Koa.Context, token: string): Promise<Purpose> {
    const key = { name: 'setup.address', key: addressPrefix(ctx.state.address) } as const
    const taken = await limiter.take([key], deps.now())
    if (!taken.allowed) throw rateLimited(taken.retryAfterSeconds)
    const { purpose } = await tickets.readTicket(token)
    await limiter.refund([key])
    return purpose
  }

  router.get(path, async (ctx) => {
    ctx.state.wants = 'page'
    const token = typeof ctx.query.token === 'string' ? ctx.query.token : undefined
    if (token === undefined) return show(ctx, {})
    show(ctx, { token, purpose: await readCounted(ctx, token) })
  })

  async function finish(form: Form, token: string, purpose: Purpose): Promise<string> {
    const password = form.password ?? ''
    if (purpose === 'set_password') return (await tickets.setPasswordByTicket(token, password)).email
    const name = form.name?.trim()
    const person = { email: form.email?.trim() ?? '', password, ...(name && { name }) }
    return (await tickets.claimInstance(token, person)).email
  }

  router.post(path, deps.sameOrigin, async (ctx) => {
    ctx.state.wants = 'page'
    const form = await readForm(ctx)
    const token = form.token?.trim() ?? ''
    const purpose = await readCounted(ctx, token)
    if (form.password === undefined) return show(ctx, { token, purpose })
    try {
      renderer.page(ctx, 'setup/done', { email: await finish(form, token, purpose), purpose })
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'invalid') throw error
      const errors = pageErrorsOf(error, { minLength })
      // An address that is wrong says nothing about the password beside it
      const isAboutPassword = errors.some(({ field }) => field === 'password')
      const strength = isAboutPassword ? { strength: deps.strengthOf(form.password) } : {}
      show(ctx, { token, purpose, email: form.email, name: form.name, errors, ...strength }, 422)
    }
  })
  router.all(path, otherMethods('GET', 'HEAD', 'POST'))
}
