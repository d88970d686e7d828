// Owns the sign-in step of an interaction: who it is and the password, on one page or two.
// Which step is next is decided in features/authn/next-step.ts.
import type Koa from 'koa'
import type { Step } from '../features/authn/next-step.ts'
import type { Authn, Submitted } from '../features/authn/service.ts'
import { type Form, readForm } from '../web/input.ts'
import type { Renderer } from '../web/render.ts'
import { type DemoPerson, say } from '../web/views.ts'
import { denied } from './consent.ts'
import {
  appOf,
  base,
  formActionOf,
  loginOf,
  type Running,
  type RunningInteractions,
  seeOther,
} from './interactions-running.ts'
import type { Restart } from './restart.ts'
import { demandOf } from './sign-in-demand.ts'
import type { MailPages } from './sign-in-mail.ts'
import type { ProfilePages } from './sign-in-profile.ts'
import type { DeviceCookie } from './sign-in-proof.ts'
import type { RecoveryPages } from './sign-in-recovery.ts'
import { requestOrigin, type Trouble, waitUntil } from './sign-in-request.ts'

export type SignInDeps = {
  running: RunningInteractions
  authn: Authn
  renderer: Renderer
  restart: Restart
  mail: MailPages
  newPassword: Pick<RecoveryPages, 'showInside'>
  profile: Pick<ProfilePages, 'show'>
  demoPeople: DemoPerson[]
  deviceCookie: DeviceCookie
  /** Whether people may sign up by themselves. */
  registrationOpen: boolean
  mailLeaves: boolean
}

type FormStep =
  | { do: 'identifier' | 'sign_in'; identifier?: string | undefined }
  | { do: 'password'; identifier: string }

const isForm = (step: Step): step is Extract<Step, { do: 'identifier' | 'password' | 'sign_in' }> =>
  step.do === 'identifier' || step.do === 'password' || step.do === 'sign_in'

export function createSignIn(deps: SignInDeps) {
  const { running, authn, renderer, restart, mail } = deps

  function showForm(ctx: Koa.Context, current: Running, step: FormStep, trouble?: Trouble): void {
    const { uid, client, interaction } = current
    const { status = 200, ...rest } = trouble ?? {}
    const emailMethods = mail.offered(current)
    const common = {
      app: appOf(client),
      demoPeople: deps.demoPeople,
      emailMethods,
      ...(deps.mailLeaves && { recover: `${base(uid)}/recover` }),
      ...(emailMethods && deps.registrationOpen && { signUp: `${base(uid)}/sign-up` }),
      ...rest,
    }
    const options = { status, formAction: formActionOf(current) }
    if (step.do === 'password') {
      const view = { ...common, action: `${base(uid)}/password`, email: step.identifier }
      renderer.page(ctx, 'interaction/password', view, options)
      return
    }
    const hint = interaction.params.login_hint
    const email = step.identifier ?? (typeof hint === 'string' ? hint : undefined)
    const single = step.do === 'sign_in'
    const view = {
      ...common,
      action: `${base(uid)}/${single ? 'password' : 'identifier'}`,
      ...(email && { email }),
    }
    renderer.page(ctx, single ? 'interaction/sign-in' : 'interaction/identifier', view, options)
  }

  /** Where the stored attempt stands. */
  async function show(ctx: Koa.Context, current: Running): Promise<void> {
    const step = await authn.stepOf(current.uid, demandOf(current))
    if (!step) return restart.show(ctx, current.uid)
    // The proof is in but its answer was lost on the way: go on from it.
    if (step.do === 'done') return running.finish(ctx, { login: loginOf(step) })
    if (step.do === 'mail') return mail.show(ctx, current, step.mailed)
    if (step.do === 'new_password') return deps.newPassword.showInside(ctx, current, step.mailed)
    if (step.do === 'profile') return deps.profile.show(ctx, current)
    showForm(ctx, current, step)
  }

  /** Buttons that every sign-in page has. Says whether one of them was pressed. */
  async function answeredOtherwise(
    ctx: Koa.Context,
    form: Form,
    current: Running | undefined,
  ): Promise<boolean> {
    if (!current) {
      await restart.show(ctx, String(ctx.params.uid))
      return true
    }
    if (form.decision === 'deny') {
      await running.finish(ctx, denied, false)
      return true
    }
    if (form.decision === 'restart') {
      authn.submitIdentifier(current.uid, undefined)
      seeOther(ctx, base(current.uid))
      return true
    }
    return false
  }

  /** Asks for a mail instead of the password. Says whether that was what the person wanted. */
  async function askedForMail(ctx: Koa.Context, form: Form, current: Running): Promise<boolean> {
    const via = form.method
    if ((via !== 'link' && via !== 'code') || !mail.offered(current)) return false
    const step = await authn.stepOf(current.uid, demandOf(current))
    const stored = step?.do === 'password' ? step.identifier : undefined
    const typed = form.email?.trim() || stored || ''
    const trouble = await mail.request(ctx, current, { via, typed })
    // The page of the password cannot mend an address.
    const single = step?.do === 'sign_in'
    if (trouble) showForm(ctx, current, { do: single ? 'sign_in' : 'identifier', identifier: typed }, trouble)
    return true
  }

  async function submitIdentifier(ctx: Koa.Context): Promise<void> {
    const form = await readForm(ctx)
    const current = await running.of(ctx)
    if (await answeredOtherwise(ctx, form, current)) return
    if (!current || (await askedForMail(ctx, form, current))) return
    const email = form.email?.trim() ?? ''
    if (email === '') {
      showForm(ctx, current, { do: 'identifier' }, { errors: [say.emailMissing()], status: 422 })
      return
    }
    // A password manager fills the hidden field of the first page too, and saves its person the second.
    if (form.password) return prove(ctx, current.uid, { email, password: form.password })
    authn.submitIdentifier(current.uid, email)
    seeOther(ctx, base(current.uid))
  }

  async function submitPassword(ctx: Koa.Context): Promise<void> {
    const form = await readForm(ctx)
    const uid = String(ctx.params.uid)
    const { email, password } = form
    const isAnswer = form.decision === undefined && form.method === undefined
    if (isAnswer && email?.trim() && password) return prove(ctx, uid, { email, password })

    const current = await running.of(ctx)
    if (await answeredOtherwise(ctx, form, current)) return
    if (!current || (await askedForMail(ctx, form, current))) return
    const step = await authn.stepOf(uid, demandOf(current))
    const identifier = email?.trim() || (step?.do === 'password' ? step.identifier : undefined)
    if (identifier && password) return prove(ctx, uid, { email: identifier, password })
    const missing = [
      ...(identifier ? [] : [say.emailMissing()]),
      ...(password ? [] : [say.passwordMissing()]),
    ]
    if (step && isForm(step)) showForm(ctx, current, step, { errors: missing, status: 422 })
    else await show(ctx, current)
  }

  async function prove(
    ctx: Koa.Context,
    uid: string,
    typed: { email: string; password: string },
  ): Promise<void> {
    const submitted = await authn.submitPassword(uid, {
      identifier: typed.email.slice(0, 320),
      password: typed.password,
      ...requestOrigin(ctx),
      deviceCookie: deps.deviceCookie.read(ctx),
    })
    const current = submitted.outcome === 'expired' ? undefined : await running.of(ctx)
    if (!current || submitted.outcome === 'expired') return restart.show(ctx, uid)
    const step = await authn.stepOf(uid, demandOf(current))
    if (submitted.outcome === 'proved' && step?.do === 'done') {
      deps.deviceCookie.write(ctx, submitted.deviceCookie)
      return running.finish(ctx, { login: loginOf(step) })
    }
    if (step && isForm(step)) showForm(ctx, current, step, troubleOf(ctx, current, submitted))
  }

  function troubleOf(ctx: Koa.Context, current: Running, submitted: Submitted): Trouble {
    if (submitted.outcome === 'limited') return waitUntil(ctx, submitted)
    return { errors: [say.wrongPassword({ emailMethods: mail.offered(current) })], status: 401 }
  }

  return { show, submitIdentifier, submitPassword }
}

export type SignIn = ReturnType<typeof createSignIn>
