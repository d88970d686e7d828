// Owns the consent step of an interaction: its page, and what each of its buttons leads to.
// What the page says and what is granted is consent.ts.
import type Koa from 'koa'
import type { Provider } from 'oidc-provider'
import type { Claims } from '../features/accounts/claims.ts'
import type { KnownDetailType } from '../features/clients/authorization-details.ts'
import { invalidInput } from '../kernel/errors.ts'
import { readForm } from '../web/input.ts'
import type { Renderer } from '../web/render.ts'
import { consentPage, denied, type FindResource, grantAll } from './consent.ts'
import { base, formActionOf, type Running, type RunningInteractions } from './interactions-running.ts'
import { askingWho, type Restart } from './restart.ts'

export type ConsentPagesDeps = {
  provider: () => Provider
  running: RunningInteractions
  claimsOf: (accountId: string) => Promise<Claims | undefined>
  findResource: FindResource
  detailTypes: () => readonly KnownDetailType[]
  renderer: Renderer
  restart: Restart
}

export function createConsentPages(deps: ConsentPagesDeps) {
  const { running, restart } = deps

  async function show(ctx: Koa.Context, current: Running): Promise<void> {
    const accountId = current.interaction.session?.accountId
    const person = accountId ? await deps.claimsOf(accountId) : undefined
    if (!person) return restart.show(ctx, current.uid)
    const action = `${base(current.uid)}/consent`
    ctx.state.speakTo({ account: typeof person.locale === 'string' ? person.locale : undefined })
    const asked = { action, ...current, translator: ctx.state.translator }
    const view = await consentPage(asked, person, deps)
    deps.renderer.page(ctx, 'interaction/consent', view, { formAction: formActionOf(current) })
  }

  async function submit(ctx: Koa.Context): Promise<void> {
    const form = await readForm(ctx)
    const current = await running.of(ctx)
    if (current?.interaction.prompt.name !== 'consent') return restart.show(ctx, String(ctx.params.uid))
    const accountId = current.interaction.session?.accountId
    if (form.decision === 'deny') return running.finish(ctx, denied, false)
    // Somebody else signed in here before: the same request begins again with the question who it is.
    if (form.decision === 'switch') {
      return restart.restart(ctx, current.uid, askingWho(current.interaction.params))
    }
    if (form.decision !== 'allow' || !accountId) {
      throw invalidInput([{ pointer: '/decision', code: 'invalid_value', detail: 'must be allow or deny' }])
    }
    const grantId = await grantAll(deps.provider(), { ...current, accountId }, deps.findResource)
    return running.finish(ctx, { consent: { grantId } })
  }

  return { show, submit }
}

export type ConsentPages = ReturnType<typeof createConsentPages>
