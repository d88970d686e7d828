// Owns the way from a mailed link back into the sign-in that waits for it in this browser, and the way on from a link
// that is over: expired or used, each with a page of its own.
import type Koa from 'koa'
import type { Artifacts } from '../features/artifacts/service.ts'
import type { Attempt } from '../features/authn/next-step.ts'
import type { Authn } from '../features/authn/service.ts'
import { originOf } from '../web/headers.ts'
import type { ExpiredPage } from '../web/views.ts'
import type { Restart } from './restart.ts'
import type { SignInCookies } from './sign-in-cookies.ts'

export type WaysBackDeps = {
  authn: Pick<Authn, 'runningAttempt'>
  artifacts: Pick<Artifacts, 'find'>
  restart: Pick<Restart, 'show'>
  cookies: SignInCookies
}

export function createWaysBack({ authn, artifacts, restart, cookies }: WaysBackDeps) {
  /** The newest sign-in of this browser, still under way, whose attempt is the one looked for. */
  async function find(ctx: Koa.Context, isIt: (attempt: Attempt) => boolean): Promise<string | undefined> {
    for (const uid of cookies.waysBack(ctx)) {
      const attempt = await authn.runningAttempt(uid)
      if (attempt && isIt(attempt)) return uid
    }
    return undefined
  }

  /** Where a form that goes on with this sign-in leads to in the end; nothing when it is over or another browser's. */
  async function formActionOf(uid: string): Promise<string[] | undefined> {
    const interaction = await artifacts.find('Interaction', uid)
    if (!interaction) return undefined
    const { redirect_uri } = (interaction.params ?? {}) as { redirect_uri?: unknown }
    return typeof redirect_uri === 'string' ? [originOf(redirect_uri)] : []
  }

  /** All of them together, for a page that does not know yet which one it goes on with. */
  async function formActions(ctx: Koa.Context): Promise<string[]> {
    const found = await Promise.all(cookies.waysBack(ctx).map(formActionOf))
    return [...new Set(found.flatMap((origins) => origins ?? []))]
  }

  /** A link that is over; the newest sign-in of this browser, running or not, is the way on. */
  async function showOver(
    ctx: Koa.Context,
    { over, uid = cookies.waysBack(ctx)[0] ?? '' }: { over?: ExpiredPage['over']; uid?: string },
  ): Promise<void> {
    await restart.show(ctx, uid, over)
  }

  return { find, formActionOf, formActions, showOver }
}

export type WaysBack = ReturnType<typeof createWaysBack>
