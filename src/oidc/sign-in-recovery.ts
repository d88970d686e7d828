// Owns the pages that choose a new password: inside the sign-in that was interrupted, and where a mailed link leads.
// A link is looked at as often as one likes; only the form spends it.
import type Koa from 'koa'
import { limits } from '../config/limits.ts'
import { parseEmail } from '../features/accounts/email.ts'
import type { Recovery } from '../features/accounts/recovery-service.ts'
import type { Account } from '../features/accounts/schema.ts'
import type { Mailed } from '../features/authn/next-step.ts'
import type { Authn } from '../features/authn/service.ts'
import { AppError } from '../kernel/errors.ts'
import { pageErrorsOf } from '../web/field-errors.ts'
import { readForm } from '../web/input.ts'
import type { Renderer } from '../web/render.ts'
import { type PasswordStrength, say } from '../web/views.ts'
import {
  appOf,
  base,
  formActionOf,
  type Running,
  type RunningInteractions,
  seeOther,
} from './interactions-running.ts'
import type { Restart } from './restart.ts'
import type { SignInCookies } from './sign-in-cookies.ts'
import type { MailProof } from './sign-in-proof.ts'
import { requestOrigin, type Trouble } from './sign-in-request.ts'
import type { WaysBack } from './sign-in-ways-back.ts'

export type RecoveryPagesDeps = {
  running: RunningInteractions
  authn: Authn
  recovery: Recovery
  renderer: Renderer
  restart: Restart
  cookies: SignInCookies
  waysBack: WaysBack
  minLength: number
  strengthOf: (password: string) => PasswordStrength
  prove: MailProof
}

const path = '/recover'

type Refused = Trouble & { strength?: PasswordStrength }

export function createRecoveryPages(deps: RecoveryPagesDeps) {
  const { running, authn, recovery, renderer, restart, cookies, waysBack } = deps

  // ---- inside a sign-in -----------------------------------------------------------------------------------------

  function showInside(ctx: Koa.Context, current: Running, { email }: Mailed, trouble?: Refused): void {
    const { status = 200, ...rest } = trouble ?? {}
    const view = {
      ...rest,
      action: `${base(current.uid)}/new-password`,
      app: appOf(current.client),
      email,
      minLength: deps.minLength,
    }
    renderer.page(ctx, 'interaction/new-password', view, { status, formAction: formActionOf(current) })
  }

  async function submitInside(ctx: Koa.Context): Promise<void> {
    const form = await readForm(ctx)
    const current = await running.of(ctx)
    if (!current) return restart.show(ctx, String(ctx.params.uid))
    const mailed = (await authn.runningAttempt(current.uid))?.mailed
    if (!mailed?.proved) return seeOther(ctx, base(current.uid))
    const ticket = cookies.recovery.read(ctx)
    if (form.decision === 'restart' || !ticket) return beginAgain(ctx, current)
    if (!form.password) {
      return showInside(ctx, current, mailed, { errors: [say.newPasswordMissing()], status: 422 })
    }
    try {
      const { id } = await recovery.resetByTicket(ticket, form.password, requestOrigin(ctx), mailed.email)
      cookies.recovery.clear(ctx)
      await goOn(ctx, current.uid, id)
    } catch (error) {
      if (isGone(error)) return beginAgain(ctx, current)
      showInside(ctx, current, mailed, refused(error, form.password))
    }
  }

  /** The proof is too old: a new mail brings a new one. */
  function beginAgain(ctx: Koa.Context, current: Running): void {
    cookies.recovery.clear(ctx)
    authn.keepMailed(current.uid, undefined)
    seeOther(ctx, `${base(current.uid)}/recover`)
  }

  // ---- from a link ----------------------------------------------------------------------------------------------

  /** Takes the token out of the address bar; nothing is decided yet. */
  function open(ctx: Koa.Context): void {
    const { token } = ctx.query
    cookies.recovery.write(ctx, typeof token === 'string' ? token : '', limits.recoveryLinkMs)
    seeOther(ctx, path)
  }

  async function showFromLink(ctx: Koa.Context): Promise<void> {
    if (ctx.query.token !== undefined) open(ctx)
    else await renderFromLink(ctx)
  }

  async function renderFromLink(ctx: Koa.Context, trouble?: Refused): Promise<void> {
    const token = cookies.recovery.read(ctx)
    const peeked = token === undefined ? ({ state: 'expired' } as const) : await recovery.peekLink(token)
    if (peeked.state !== 'live') return waysBack.showOver(ctx, { over: `reset_${peeked.state}` })
    const { status = 200, ...rest } = trouble ?? {}
    ctx.state.stayAt = path
    const view = { ...rest, action: path, email: peeked.emailMasked, minLength: deps.minLength }
    renderer.page(ctx, 'interaction/new-password', view, {
      status,
      formAction: await waysBack.formActions(ctx),
    })
  }

  async function submitFromLink(ctx: Koa.Context): Promise<void> {
    const form = await readForm(ctx)
    const token = cookies.recovery.read(ctx)
    if (!token) return waysBack.showOver(ctx, { over: 'reset_expired' })
    if (!form.password) {
      return renderFromLink(ctx, { errors: [say.newPasswordMissing()], status: 422 })
    }
    try {
      const account = await recovery.resetByLink(token, form.password, requestOrigin(ctx))
      cookies.recovery.clear(ctx)
      await leave(ctx, account)
    } catch (error) {
      if (isGone(error)) return renderFromLink(ctx)
      await renderFromLink(ctx, refused(error, form.password))
    }
  }

  /** Back into the sign-in of this browser that asked for the mail, if there is one; else to the account's own page. */
  async function leave(ctx: Koa.Context, account: Account): Promise<void> {
    const canonical = parseEmail(account.email)?.canonical
    const uid = await waysBack.find(ctx, (attempted) => {
      const { via, email = '' } = attempted.mailed ?? {}
      return via === 'recovery' && parseEmail(email)?.canonical === canonical
    })
    if (uid === undefined) return renderer.page(ctx, 'interaction/recovered', { account: '/account' })
    await goOn(ctx, uid, account.id)
  }

  async function goOn(ctx: Koa.Context, uid: string, accountId: string): Promise<void> {
    deps.prove(ctx, uid, { accountId })
    await running.forgetSession(uid)
  }

  /** What is wrong with the password that was chosen; whatever else went wrong is thrown on. */
  function refused(error: unknown, password: string): Refused {
    if (!(error instanceof AppError) || error.kind !== 'invalid') throw error
    const errors = pageErrorsOf(error, deps).map((each) => ({ ...each, field: 'password' }))
    return { errors, strength: deps.strengthOf(password), status: 422 }
  }

  return { showInside, submitInside, showFromLink, submitFromLink }
}

export type RecoveryPages = ReturnType<typeof createRecoveryPages>

const isGone = (error: unknown): boolean => error instanceof AppError && error.kind === 'gone'
