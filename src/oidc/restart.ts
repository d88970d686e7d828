// Owns the way on from an interaction that is over: expired, finished, opened twice, or in another browser.
// Nobody is sent on by themselves: the person presses a button, so that two tabs cannot chase each other.
import type Koa from 'koa'
import type { Artifacts } from '../features/artifacts/service.ts'
import { sameHash } from '../kernel/secrets.ts'
import { cookiePolicy } from '../web/cookies.ts'
import { originOf } from '../web/headers.ts'
import type { Renderer } from '../web/render.ts'
import type { ExpiredPage } from '../web/views.ts'
import { type AppInfo, startOf } from './client-metadata.ts'

/** The same request with the question who it is, before whatever else the app wants asked. */
export function askingWho({ prompt }: Record<string, unknown>): { prompt: string } {
  const consent = typeof prompt === 'string' && prompt.split(' ').includes('consent')
  return { prompt: consent ? 'login consent' : 'login' }
}

export type RestartDeps = {
  issuer: string
  artifacts: Pick<Artifacts, 'findForRestart'>
  renderer: Renderer
  findClient: (clientId: string) => Promise<AppInfo | undefined>
  browserHash: (ctx: Koa.Context) => Buffer | undefined
}

// A request that was pushed or signed cannot be sent again: its reference or signature has expired with it.
const notReplayable = ['request_uri', 'request']

export function createRestart({ issuer, artifacts, renderer, findClient, browserHash }: RestartDeps) {
  const { name } = cookiePolicy({ insecureIssuer: issuer.startsWith('http:') })
  const cookies = ['foyer_interaction', 'foyer_resume'].map((base) => name(base, 'path'))

  /**
   * Two tabs that open at once in a fresh browser overwrite each other's cookie of the browser: the cookie of the
   * interaction itself is enough to begin anew, which is worth no more than the link that began it.
   */
  const holdsCookieOf = (ctx: Koa.Context, uid: string) =>
    cookies.some((each) => ctx.cookies.get(each, { signed: false }) === uid)

  async function load(ctx: Koa.Context, uid: string) {
    const found = await artifacts.findForRestart(uid)
    const client = found && (await findClient(found.clientId))
    if (!found || !client) return undefined
    const browser = browserHash(ctx)
    const sameBrowser =
      found.browserHash !== null && browser !== undefined && sameHash(found.browserHash, browser)
    const params = (found.payload.params ?? {}) as Record<string, unknown>
    const mayRestart = sameBrowser || holdsCookieOf(ctx, uid)
    const replayable = mayRestart && !notReplayable.some((name) => name in params)
    return { client, params, replayable }
  }

  function backToOf(client: AppInfo): ExpiredPage['backTo'] {
    const uri = startOf(client, issuer)
    return uri === undefined ? undefined : { name: client.name, uri }
  }

  /** `over` says what is over when it is not the page itself but the link that led to it. */
  async function show(ctx: Koa.Context, uid: string, over?: ExpiredPage['over']): Promise<void> {
    const found = await load(ctx, uid)
    const backTo = found && backToOf(found.client)
    const leadsTo = found?.replayable ? found.params.redirect_uri : undefined
    const ui_locales = found?.params.ui_locales
    if (typeof ui_locales === 'string') ctx.state.speakTo({ ui_locales })
    if (uid !== '' && ctx.method !== 'GET') ctx.state.stayAt = `/interaction/${encodeURIComponent(uid)}`
    renderer.page(
      ctx,
      'interaction/expired',
      {
        account: '/account',
        ...(over && { over }),
        ...(found && {
          app: { name: found.client.name, ...(found.client.uri && { uri: found.client.uri }) },
        }),
        ...(found?.replayable && { action: `/interaction/${encodeURIComponent(uid)}/restart` }),
        ...(backTo && { backTo }),
      },
      { status: 410, formAction: typeof leadsTo === 'string' ? [originOf(leadsTo)] : [] },
    )
  }

  /** Begins the same request again, as the client first sent it, but for what is changed on purpose. */
  async function restart(ctx: Koa.Context, uid: string, changes: Record<string, string> = {}): Promise<void> {
    const found = await load(ctx, uid)
    if (!found?.replayable) return show(ctx, uid)
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries({ ...found.params, ...changes })) {
      for (const each of [value].flat())
        if (each !== undefined && each !== null) query.append(name, String(each))
    }
    ctx.status = 303
    ctx.redirect(`/oauth2/authorize?${query}`)
  }

  return { show, restart }
}

export type Restart = ReturnType<typeof createRestart>
