// Owns the ways in by mail: a forgotten password, and signing in without one.
import type Koa from 'koa'
import type { z } from 'zod'
import type { Recovery } from '../features/accounts/recovery-service.ts'
import type { Origin } from '../features/challenges/schema.ts'
import type { Passwordless } from '../features/passwordless/service.ts'
import { parse, readJson } from '../web/input.ts'
import {
  aboutNewPassword,
  blocked,
  codeSpent,
  type DoorContext,
  originOf,
  wrongCode,
} from './auth-context.ts'
import { Forgot, Reset, StartPasswordless, VerifyPasswordless } from './auth-schema.ts'

export type MailRoutesDeps = {
  door: DoorContext
  recovery: Pick<Recovery, 'start' | 'resetByCode' | 'resetByLink'>
  passwordless: Pick<Passwordless, 'start' | 'verifyCode' | 'verifyLink'>
  /** Where mailed links lead; `?token=` is added. */
  links: { recovery: string; passwordless: string }
  languageOf: (ctx: Koa.Context) => string
}

export function createMailRoutes({ door, recovery, passwordless, links, languageOf }: MailRoutesDeps) {
  /** Answers everybody alike, and as slowly. */
  async function forgot(ctx: Koa.Context): Promise<void> {
    const { email } = parse(Forgot, await readJson(ctx))
    const words = { language: languageOf(ctx), linkUrl: links.recovery }
    const { flow } = await recovery.start({ email, origin: originOf(ctx), ...words })
    ctx.status = 202
    ctx.body = { flow }
  }

  async function reset(ctx: Koa.Context): Promise<void> {
    const body = parse(Reset, await readJson(ctx))
    await aboutNewPassword(resetBy(body, originOf(ctx)))
    ctx.body = { status: 'password_reset' }
  }

  async function resetBy(body: z.output<typeof Reset>, origin: Origin): Promise<void> {
    if ('token' in body) return void (await recovery.resetByLink(body.token, body.new_password, origin))
    const { flow, code, new_password: password } = body
    const done = await recovery.resetByCode({ flow }, code, { password, origin })
    if (done.outcome !== 'reset') throw refusalOf(done)
  }

  async function start(ctx: Koa.Context): Promise<void> {
    const { email, method } = parse(StartPasswordless, await readJson(ctx))
    const { flow } = await passwordless.start({
      email,
      method,
      origin: originOf(ctx),
      language: languageOf(ctx),
      linkUrl: links.passwordless,
      intent: 'sign_in',
    })
    ctx.status = 202
    ctx.body = { flow }
  }

  async function verify(ctx: Koa.Context): Promise<void> {
    const body = parse(VerifyPasswordless, await readJson(ctx))
    const origin = originOf(ctx)
    const verified =
      'token' in body
        ? await passwordless.verifyLink(body.token, { email: body.email, origin })
        : await passwordless.verifyCode({ flow: body.flow }, body.code, origin)
    if (verified.outcome !== 'proved') throw refusalOf(verified)
    const { accountId, created } = verified
    await door.welcome(ctx, { method: 'email', accountId }, { status: created ? 201 : 200 })
  }

  return { forgot, reset, start, verify }
}

type NotRight = { outcome: 'wrong' } | { outcome: 'blocked'; retryAfterSeconds: number } | { outcome: 'gone' }

function refusalOf(refused: NotRight): Error {
  if (refused.outcome === 'blocked') return blocked(refused)
  return refused.outcome === 'wrong' ? wrongCode() : codeSpent()
}
