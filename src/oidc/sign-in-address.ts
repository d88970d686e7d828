// Owns the two pages beside the sign-in that ask for an address alone: for signing up, and for a forgotten password.
// What happens with it is sign-in-mail.ts.
import type Koa from 'koa'
import { parseEmail } from '../features/accounts/email.ts'
import type { Authn } from '../features/authn/service.ts'
import { readForm } from '../web/input.ts'
import type { Renderer } from '../web/render.ts'
import {
  appOf,
  base,
  formActionOf,
  type Running,
  type RunningInteractions,
  seeOther,
} from './interactions-running.ts'
import { isSignIn } from './policy.ts'
import type { Restart } from './restart.ts'
import type { MailPages } from './sign-in-mail.ts'
import type { Trouble } from './sign-in-request.ts'

export type AddressPagesDeps = {
  running: RunningInteractions
  authn: Authn
  mail: MailPages
  renderer: Renderer
  restart: Restart
  /** Whether people may sign up by themselves. */
  registrationOpen: boolean
}

type Kind = 'sign_up' | 'recovery'

const pages = { sign_up: 'interaction/sign-up', recovery: 'interaction/recover' } as const
const paths = { sign_up: 'sign-up', recovery: 'recover' } as const

/** Where each of them is, below its interaction. */
export const addressPaths = Object.entries(paths) as [Kind, string][]

export function createAddressPages(deps: AddressPagesDeps) {
  const { running, authn, renderer, restart } = deps

  type Shown = Partial<Trouble> & { email?: string | undefined }
  function render(
    ctx: Koa.Context,
    current: Running,
    kind: Kind,
    { email, status = 200, ...rest }: Shown,
  ): void {
    const closed = kind === 'sign_up' && !deps.registrationOpen
    const view = {
      ...rest,
      ...(closed && { closed }),
      action: `${base(current.uid)}/${paths[kind]}`,
      back: base(current.uid),
      app: appOf(current.client),
      ...(email && { email }),
    }
    ctx.state.stayAt = view.action
    renderer.page(ctx, pages[kind], view, {
      status: closed ? 403 : status,
      formAction: formActionOf(current),
    })
  }

  const show =
    (kind: Kind) =>
    async (ctx: Koa.Context): Promise<void> => {
      const current = await running.of(ctx)
      if (!current || !isSignIn(current.interaction.prompt.name))
        return restart.show(ctx, String(ctx.params.uid))
      const { identifier = '' } = (await authn.runningAttempt(current.uid)) ?? {}
      render(ctx, current, kind, { email: parseEmail(identifier)?.address })
    }

  const submit =
    (kind: Kind) =>
    async (ctx: Koa.Context): Promise<void> => {
      const form = await readForm(ctx)
      const current = await running.of(ctx)
      if (!current || !isSignIn(current.interaction.prompt.name))
        return restart.show(ctx, String(ctx.params.uid))
      if (form.decision === 'back') return seeOther(ctx, base(current.uid))
      if (kind === 'sign_up' && !deps.registrationOpen) return render(ctx, current, kind, {})
      const trouble = await deps.mail.request(ctx, current, { via: kind, typed: form.email })
      if (trouble) render(ctx, current, kind, { ...trouble, email: form.email })
    }

  return { show, submit }
}
