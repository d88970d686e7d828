// Owns what every page of an interaction begins and ends with: the interaction of this path and this browser, and the
// way back to oidc-provider. What the pages ask is sign-in.ts, consent-pages.ts and their neighbours.
import type Koa from 'koa'
import type { Client, Interaction, InteractionResults, Provider } from 'oidc-provider'
import { errors } from 'oidc-provider'
import type { Step } from '../features/authn/next-step.ts'
import { logoPathOf } from '../features/clients/logos.ts'
import type { Clock } from '../kernel/time.ts'
import { originOf } from '../web/headers.ts'
import type { AppOnPage } from '../web/views.ts'

export type Running = { uid: string; interaction: Interaction; client: Client }

/** Where an interaction lives. */
export const base = (uid: string): string => `/interaction/${encodeURIComponent(uid)}`

export function appOf(client: Client): AppOnPage {
  const { clientId, clientName, clientUri, logoUri, policyUri, tosUri } = client
  return {
    name: clientName ?? clientId,
    ...(clientUri && { uri: clientUri }),
    ...(logoUri && { logo: logoPathOf(clientId, logoUri) }),
    ...(policyUri && { policy: policyUri }),
    ...(tosUri && { terms: tosUri }),
  }
}

/** What a form on the page leads to in the end: browsers hold the redirect chain to form-action. */
export function formActionOf({ interaction }: Running): string[] {
  const { redirect_uri } = interaction.params
  return typeof redirect_uri === 'string' ? [originOf(redirect_uri)] : []
}

export function seeOther(ctx: Koa.Context, location: string): void {
  ctx.status = 303
  ctx.redirect(location)
}

/** What fails below this is told as a page. */
export const page =
  (handler: (ctx: Koa.Context) => Promise<void>) =>
  (ctx: Koa.Context): Promise<void> => {
    ctx.state.wants = 'page'
    return handler(ctx)
  }

/** A finished sign-in in oidc-provider's words. */
export const loginOf = ({ accountId, amr, acr, authTime }: Extract<Step, { do: 'done' }>) => ({
  accountId,
  amr,
  acr,
  ts: authTime,
  remember: true,
})

export type RunningDeps = { provider: () => Provider; clock: Pick<Clock, 'seconds'> }

export function createRunning({ provider, clock }: RunningDeps) {
  /** The interaction of this path and this browser's cookie, or nothing when it is over. */
  async function of(ctx: Koa.Context): Promise<Running | undefined> {
    const uid = String(ctx.params.uid)
    try {
      const interaction = await provider().interactionDetails(ctx.req, ctx.res)
      if (interaction.uid !== uid) return undefined
      const { ui_locales } = interaction.params
      ctx.state.speakTo({ ui_locales: typeof ui_locales === 'string' ? ui_locales : undefined })
      // What answers a form is shown again where the form stands.
      if (ctx.method === 'POST') ctx.state.stayAt = base(uid)
      const client = await provider().Client.find(String(interaction.params.client_id))
      if (!client) return undefined
      speakAsAsked(ctx, interaction)
      return { uid, interaction, client }
    } catch (error) {
      if (error instanceof errors.SessionNotFound) return undefined
      throw error
    }
  }

  /** Hands oidc-provider the result and sends the browser back to where it resumes. */
  async function finish(ctx: Koa.Context, result: InteractionResults, merge = true): Promise<void> {
    const options = { mergeWithLastSubmission: merge }
    seeOther(ctx, await provider().interactionResult(ctx.req, ctx.res, result, options))
  }

  /**
   * A new password ended the session in which the question was asked; oidc-provider would take its absence for a change
   * of person on the way.
   */
  async function forgetSession(uid: string): Promise<void> {
    const interaction = await provider().Interaction.find(uid)
    if (!interaction?.session?.uid) return
    delete interaction.session
    await interaction.save(interaction.exp - clock.seconds())
  }

  return { of, finish, forgetSession }
}

/** The app may have said in which language it wants to be seen (OIDC Core §3.1.2.1). */
function speakAsAsked(ctx: Koa.Context, { uid, params }: Interaction): void {
  ctx.state.stayAt = base(uid)
  if (typeof params.ui_locales === 'string') ctx.state.speakTo({ ui_locales: params.ui_locales })
}

export type RunningInteractions = ReturnType<typeof createRunning>
