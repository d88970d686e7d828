// Owns the pages on which a person lets a device in (RFC 8628 §3.3): the code, then who asks for what. Nothing is decided
// by opening an address: the code in a link is typed for the person, and pressing the button is left to them.
import type Router from '@koa/router'
import type Koa from 'koa'
import type { Claimed, CrossDevice, HeldDevice } from '../features/crossdevice/service.ts'
import { readUserCode, showUserCode } from '../features/crossdevice/user-codes.ts'
import { deviceNameOf } from '../features/sessions/device-names.ts'
import { invalidInput, notFound } from '../kernel/errors.ts'
import { minutes } from '../kernel/time.ts'
import { type DeviceInfo, devicePage } from '../oidc/device.ts'
import type { AskedElsewhere, DeviceApproval } from '../oidc/device-approval.ts'
import { addressPrefix } from '../web/address.ts'
import type { CookiePolicy } from '../web/cookies.ts'
import type { DeviceCodePage } from '../web/device-views.ts'
import { type Form, readForm } from '../web/input.ts'
import { otherMethods } from '../web/methods.ts'
import type { Renderer } from '../web/render.ts'
import type { PageError } from '../web/sentences.ts'
import type { AccountSession, Visitor } from './account-session.ts'
import { keptIn } from './kept.ts'

export type DevicePagesDeps = {
  router: Router
  renderer: Renderer
  session: AccountSession
  crossDevice: Pick<CrossDevice, 'claim' | 'hold' | 'userCodeOf'>
  approval: DeviceApproval
  cookies: CookiePolicy
  sameOrigin: Koa.Middleware
}

/** Where the question is, once the code was typed: opened after signing in. */
export const requestPage = `${devicePage}/request`

/** As long as a code lives. */
const keptMs = minutes(10)

const codeMissing: PageError = { field: 'user_code', text: { key: 'device.code_missing' } }
/** Unknown, expired, decided and claimed elsewhere alike. */
const codeWrong: PageError = {
  field: 'user_code',
  text: { key: 'device.code_wrong' },
  beside: { key: 'device.code_wrong_beside' },
}
const over: PageError = { text: { key: 'device.over' } }
const notADecision = () =>
  invalidInput([{ pointer: '/decision', code: 'invalid_value', detail: 'must be allow or deny' }])

/** In the spelling that devices use. */
const offered = (code: string | undefined): DeviceCodePage =>
  code === undefined ? {} : { userCode: showUserCode(code) }

type Reader = Visitor | undefined

export function mountDevicePages(deps: DevicePagesDeps): void {
  const { router, renderer, session, crossDevice, approval } = deps
  const kept = keptIn(deps.cookies, { name: 'foyer_device_claim', path: '/', forMs: keptMs })

  function askForCode(ctx: Koa.Context, view: DeviceCodePage, status = 200): void {
    ctx.state.stayAt = devicePage
    renderer.page(ctx, 'device/code', view, { status })
  }

  const heldBy = async (ctx: Koa.Context, visitor: Reader): Promise<HeldDevice | undefined> =>
    visitor &&
    crossDevice.hold(kept.read(ctx), { sessionUid: visitor.sessionUid, accountId: visitor.account.id })

  function look(ctx: Koa.Context): void {
    const { user_code: linked } = ctx.query
    askForCode(ctx, offered(typeof linked === 'string' ? readUserCode(linked) : undefined))
  }

  /** Of a claim that another session of this browser has, the code is typed once more, and only sent by the person. */
  function askAgain(ctx: Koa.Context, errors: PageError[] = []): void {
    askForCode(ctx, { ...offered(crossDevice.userCodeOf(kept.read(ctx))), errors }, 410)
  }

  async function lookAtRequest(ctx: Koa.Context, visitor: Reader): Promise<void> {
    const request = await heldBy(ctx, visitor)
    if (!request) return askAgain(ctx)
    await confirm(ctx, request)
  }

  async function confirm(ctx: Koa.Context, request: HeldDevice): Promise<void> {
    const ui_locales = approval.paramsOf(request).ui_locales
    if (ui_locales !== undefined) ctx.state.speakTo({ ui_locales })
    if (await approval.needsSignIn(ctx, request))
      return session.sendToSignIn(ctx, { page: requestPage, anew: true })
    const asked = await approval.ask(request, ctx.state.translator)
    if (!asked) return askAgain(ctx, [over])
    if (asked.closed) return showClosed(ctx, asked)
    const device = request.payload.deviceInfo as DeviceInfo
    const { device: name } = deviceNameOf(device.userAgent)
    renderer.page(ctx, 'device/confirm', {
      ...asked,
      userCode: showUserCode(request.userCode),
      device: device.userAgent === '' ? null : name,
      address: device.address,
      at: request.createdAt,
    })
  }

  /** The same page as everywhere else: its buttons refuse the device, ask anew, or ask who it is. */
  function showClosed(ctx: Koa.Context, { app, account, closed }: AskedElsewhere): void {
    const view = { action: requestPage, app, email: account.email, contacts: closed?.contacts ?? [] }
    renderer.page(ctx, 'interaction/no-access', view, { status: 403 })
  }

  async function answer(ctx: Koa.Context, visitor: Reader): Promise<void> {
    const form = await readForm(ctx)
    const request = await heldBy(ctx, visitor)
    if (!request) return askAgain(ctx, [over])
    await decide(ctx, form, request)
  }

  async function claim(ctx: Koa.Context, visitor: Reader): Promise<void> {
    const { user_code: typed = '' } = await readForm(ctx)
    if (typed.trim() === '') return askForCode(ctx, { errors: [codeMissing] }, 422)
    const claimed = await crossDevice.claim(typed, {
      addressPrefix: addressPrefix(ctx.state.address),
      before: kept.read(ctx),
    })
    if (claimed.outcome !== 'claimed') return refuse(ctx, typed, claimed)
    kept.write(ctx, claimed.claim)
    if (!visitor) return session.sendToSignIn(ctx, { page: requestPage })
    ctx.status = 303
    ctx.redirect(requestPage)
  }

  function refuse(
    ctx: Koa.Context,
    userCode: string,
    refusal: Exclude<Claimed, { outcome: 'claimed' }>,
  ): void {
    if (refusal.outcome === 'wrong') {
      askForCode(ctx, { userCode, errors: [codeWrong] }, 422)
      return
    }
    const { retryAt, retryAfterSeconds } = refusal
    ctx.set('Retry-After', String(Math.max(1, retryAfterSeconds)))
    askForCode(ctx, { userCode, retryAt, retryAfterSeconds }, 429)
  }

  async function decide(ctx: Koa.Context, { decision }: Form, request: HeldDevice): Promise<void> {
    const asked = await approval.ask(request, ctx.state.translator)
    if (!asked) return askAgain(ctx, [over])
    if (decision === 'switch') return session.sendToSignIn(ctx, { page: requestPage, anew: true })
    if (decision === 'again' || (decision === 'allow' && asked.closed)) return confirm(ctx, request)
    if (decision !== 'allow' && decision !== 'deny') throw notADecision()
    if (decision === 'allow' && (await approval.needsSignIn(ctx, request)))
      return session.sendToSignIn(ctx, { page: requestPage, anew: true })
    await approval[decision](ctx, request)
    kept.clear(ctx)
    ctx.state.stayAt = devicePage
    renderer.page(ctx, 'device/done', { app: asked.app, allowed: decision === 'allow' })
  }

  router.get(devicePage, session.open(look))
  router.post(devicePage, deps.sameOrigin, session.open(claim))
  router.all(devicePage, otherMethods('GET', 'HEAD', 'POST'))
  router.get(requestPage, session.open(lookAtRequest))
  router.post(requestPage, deps.sameOrigin, session.open(answer))
  router.all(requestPage, otherMethods('GET', 'HEAD', 'POST'))
  // oidc-provider's own pages would begin here
  router.all(`${devicePage}/:rest`, () => {
    throw notFound()
  })
}
