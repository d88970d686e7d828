// Owns how a proof by mail joins the sign-in it was asked for. What it is worth there is features/authn.
import type Koa from 'koa'
import type { Authn } from '../features/authn/service.ts'
import { base, seeOther } from './interactions-running.ts'

export type DeviceCookie = {
  read(ctx: Koa.Context): string | undefined
  write(ctx: Koa.Context, value: string): void
}

/** Adds the proof and sends the browser back into the sign-in, which goes on from there. */
export type MailProof = (
  ctx: Koa.Context,
  uid: string,
  proved: { accountId: string; created?: boolean },
) => void

export function createMailProof({
  authn,
  deviceCookie,
}: {
  authn: Pick<Authn, 'acceptMail'>
  deviceCookie: DeviceCookie
}): MailProof {
  return (ctx, uid, proved) => {
    const { address, requestId } = ctx.state
    const origin = { address, requestId, deviceCookie: deviceCookie.read(ctx) }
    deviceCookie.write(ctx, authn.acceptMail(uid, proved, origin).deviceCookie)
    seeOther(ctx, base(uid))
  }
}
