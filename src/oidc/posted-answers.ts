// Owns the three answers for which oidc-provider writes a page by itself, one that posts a form by script: what
// `form_post` and `web_message` bring to a client, the change of person in one browser, and signing out of nothing. The
// first becomes a page of ours, the other two need none. oidc-provider's events and a middleware behind it are how this
// is told.
import type Koa from 'koa'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import { isPage, originOf } from '../web/headers.ts'
import type { Renderer } from '../web/render.ts'
import { endSession, leave } from './sign-out.ts'
import { signAnswer } from './signed-answers.ts'
import { answerByMessage } from './web-message.ts'

type Fields = Record<string, string>

/** Only what there is: OAuth has no empty members. */
const fieldsOf = (answer: object): Fields =>
  Object.fromEntries(
    Object.entries(answer).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  )

export function createPostedAnswers({ renderer }: { renderer: Renderer }) {
  const answers = new WeakMap<object, Fields>()

  /** OAuth 2.0 Form Post Response Mode §2. */
  function postToClient(ctx: KoaContextWithOIDC, fields: Fields): void {
    const { client, params } = ctx.oidc
    const action = String(params?.redirect_uri)
    const app = client && { name: client.clientName ?? client.clientId }
    renderer.page(
      ctx as Koa.Context,
      'interaction/return',
      { action, fields, ...(app && { app }) },
      { formAction: [originOf(action)] },
    )
  }

  /** Another person signed in: the session of the one before ends, and the same interaction goes on. */
  async function changePerson(ctx: KoaContextWithOIDC): Promise<void> {
    await endSession(ctx)
    ctx.status = 303
    ctx.redirect(ctx.originalUrl)
  }

  async function answerClient(ctx: KoaContextWithOIDC, fields: Fields): Promise<void> {
    const mode = String(ctx.oidc.params?.response_mode)
    const sent = mode.endsWith('.jwt') ? { response: await signAnswer(ctx, 'authorization', fields) } : fields
    if (!mode.startsWith('web_message')) return postToClient(ctx, sent)
    answerByMessage(ctx as Koa.Context, String(ctx.oidc.params?.redirect_uri), sent)
  }

  async function middleware(ctx: Koa.Context, next: Koa.Next): Promise<void> {
    await next()
    // A redirect has a body of HTML too, and a page of ours is right as it is.
    const isTheirs = isPage(ctx.res) && !ctx.response.get('Location') && !ctx.state.page
    if (!isTheirs) return
    const protocol = ctx as unknown as KoaContextWithOIDC
    const answer = answers.get(ctx)
    if (answer) return answerClient(protocol, answer)
    if (protocol.oidc.route === 'resume') return changePerson(protocol)
    if (protocol.oidc.route !== 'end_session') return
    await endSession(protocol)
    leave(protocol)
  }

  /** Puts itself behind a provider that was just built. */
  function attach(provider: Provider): void {
    provider.use(middleware as never)
    provider.on('authorization.success', (ctx, answer) => void answers.set(ctx, fieldsOf(answer ?? {})))
    provider.on('authorization.error', (ctx, { error, error_description }) => {
      const { state } = ctx.oidc.params ?? {}
      answers.set(ctx, fieldsOf({ error, error_description, state, iss: provider.issuer }))
    })
  }

  return { attach }
}

export type PostedAnswers = ReturnType<typeof createPostedAnswers>
