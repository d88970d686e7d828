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
import {
  type PageError,
  type PasswordStrength,
  type SetupDonePage,
  type SetupPage,
  say,
} from '../web/views.ts'

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
type Opened = { token: string; purpose: Purpose; email?: string }

export function mountSetupPages(deps: SetupPagesDeps): void {
  const { router, tickets, limiter, renderer, minLength } = deps

  function show(ctx: Koa.Context, view: Partial<SetupPage>, status = 200): void {
    renderer.page(ctx, 'setup/start', { action: path, minLength, ...view }, { status })
  }

  /**
   * What the token is for. Guessing tokens is hopeless; counting wrong ones keeps it from being loud. A right one is
   * given back, so that a whole office can open its invitations behind one address.
   */
  async function readCounted(ctx: Koa.Context, token: string): Promise<Opened> {
    const key = { name: 'setup.address', key: addressPrefix(ctx.state.address) } as const
    const taken = await limiter.take([key], deps.now())
    if (!taken.allowed) throw rateLimited(taken.retryAfterSeconds)
    const { purpose, email } = await tickets.readTicket(token)
    await limiter.refund([key])
    return { token, purpose, ...(email !== null && { email }) }
  }

  /** A token that is wrong, used or too old: says what to do, whichever kind it was. */
  function showOver(ctx: Koa.Context, { errors }: Pick<SetupPage, 'errors'>): void {
    show(ctx, { over: true, errors }, 410)
  }

  router.get(path, async (ctx) => {
    ctx.state.wants = 'page'
    const token = typeof ctx.query.token === 'string' ? ctx.query.token : undefined
    if (token === undefined) return show(ctx, {})
    try {
      show(ctx, await readCounted(ctx, token))
    } catch (error) {
      if (!isOver(error)) throw error
      showOver(ctx, {})
    }
  })

  async function finish(form: Form, token: string, purpose: Purpose): Promise<string> {
    const password = form.password ?? ''
    if (purpose === 'set_password') return (await tickets.setPasswordByTicket(token, password)).email
    const name = form.name?.trim()
    const person = { email: form.email?.trim() ?? '', password, ...(name && { name }) }
    return (await tickets.claimInstance(token, person)).email
  }

  async function submit(ctx: Koa.Context, form: Form, token: string): Promise<void> {
    const opened = await readCounted(ctx, token)
    const { purpose } = opened
    if (form.password === undefined) return show(ctx, opened)
    try {
      renderer.page(ctx, 'setup/done', { email: await finish(form, token, purpose), purpose })
    } catch (error) {
      const errors = mendable(error)
      // An address that is wrong says nothing about the password beside it
      const isAboutPassword = errors.some(({ field }) => field === 'password')
      const strength = isAboutPassword ? { strength: deps.strengthOf(form.password) } : {}
      show(ctx, { email: form.email, name: form.name, ...opened, errors, ...strength }, 422)
    }
  }

  /** What the person can put right; anything else is thrown on. */
  function mendable(error: unknown): PageError[] {
    if (error instanceof AppError && error.code === 'email_taken') return [emailTaken]
    if (error instanceof AppError && error.kind === 'invalid') return pageErrorsOf(error, { minLength })
    throw error
  }

  router.post(path, deps.sameOrigin, async (ctx) => {
    ctx.state.wants = 'page'
    const form = await readForm(ctx)
    try {
      await submit(ctx, form, form.token?.trim() ?? '')
    } catch (error) {
      if (!isOver(error)) throw error
      showOver(ctx, { errors: [say.setupTokenWrong()] })
    }
  })
  router.all(path, otherMethods('GET', 'HEAD', 'POST'))
}

const isOver = (error: unknown): boolean => error instanceof AppError && error.kind === 'gone'
const emailTaken: PageError = { field: 'email', text: { key: 'error.email_taken.detail' } }
