// Owns signing in, signing up and recovering by mail, as far as the browser that asked goes: it asks for the mail,
// and takes the code, which a link shows as well. Where links lead to is sign-in-links.ts.
import type Koa from 'koa'
import { parseEmail } from '../features/accounts/email.ts'
import type { Recovery } from '../features/accounts/recovery-service.ts'
import type { Mailed } from '../features/authn/next-step.ts'
import { mailSuffices } from '../features/authn/next-step.ts'
import type { Authn } from '../features/authn/service.ts'
import type { ChallengeView } from '../features/challenges/schema.ts'
import type { Passwordless } from '../features/passwordless/service.ts'
import type { Clock } from '../kernel/time.ts'
import { type Form, readForm } from '../web/input.ts'
import type { Renderer } from '../web/render.ts'
import { say } from '../web/views.ts'
import { denied } from './consent.ts'
import {
  appOf,
  base,
  formActionOf,
  type Running,
  type RunningInteractions,
  seeOther,
} from './interactions-running.ts'
import type { Restart } from './restart.ts'
import type { SignInCookies } from './sign-in-cookies.ts'
import { demandOf } from './sign-in-demand.ts'
import type { MailProof } from './sign-in-proof.ts'
import { requestOrigin, type Trouble, waitAfter, waitUntil } from './sign-in-request.ts'

export type MailPagesDeps = {
  issuer: string
  clock: Clock
  /** Without a mail server nothing is offered that would need one. */
  mailLeaves: boolean
  running: RunningInteractions
  authn: Authn
  passwordless: Passwordless
  recovery: Recovery
  viewOf: (challengeId: string) => Promise<ChallengeView | null>
  renderer: Renderer
  restart: Restart
  browserHash: (ctx: Koa.Context) => Buffer | undefined
  cookies: SignInCookies
  prove: MailProof
}

/** After so many mails a page leads with the other ways. */
const patientSends = 3

export function createMailPages(deps: MailPagesDeps) {
  const { running, authn, passwordless, recovery, cookies, clock } = deps

  /** What a mail says besides its code. */
  const wordsOf = (ctx: Koa.Context, { client }: Running, via: Mailed['via']) => ({
    language: ctx.state.translator.lang,
    appName: appOf(client).name,
    linkUrl: `${deps.issuer}/${via === 'recovery' ? 'recover' : 'link'}`,
  })

  function ofBrowser(ctx: Koa.Context): { browserHash?: Buffer } {
    const browserHash = deps.browserHash(ctx)
    return browserHash ? { browserHash } : {}
  }

  function startChallenge(ctx: Koa.Context, current: Running, { via, email }: Omit<Mailed, 'id'>) {
    const request = {
      ...wordsOf(ctx, current, via),
      email,
      origin: requestOrigin(ctx),
      interactionUid: current.uid,
      ...ofBrowser(ctx),
    }
    if (via === 'recovery') return recovery.start(request)
    const method = via === 'link' ? 'link' : 'code'
    return passwordless.start({ ...request, method, intent: via === 'sign_up' ? 'sign_up' : 'sign_in' })
  }

  /** Sends a mail and goes on to the page that waits for its code. Else says why not. */
  async function request(
    ctx: Koa.Context,
    current: Running,
    { via, typed }: { via: Mailed['via']; typed: string | undefined },
  ): Promise<Trouble | undefined> {
    const email = typed?.trim() ?? ''
    if (!parseEmail(email)) return { errors: [say.emailInvalid()], status: 422 }
    try {
      const { id } = await startChallenge(ctx, current, { via, email })
      authn.keepMailed(current.uid, { id, via, email })
    } catch (error) {
      return waitAfter(ctx, error, clock)
    }
    if (via !== 'code' && via !== 'sign_up') cookies.rememberWayBack(ctx, current.uid)
    seeOther(ctx, base(current.uid))
    return undefined
  }

  async function show(ctx: Koa.Context, current: Running, mailed: Mailed, trouble?: Trouble): Promise<void> {
    const challenge = await deps.viewOf(mailed.id)
    if (!challenge) {
      authn.keepMailed(current.uid, undefined)
      return seeOther(ctx, base(current.uid))
    }
    const { emailMasked, sentAt, expiresAt, resendAt, sends, open } = challenge
    const { status = 200, ...rest } = trouble ?? {}
    const view = {
      ...rest,
      action: `${base(current.uid)}/code`,
      app: appOf(current.client),
      via: mailed.via,
      email: emailMasked,
      sentAt,
      expiresAt,
      resendAt,
      mayResend: resendAt <= clock.now(),
      open,
      otherWaysFirst: sends >= patientSends,
    }
    deps.renderer.page(ctx, mailed.via === 'link' ? 'interaction/link-sent' : 'interaction/code', view, {
      status,
      formAction: formActionOf(current),
    })
  }

  async function resend(ctx: Koa.Context, current: Running, mailed: Mailed): Promise<void> {
    const { id, via } = mailed
    const origin = requestOrigin(ctx)
    try {
      const resent =
        via === 'recovery'
          ? await recovery.resend({ id }, origin, wordsOf(ctx, current, via))
          : await passwordless.resend({ id }, origin)
      if (resent.outcome === 'too_early') return showTooEarly(ctx, current, mailed, resent.resendAt)
      if (resent.outcome === 'gone') return beginAgain(ctx, current, mailed)
    } catch (error) {
      return show(ctx, current, mailed, waitAfter(ctx, error, clock))
    }
    seeOther(ctx, base(current.uid))
  }

  /** A code that is over is not mailed again: a new one is. */
  async function beginAgain(ctx: Koa.Context, current: Running, mailed: Mailed): Promise<void> {
    const trouble = await request(ctx, current, { via: mailed.via, typed: mailed.email })
    if (trouble) await show(ctx, current, mailed, trouble)
  }

  function showTooEarly(ctx: Koa.Context, current: Running, mailed: Mailed, retryAt: Date): Promise<void> {
    const retryAfterSeconds = Math.max(1, Math.ceil((retryAt.getTime() - clock.millis()) / 1000))
    const wait = waitUntil(ctx, { retryAt, retryAfterSeconds })
    return show(ctx, current, mailed, { ...wait, errors: [say.resendTooEarly()] })
  }

  /** The buttons of these pages besides their own. Says whether one of them was pressed. */
  async function answeredOtherwise(ctx: Koa.Context, form: Form, current: Running, mailed: Mailed) {
    switch (form.decision) {
      case 'deny':
        await running.finish(ctx, denied, false)
        return true
      case 'resend':
        await resend(ctx, current, mailed)
        return true
      case 'restart':
        authn.submitIdentifier(current.uid, undefined)
        seeOther(ctx, base(current.uid))
        return true
      case 'password':
        authn.keepMailed(current.uid, undefined)
        seeOther(ctx, base(current.uid))
        return true
      default:
        return false
    }
  }

  async function submitCode(ctx: Koa.Context): Promise<void> {
    const form = await readForm(ctx)
    const current = await running.of(ctx)
    if (!current) return deps.restart.show(ctx, String(ctx.params.uid))
    const mailed = (await authn.runningAttempt(current.uid))?.mailed
    if (!mailed || mailed.proved) return seeOther(ctx, base(current.uid))
    if (await answeredOtherwise(ctx, form, current, mailed)) return

    const code = form.code?.trim() ?? ''
    if (code === '') return show(ctx, current, mailed, { errors: [say.codeMissing()], status: 422 })
    await tryCode(ctx, current, mailed, code)
  }

  async function tryCode(ctx: Koa.Context, current: Running, mailed: Mailed, code: string): Promise<void> {
    const handle = { id: mailed.id }
    const origin = requestOrigin(ctx)
    const tried =
      mailed.via === 'recovery'
        ? await recovery.checkCode(handle, code, origin)
        : await passwordless.verifyCode(handle, code, { ...origin, ...ofBrowser(ctx) })
    switch (tried.outcome) {
      case 'proved':
        return deps.prove(ctx, current.uid, tried)
      case 'right':
        cookies.recovery.write(ctx, tried.ticket, tried.expiresAt.getTime() - clock.millis())
        authn.keepMailed(current.uid, { ...mailed, proved: true })
        return seeOther(ctx, base(current.uid))
      case 'wrong':
        return show(ctx, current, mailed, { errors: [say.codeWrong()], status: 401 })
      case 'blocked':
        return show(ctx, current, mailed, waitUntil(ctx, tried))
      case 'gone':
        // The page itself tells that the code is over, and another tab may have used it for this very sign-in.
        return seeOther(ctx, base(current.uid))
    }
  }

  const offered = (current: Running): boolean => deps.mailLeaves && mailSuffices(demandOf(current))
  return { request, show, submitCode, offered }
}

export type MailPages = ReturnType<typeof createMailPages>
