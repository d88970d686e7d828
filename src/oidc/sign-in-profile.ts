// Owns the page that asks somebody whose account was just made what they are called: once, and they need not say.
// When it is shown is decided in features/authn/next-step.ts.
import type Koa from 'koa'
import { ChangeAccount } from '../features/accounts/schema.ts'
import type { Accounts } from '../features/accounts/service.ts'
import type { Authn } from '../features/authn/service.ts'
import { AppError } from '../kernel/errors.ts'
import { parse, readForm } from '../web/input.ts'
import type { Renderer } from '../web/render.ts'
import { say } from '../web/views.ts'
import {
  appOf,
  base,
  formActionOf,
  type Running,
  type RunningInteractions,
  seeOther,
} from './interactions-running.ts'
import type { Restart } from './restart.ts'
import { demandOf } from './sign-in-demand.ts'
import type { Trouble } from './sign-in-request.ts'

export type ProfilePagesDeps = {
  running: RunningInteractions
  authn: Pick<Authn, 'stepOf' | 'settleProfile'>
  accounts: Pick<Accounts, 'update'>
  renderer: Renderer
  restart: Restart
}

export function createProfilePages({ running, authn, accounts, renderer, restart }: ProfilePagesDeps) {
  type Shown = Partial<Trouble> & { name?: string }
  async function show(
    ctx: Koa.Context,
    current: Running,
    { status = 200, ...rest }: Shown = {},
  ): Promise<void> {
    const view = { ...rest, action: `${base(current.uid)}/profile`, app: appOf(current.client) }
    renderer.page(ctx, 'interaction/profile', view, { status, formAction: formActionOf(current) })
  }

  async function submit(ctx: Koa.Context): Promise<void> {
    const { name = '' } = await readForm(ctx)
    const current = await running.of(ctx)
    if (!current) return restart.show(ctx, String(ctx.params.uid))
    const step = await authn.stepOf(current.uid, demandOf(current))
    if (step?.do === 'profile') {
      const trouble = await keep(step.accountId, name.trim())
      if (trouble) return show(ctx, current, { ...trouble, name })
      authn.settleProfile(current.uid, step.accountId)
    }
    seeOther(ctx, base(current.uid))
  }

  /** Else says what is wrong with it. */
  async function keep(accountId: string, name: string): Promise<Trouble | undefined> {
    if (name === '') return undefined
    try {
      await accounts.update(
        { kind: 'account', id: accountId },
        accountId,
        parse(ChangeAccount, { profile: { name } }),
      )
      return undefined
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'invalid') throw error
      return { errors: [say.nameInvalid()], status: 422 }
    }
  }

  return { show, submit }
}

export type ProfilePages = ReturnType<typeof createProfilePages>
