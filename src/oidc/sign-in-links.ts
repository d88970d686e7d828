// Owns the page that a mailed sign-in link leads to. Opening it decides nothing, however often and by whatever scanner:
// in the browser that asked one button goes on, and everywhere else the page shows the code to type there.
import type Koa from 'koa'
import type { PeekedSignInLink } from '../features/passwordless/schema.ts'
import type { Passwordless } from '../features/passwordless/service.ts'
import { readForm } from '../web/input.ts'
import type { Renderer } from '../web/render.ts'
import type { MailProof } from './sign-in-proof.ts'
import { requestOrigin } from './sign-in-request.ts'
import type { WaysBack } from './sign-in-ways-back.ts'

export type LinkPagesDeps = {
  passwordless: Pick<Passwordless, 'peekLink' | 'verifyLink'>
  renderer: Renderer
  browserHash: (ctx: Koa.Context) => Buffer | undefined
  waysBack: WaysBack
  prove: MailProof
}

const path = '/link'

export function createLinkPages({ passwordless, renderer, browserHash, waysBack, prove }: LinkPagesDeps) {
  type Opened = { ctx: Koa.Context; token: string; asked: boolean }

  const peek = (ctx: Koa.Context, token: string): Promise<PeekedSignInLink> =>
    passwordless.peekLink(token, browserHash(ctx))

  /** `asked`: somebody pressed a button, which scanners do not. */
  async function render({ ctx, token, asked }: Opened): Promise<void> {
    const peeked = await peek(ctx, token)
    if (peeked.state === 'expired' || peeked.state === 'used') {
      return waysBack.showOver(ctx, { over: `link_${peeked.state}` })
    }
    const { emailMasked: email, appName } = peeked
    const about = { email, ...(appName !== undefined && { app: { name: appName } }) }
    if (peeked.state === 'other_browser') {
      // A program has no page that waits for the code, so its mails are worth a second look.
      const shows = asked || peeked.askedBy === 'browser'
      const code = shows ? { code: peeked.code } : { action: path, token }
      return renderer.page(ctx, 'interaction/link-code', { ...about, ...code })
    }
    const uid = peeked.interactionUid ?? ''
    const formAction = await waysBack.formActionOf(uid)
    if (!formAction) return waysBack.showOver(ctx, { uid })
    renderer.page(ctx, 'interaction/link', { ...about, action: path, token }, { formAction })
  }

  async function submit(ctx: Koa.Context): Promise<void> {
    const { token = '' } = await readForm(ctx)
    const peeked = await peek(ctx, token)
    const uid = peeked.state === 'same_browser' ? peeked.interactionUid : undefined
    const hash = browserHash(ctx)
    // Spent only where there is a sign-in to go on with.
    const goesOn = uid !== undefined && hash && (await waysBack.formActionOf(uid))
    if (!goesOn) return render({ ctx, token, asked: true })
    const verified = await passwordless.verifyLink(token, { browserHash: hash, origin: requestOrigin(ctx) })
    if (verified.outcome !== 'proved') return render({ ctx, token, asked: true })
    prove(ctx, uid, verified)
  }

  function show(ctx: Koa.Context): Promise<void> {
    const { token } = ctx.query
    return render({ ctx, token: typeof token === 'string' ? token : '', asked: false })
  }

  return { show, submit }
}
