// Owns the pages about how one signs in: the password, and the address that mail goes to.
// What is allowed is decided in features/accounts.
import type Koa from 'koa'
import type { EmailChange } from '../features/accounts/email-change-service.ts'
import type { PasswordChange } from '../features/accounts/password-service.ts'
import { AppError } from '../kernel/errors.ts'
import { pageErrorsOf } from '../web/field-errors.ts'
import { type Form, readForm } from '../web/input.ts'
import { otherMethods } from '../web/methods.ts'
import { type PageError, type PasswordStrength, say } from '../web/views.ts'
import { type AccountRoutes, backTo, ownOf } from './account-routes.ts'
import type { Visitor } from './account-session.ts'

export type SignInPagesDeps = AccountRoutes & {
  passwordChange: PasswordChange
  emailChange: EmailChange
  minLength: number
  strengthOf: (password: string) => PasswordStrength
}

const page = '/account/sign-in'
const emailPage = '/account/email'

type Trouble = {
  errors?: PageError[]
  strength?: PasswordStrength
  retryAt?: Date
  retryAfterSeconds?: number
  status: number
}

export function mountSignInPages(deps: SignInPagesDeps): void {
  const { router, renderer, session, sameOrigin, passwordChange, emailChange, minLength } = deps

  function show(
    ctx: Koa.Context,
    visitor: Visitor,
    { status = 200, ...trouble }: Partial<Trouble> = {},
  ): void {
    const { account } = visitor
    const verified = account.emailVerifiedAt !== null
    const { hasPassword } = account
    const view = {
      ...ownOf(ctx, visitor),
      verified,
      hasPassword,
      mayRemove: hasPassword && verified,
      minLength,
      ...trouble,
    }
    renderer.page(ctx, 'account/sign-in', view, { status })
  }

  const limited = (
    ctx: Koa.Context,
    { retryAt, retryAfterSeconds }: { retryAt: Date; retryAfterSeconds: number },
  ) => {
    ctx.set('Retry-After', String(retryAfterSeconds))
    return { retryAt, retryAfterSeconds, status: 429 }
  }

  async function changePassword(ctx: Koa.Context, visitor: Visitor, form: Form): Promise<void> {
    const { current = '', password = '' } = form
    const { account, origin, sessionUid } = visitor
    const missing = [
      ...(current === '' ? [currentMissing] : []),
      ...(password === '' ? [say.newPasswordMissing()] : []),
    ]
    if (missing.length > 0) return show(ctx, visitor, { errors: missing, status: 422 })
    const typed = { current, next: password }
    const changed = await passwordChange.changePassword(account.id, typed, {
      origin,
      keepSessionUid: sessionUid,
    })
    if (changed.outcome === 'blocked') return show(ctx, visitor, limited(ctx, changed))
    if (changed.outcome === 'wrong') return show(ctx, visitor, { errors: [currentWrong], status: 422 })
    backTo(ctx, page, 'password_changed')
  }

  async function setFirst(ctx: Koa.Context, visitor: Visitor, { password = '' }: Form): Promise<void> {
    const { account, origin, sessionUid } = visitor
    if (password === '') return show(ctx, visitor, { errors: [say.newPasswordMissing()], status: 422 })
    const { securityEpoch } = account
    const seen = { origin, keepSessionUid: sessionUid, securityEpoch }
    await passwordChange.setFirstPassword(account.id, password, seen)
    backTo(ctx, page, 'password_set')
  }

  /** A refused password is the typist's to mend. */
  const mending =
    (handler: (ctx: Koa.Context, visitor: Visitor, form: Form) => Promise<void>) =>
    async (ctx: Koa.Context, visitor: Visitor): Promise<void> => {
      const form = await readForm(ctx)
      try {
        await handler(ctx, visitor, form)
      } catch (error) {
        if (!(error instanceof AppError) || error.kind !== 'invalid' || !error.details.errors) throw error
        const strength = deps.strengthOf(form.password ?? '')
        show(ctx, visitor, { errors: pageErrorsOf(error, { minLength }), strength, status: 422 })
      }
    }

  async function remove(ctx: Koa.Context, { account, origin, sessionUid }: Visitor): Promise<void> {
    await readForm(ctx)
    await passwordChange.removePassword(account.id, { origin, keepSessionUid: sessionUid })
    backTo(ctx, page, 'password_removed')
  }

  function showEmail(
    ctx: Koa.Context,
    visitor: Visitor,
    trouble: { typed?: string; errors?: PageError[] } = {},
  ): void {
    const view = { ...ownOf(ctx, visitor), ...trouble }
    renderer.page(ctx, 'account/email', view, { status: trouble.errors ? 422 : 200 })
  }

  type Code = { typed: string; flow: string }
  function showCode(
    ctx: Koa.Context,
    visitor: Visitor,
    { typed, flow, ...trouble }: Code & Partial<Trouble>,
  ): void {
    const { status = 200, ...rest } = trouble
    renderer.page(ctx, 'account/email-code', { ...ownOf(ctx, visitor), typed, flow, ...rest }, { status })
  }

  async function startEmail(ctx: Koa.Context, visitor: Visitor): Promise<void> {
    const typed = ((await readForm(ctx)).email ?? '').trim()
    const { account, origin } = visitor
    try {
      const language = ctx.state.translator.lang
      const { id: accountId, securityEpoch } = account
      const { flow } = await emailChange.start({ accountId, securityEpoch, email: typed, origin, language })
      showCode(ctx, visitor, { typed, flow })
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'invalid' || !error.details.errors) throw error
      showEmail(ctx, visitor, { typed, errors: [say.emailInvalid()] })
    }
  }

  async function confirmEmail(ctx: Koa.Context, visitor: Visitor): Promise<void> {
    const { flow = '', email: typed = '', code = '' } = await readForm(ctx)
    const { account, origin } = visitor
    const shown = { typed: typed.slice(0, 320), flow }
    if (code.trim() === '')
      return showCode(ctx, visitor, { ...shown, errors: [say.codeMissing()], status: 422 })
    const confirmed = await emailChange.confirm({ flow }, code, { accountId: account.id, origin })
    switch (confirmed.outcome) {
      case 'changed':
        return backTo(ctx, page, 'email_changed')
      case 'blocked':
        return showCode(ctx, visitor, { ...shown, ...limited(ctx, confirmed) })
      case 'wrong':
        return showCode(ctx, visitor, { ...shown, errors: [say.codeWrong()], status: 422 })
      case 'gone':
        return showEmail(ctx, visitor, { typed: shown.typed, errors: [codeOver] })
    }
  }

  const fresh = true
  router.get(
    page,
    session.guarded({ page }, (ctx, visitor) => show(ctx, visitor)),
  )
  router.all(page, otherMethods('GET', 'HEAD'))
  router.post('/account/password', sameOrigin, session.guarded({ page }, mending(changePassword)))
  router.post('/account/password/first', sameOrigin, session.guarded({ page, fresh }, mending(setFirst)))
  router.post('/account/password/remove', sameOrigin, session.guarded({ page, fresh }, remove))
  router.get(
    emailPage,
    session.guarded({ page: emailPage, fresh }, (ctx, visitor) => showEmail(ctx, visitor)),
  )
  router.post(emailPage, sameOrigin, session.guarded({ page: emailPage, fresh }, startEmail))
  router.all(emailPage, otherMethods('GET', 'HEAD', 'POST'))
  router.post(`${emailPage}/confirm`, sameOrigin, session.guarded({ page: emailPage }, confirmEmail))
}

const currentMissing: PageError = { field: 'current', text: { key: 'account.current_missing' } }
const currentWrong: PageError = { field: 'current', text: { key: 'account.current_wrong' } }
const codeOver: PageError = { field: 'email', text: { key: 'account.email_code_over' } }
