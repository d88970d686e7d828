// Owns OpenID Connect Front-Channel Logout 1.0: after a sign-out in this browser, a page loads the addresses of the apps
// that took part, before the browser goes on to where it was going. Apps that can be told directly are told by
// back-channel-logout.ts too.
import type Koa from 'koa'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { ProtocolClient } from '../features/clients/store.ts'
import { originOf } from '../web/headers.ts'
import type { Renderer } from '../web/render.ts'
import { appsLetIn, hasSignedOut } from './sign-out.ts'

export type FrontChannelLogoutDeps = {
  issuer: string
  renderer: Pick<Renderer, 'page'>
  findClient: (clientId: string) => Promise<ProtocolClient | undefined>
}

export type FrontChannelLogout = ReturnType<typeof createFrontChannelLogout>

type Frame = { name: string; src: string }

/** What OpenID Connect Discovery tells of it: oidc-provider knows nothing of the front channel. */
export const frontChannelDiscovery = {
  frontchannel_logout_supported: true,
  frontchannel_logout_session_supported: true,
}

export function createFrontChannelLogout({ issuer, renderer, findClient }: FrontChannelLogoutDeps) {
  async function frameOf(clientId: string, sid: string): Promise<Frame[]> {
    const client = await findClient(clientId)
    const uri = client?.metadata.frontchannel_logout_uri
    if (!client?.enabled || uri === undefined) return []
    // §2: what the address has in its query already stays
    const src = new URL(uri)
    src.searchParams.set('iss', issuer)
    src.searchParams.set('sid', sid)
    return [{ name: client.metadata.client_name ?? clientId, src: src.href }]
  }

  async function middleware(ctx: KoaContextWithOIDC, next: Koa.Next): Promise<void> {
    await next()
    const target = ctx.response.get('Location')
    if (!target || !hasSignedOut(ctx)) return
    const parts = appsLetIn(ctx)
    const frames = (await Promise.all(parts.map(({ clientId, sid }) => frameOf(clientId, sid)))).flat()
    if (frames.length === 0) return
    ctx.remove('Location')
    const frameSrc = frames.map(({ src }) => originOf(src))
    renderer.page(ctx as Koa.Context, 'logout/apps', { target, frames }, { frameSrc })
  }

  /** Before whatever else answers a sign-out, so that this sees where it leads. */
  const attach = (provider: Provider): void => void provider.use(middleware as never)

  return { attach }
}
