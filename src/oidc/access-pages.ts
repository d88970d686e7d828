// Owns what somebody is told who signed in to a client that is not for them: whom to ask, and the ways on.
// Whom a client is for is features/clients/access.ts; that they are stopped here is policy.ts.
import type Koa from 'koa'
import type { Claims } from '../features/accounts/claims.ts'
import { invalidInput } from '../kernel/errors.ts'
import { readForm } from '../web/input.ts'
import type { Renderer } from '../web/render.ts'
import { appOf, base, formActionOf, type Running, type RunningInteractions } from './interactions-running.ts'
import { accessPrompt } from './policy.ts'
import { askingWho, type Restart } from './restart.ts'

export type AccessPagesDeps = {
  running: RunningInteractions
  claimsOf: (accountId: string) => Promise<Claims | undefined>
  renderer: Renderer
  restart: Restart
}

const notForThem = {
  error: 'access_denied',
  error_description: 'the client is not open to this person',
} as const

export function createAccessPages({ running, claimsOf, renderer, restart }: AccessPagesDeps) {
  async function show(ctx: Koa.Context, current: Running): Promise<void> {
    const accountId = current.interaction.session?.accountId
    const person = accountId ? await claimsOf(accountId) : undefined
    if (!person) return restart.show(ctx, current.uid)
    ctx.state.speakTo({ account: typeof person.locale === 'string' ? person.locale : undefined })
    const { client, uid } = current
    const view = {
      action: `${base(uid)}/access`,
      app: appOf(client),
      email: String(person.email),
      contacts: client.contacts ?? [],
    }
    renderer.page(ctx, 'interaction/no-access', view, { status: 403, formAction: formActionOf(current) })
  }

  async function submit(ctx: Koa.Context): Promise<void> {
    const form = await readForm(ctx)
    const current = await running.of(ctx)
    if (current?.interaction.prompt.name !== accessPrompt) return restart.show(ctx, String(ctx.params.uid))
    if (form.decision === 'deny') return running.finish(ctx, notForThem, false)
    // Everything is asked anew: meanwhile somebody may have let them in.
    if (form.decision === 'again') return restart.restart(ctx, current.uid)
    if (form.decision === 'switch')
      return restart.restart(ctx, current.uid, askingWho(current.interaction.params))
    throw invalidInput([
      { pointer: '/decision', code: 'invalid_value', detail: 'must be deny, again or switch' },
    ])
  }

  return { show, submit }
}

export type AccessPages = ReturnType<typeof createAccessPages>
