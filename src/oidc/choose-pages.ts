// Owns the choice of an account (OIDC Core §3.1.2.1, prompt=select_account): the people who have signed in in this browser
// before, and whoever is signed in now. Going on as somebody else is a sign-in like any other.
import type Koa from 'koa'
import type { Claims } from '../features/accounts/claims.ts'
import type { Authn } from '../features/authn/service.ts'
import { invalidInput } from '../kernel/errors.ts'
import { type Form, readForm } from '../web/input.ts'
import type { Renderer } from '../web/render.ts'
import { denied } from './consent.ts'
import {
  appOf,
  base,
  formActionOf,
  type Running,
  type RunningInteractions,
  seeOther,
} from './interactions-running.ts'
import { selectPrompt } from './policy.ts'
import type { Restart } from './restart.ts'
import { demandOf } from './sign-in-demand.ts'
import type { DeviceCookie } from './sign-in-proof.ts'

export type ChoosePagesDeps = {
  running: RunningInteractions
  authn: Pick<Authn, 'stepOf' | 'submitIdentifier' | 'rememberedIn' | 'forgetIn'>
  claimsOf: (accountId: string) => Promise<Claims | undefined>
  deviceCookie: DeviceCookie
  renderer: Renderer
  restart: Restart
}

type Choice = { id: string; email: string; name?: string; current: boolean }

export function createChoosePages({
  running,
  authn,
  claimsOf,
  deviceCookie,
  renderer,
  restart,
}: ChoosePagesDeps) {
  const currentOf = ({ interaction }: Running): string | undefined => interaction.session?.accountId

  async function choicesOf(ctx: Koa.Context, current: Running): Promise<Choice[]> {
    const signedIn = currentOf(current)
    const remembered = authn.rememberedIn(deviceCookie.read(ctx))
    const ids = new Set([...(signedIn === undefined ? [] : [signedIn]), ...remembered])
    const choices: Choice[] = []
    for (const id of ids) {
      const person = await claimsOf(id)
      if (!person) continue
      const name = typeof person.name === 'string' ? { name: person.name } : {}
      choices.push({ id, email: String(person.email), ...name, current: id === signedIn })
    }
    return choices
  }

  /** Whether the sign-in itself has begun, or the person has said that it is somebody else. */
  async function isChosen(ctx: Koa.Context, current: Running): Promise<boolean> {
    if (ctx.query.as === 'another') return true
    const step = await authn.stepOf(current.uid, demandOf(current))
    const isUntouched = step?.do === 'identifier' || (step?.do === 'sign_in' && step.identifier === undefined)
    return step !== undefined && !isUntouched
  }

  /** Says whether there was a choice to show: in a browser that knows nobody the sign-in comes at once. */
  async function show(ctx: Koa.Context, current: Running): Promise<boolean> {
    if (await isChosen(ctx, current)) return false
    const choices = await choicesOf(ctx, current)
    if (choices.length === 0) return false
    const view = { action: `${base(current.uid)}/account`, app: appOf(current.client), accounts: choices }
    renderer.page(ctx, 'interaction/choose', view, { formAction: formActionOf(current) })
    return true
  }

  async function submit(ctx: Koa.Context): Promise<void> {
    const form = await readForm(ctx)
    const current = await running.of(ctx)
    if (current?.interaction.prompt.name !== selectPrompt) return restart.show(ctx, String(ctx.params.uid))
    if (form.decision === 'deny') return running.finish(ctx, denied, false)
    if (form.forget !== undefined) return forget(ctx, current, form.forget)
    await choose(ctx, current, form)
  }

  function forget(ctx: Koa.Context, { uid }: Running, accountId: string): void {
    deviceCookie.write(ctx, authn.forgetIn(deviceCookie.read(ctx), accountId))
    seeOther(ctx, base(uid))
  }

  async function choose(ctx: Koa.Context, current: Running, { account }: Form): Promise<void> {
    if (account === 'another') return seeOther(ctx, `${base(current.uid)}?as=another`)
    const chosen = (await choicesOf(ctx, current)).find(({ id }) => id === account)
    if (!chosen) {
      throw invalidInput([
        { pointer: '/account', code: 'invalid_value', detail: 'must be one of those shown' },
      ])
    }
    if (chosen.current) return running.finish(ctx, { [selectPrompt]: {} })
    authn.submitIdentifier(current.uid, chosen.email)
    seeOther(ctx, base(current.uid))
  }

  return { show, submit }
}
