// Owns the dispatcher: GET shows the next step of a stored interaction, POST adds one answer to it and comes back.
// Which step is next is decided in features/authn/next-step.ts and by oidc-provider's prompts.
import type Router from '@koa/router'
import type Koa from 'koa'
import type { Client, Interaction, InteractionResults, Provider } from 'oidc-provider'
import { errors } from 'oidc-provider'
import type { Claims } from '../features/accounts/claims.ts'
import type { Step } from '../features/authn/next-step.ts'
import type { Authn, Submitted } from '../features/authn/service.ts'
import { invalidInput } from '../kernel/errors.ts'
import { addressPrefix } from '../web/address.ts'
import { originOf } from '../web/headers.ts'
import { type Form, readForm } from '../web/input.ts'
import { otherMethods } from '../web/methods.ts'
import type { Renderer } from '../web/render.ts'
import { type DemoPerson, type PageError, say } from '../web/views.ts'
import { consentPage, denied, type FindResource, grantAll } from './consent.ts'
import type { Restart } from './restart.ts'

export type InteractionsDeps = {
  router: Router
  provider: () => Provider
  authn: Authn
  claimsOf: (accountId: string) => Promise<Claims | undefined>
  findResource: FindResource
  renderer: Renderer
  restart: Restart
  demoPeople: DemoPerson[]
  deviceCookie: { read(ctx: Koa.Context): string | undefined; write(ctx: Koa.Context, value: string): void }
  sameOrigin: Koa.Middleware
}

type Running = { uid: string; interaction: Interaction; client: Client }
type Trouble = { errors?: PageError[]; retryAt?: Date; retryAfterSeconds?: number; status: number }

const base = (uid: string) => `/interaction/${encodeURIComponent(uid)}`

export function mountInteractions(deps: InteractionsDeps): void {
  const { router, authn, renderer, restart } = deps

  /** The interaction of this path and this browser's cookie, or nothing when it is over. */
  async function runningOf(ctx: Koa.Context): Promise<Running | undefined> {
    const provider = deps.provider()
    const uid = String(ctx.params.uid)
    try {
      const interaction = await provider.interactionDetails(ctx.req, ctx.res)
      if (interaction.uid !== uid) return undefined
      const client = await provider.Client.find(String(interaction.params.client_id))
      return client && { uid, interaction, client }
    } catch (error) {
      if (error instanceof errors.SessionNotFound) return undefined
      throw error
    }
  }

  /** Hands oidc-provider the result and sends the browser back to where it resumes. */
  async function finish(ctx: Koa.Context, result: InteractionResults, merge = true): Promise<void> {
    const options = { mergeWithLastSubmission: merge }
    const returnTo = await deps.provider().interactionResult(ctx.req, ctx.res, result, options)
    ctx.status = 303
    ctx.redirect(returnTo)
  }

  function appOf(client: Client) {
    return { name: client.clientName ?? client.clientId, ...(client.clientUri && { uri: client.clientUri }) }
  }

  // What a form on the page leads to in the end: browsers hold the redirect chain to form-action.
  function formActionOf({ interaction }: Running): string[] {
    const { redirect_uri } = interaction.params
    return typeof redirect_uri === 'string' ? [originOf(redirect_uri)] : []
  }

  function showSignIn(ctx: Koa.Context, running: Running, step: Step, trouble?: Trouble): void {
    const { uid, client, interaction } = running
    const hint = interaction.params.login_hint
    const { status = 200, ...rest } = trouble ?? {}
    const common = { app: appOf(client), demoPeople: deps.demoPeople, ...rest }
    const options = { status, formAction: formActionOf(running) }
    if (step.do === 'password') {
      const view = { ...common, action: `${base(uid)}/password`, email: step.identifier }
      renderer.page(ctx, 'interaction/password', view, options)
      return
    }
    const typed = step.do === 'sign_in' ? step.identifier : undefined
    const email = typed ?? (typeof hint === 'string' ? hint : undefined)
    const single = step.do === 'sign_in'
    const view = {
      ...common,
      action: `${base(uid)}/${single ? 'password' : 'identifier'}`,
      ...(email && { email }),
    }
    renderer.page(ctx, single ? 'interaction/sign-in' : 'interaction/identifier', view, options)
  }

  async function showConsent(ctx: Koa.Context, running: Running): Promise<void> {
    const accountId = running.interaction.session?.accountId
    const person = accountId ? await deps.claimsOf(accountId) : undefined
    if (!person) return restart.show(ctx, running.uid)
    const view = await consentPage(
      { action: `${base(running.uid)}/consent`, ...running },
      person,
      deps.findResource,
    )
    renderer.page(ctx, 'interaction/consent', view, { formAction: formActionOf(running) })
  }

  async function show(ctx: Koa.Context): Promise<void> {
    const running = await runningOf(ctx)
    if (!running) return restart.show(ctx, String(ctx.params.uid))
    if (running.interaction.prompt.name === 'consent') return showConsent(ctx, running)
    const step = await authn.stepOf(running.uid)
    if (!step) return restart.show(ctx, running.uid)
    // The proof is in but its answer was lost on the way: go on from it.
    if (step.do === 'done') return finish(ctx, { login: loginOf(step) })
    showSignIn(ctx, running, step)
  }

  const loginOf = ({ accountId, amr, acr, authTime }: Extract<Step, { do: 'done' }>) => ({
    accountId,
    amr,
    acr,
    ts: authTime,
    remember: true,
  })

  /** Buttons that every sign-in page has. Says whether one of them was pressed. */
  async function answeredOtherwise(
    ctx: Koa.Context,
    form: Form,
    running: Running | undefined,
  ): Promise<boolean> {
    if (!running) {
      await restart.show(ctx, String(ctx.params.uid))
      return true
    }
    if (form.decision === 'deny') {
      await finish(ctx, denied, false)
      return true
    }
    if (form.decision === 'restart') {
      await authn.submitIdentifier(running.uid, undefined)
      seeOther(ctx, base(running.uid))
      return true
    }
    return false
  }

  function seeOther(ctx: Koa.Context, location: string): void {
    ctx.status = 303
    ctx.redirect(location)
  }

  async function submitIdentifier(ctx: Koa.Context): Promise<void> {
    const form = await readForm(ctx)
    const running = await runningOf(ctx)
    if (await answeredOtherwise(ctx, form, running)) return
    if (!running) return
    const email = form.email?.trim() ?? ''
    if (email === '') {
      showSignIn(ctx, running, { do: 'identifier' }, { errors: [say.emailMissing()], status: 422 })
      return
    }
    // A password manager fills the hidden field of the first page too, and saves its person the second.
    if (form.password) return prove(ctx, running.uid, { email, password: form.password })
    await authn.submitIdentifier(running.uid, email)
    seeOther(ctx, base(running.uid))
  }

  async function submitPassword(ctx: Koa.Context): Promise<void> {
    const form = await readForm(ctx)
    const uid = String(ctx.params.uid)
    const { email, password } = form
    if (form.decision === undefined && email?.trim() && password) return prove(ctx, uid, { email, password })

    const running = await runningOf(ctx)
    if (await answeredOtherwise(ctx, form, running)) return
    if (!running) return
    const step = await authn.stepOf(uid)
    const identifier = email?.trim() || (step?.do === 'password' ? step.identifier : undefined)
    if (identifier && password) return prove(ctx, uid, { email: identifier, password })
    const missing = [
      ...(identifier ? [] : [say.emailMissing()]),
      ...(password ? [] : [say.passwordMissing()]),
    ]
    if (step && step.do !== 'done') showSignIn(ctx, running, step, { errors: missing, status: 422 })
    else await show(ctx)
  }

  async function prove(
    ctx: Koa.Context,
    uid: string,
    typed: { email: string; password: string },
  ): Promise<void> {
    const submitted = await authn.submitPassword(uid, {
      identifier: typed.email.slice(0, 320),
      password: typed.password,
      address: ctx.state.address,
      addressPrefix: addressPrefix(ctx.state.address),
      requestId: ctx.state.requestId,
      deviceCookie: deps.deviceCookie.read(ctx),
    })
    const running = submitted.outcome === 'expired' ? undefined : await runningOf(ctx)
    if (!running || submitted.outcome === 'expired') return restart.show(ctx, uid)
    const step = await authn.stepOf(uid)
    if (submitted.outcome === 'proved' && step?.do === 'done') {
      deps.deviceCookie.write(ctx, submitted.deviceCookie)
      return finish(ctx, { login: loginOf(step) })
    }
    if (step && step.do !== 'done') showSignIn(ctx, running, step, troubleOf(ctx, submitted))
  }

  function troubleOf(ctx: Koa.Context, submitted: Submitted): Trouble {
    if (submitted.outcome !== 'limited') return { errors: [say.wrongPassword()], status: 401 }
    const { retryAt, retryAfterSeconds } = submitted
    ctx.set('Retry-After', String(retryAfterSeconds))
    return { retryAt, retryAfterSeconds, status: 429 }
  }

  async function submitConsent(ctx: Koa.Context): Promise<void> {
    const form = await readForm(ctx)
    const running = await runningOf(ctx)
    if (running?.interaction.prompt.name !== 'consent') return restart.show(ctx, String(ctx.params.uid))
    const accountId = running.interaction.session?.accountId
    if (form.decision === 'deny') return finish(ctx, denied, false)
    // Somebody else signed in here before: the same request begins again with the question who it is.
    if (form.decision === 'switch') {
      const { prompt } = running.interaction.params
      const consent = typeof prompt === 'string' && prompt.split(' ').includes('consent')
      return restart.restart(ctx, running.uid, { prompt: consent ? 'login consent' : 'login' })
    }
    if (form.decision !== 'allow' || !accountId) {
      throw invalidInput([{ pointer: '/decision', code: 'invalid_value', detail: 'must be allow or deny' }])
    }
    const grantId = await grantAll(deps.provider(), { ...running, accountId }, deps.findResource)
    return finish(ctx, { consent: { grantId } })
  }

  async function submitRestart(ctx: Koa.Context): Promise<void> {
    await readForm(ctx)
    await restart.restart(ctx, String(ctx.params.uid))
  }

  router.get('/interaction/:uid', page(show))
  router.all('/interaction/:uid', otherMethods('GET', 'HEAD'))
  router.post('/interaction/:uid/identifier', deps.sameOrigin, page(submitIdentifier))
  router.post('/interaction/:uid/password', deps.sameOrigin, page(submitPassword))
  router.post('/interaction/:uid/consent', deps.sameOrigin, page(submitConsent))
  router.post('/interaction/:uid/restart', deps.sameOrigin, page(submitRestart))
  router.all('/interaction/:uid/:answer', otherMethods('POST'))
}

const page = (handler: (ctx: Koa.Context) => Promise<void>) => (ctx: Koa.Context) => {
  ctx.state.wants = 'page'
  return handler(ctx)
}
