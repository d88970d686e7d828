// Owns the end of a browser's session: what ends with it, and when nobody needs to be asked first.
// The question itself is screens.ts; what the answer to it does is oidc-provider's, and the same as here.
import type { KoaContextWithOIDC } from 'oidc-provider'

/**
 * Ends the session of this browser and every grant that hangs on it; those for offline access live on.
 * The cookie goes too.
 */
export async function endSession(ctx: KoaContextWithOIDC): Promise<void> {
  const { session, provider } = ctx.oidc
  if (!session) return
  for (const { grantId, persistsLogout } of Object.values(session.authorizations ?? {})) {
    if (grantId && !persistsLogout) await (await provider.Grant.find(grantId))?.destroy()
  }
  await session.destroy()
  const options = { httpOnly: true, sameSite: 'lax', path: '/', overwrite: true } as const
  ctx.cookies.set(provider.cookieName('session'), null, options)
  provider.emit('end_session.success', ctx)
}

/**
 * RP-Initiated Logout 1.0 §2: whoever shows an ID token of this very session need not be asked. oidc-provider has
 * verified the hint by then: that it signed it, for a client that exists. `subject` is how that client knows the person.
 */
export function isProvenByHint(ctx: KoaContextWithOIDC, subject: string): boolean {
  const { session, client, entities } = ctx.oidc
  const hint: unknown = entities.IdTokenHint?.payload
  if (!session || !client || typeof hint !== 'object' || hint === null) return false
  const { sub, sid } = hint as { sub?: unknown; sid?: unknown }
  const authorization = session.authorizations?.[client.clientId]
  const isOfSession = sub === subject && authorization !== undefined
  return isOfSession && (sid === undefined || sid === authorization.sid)
}

/** Where the browser goes after signing out: where the client asked to, once validated, or to a page of ours. */
export function leave(ctx: KoaContextWithOIDC): void {
  const { client, params, provider } = ctx.oidc
  const { post_logout_redirect_uri: uri, state } = params ?? {}
  const target = new URL(typeof uri === 'string' ? uri : provider.urlFor('end_session_success'))
  if (typeof uri !== 'string' && client) target.searchParams.set('client_id', client.clientId)
  if (typeof uri === 'string' && typeof state === 'string') target.searchParams.set('state', state)
  ctx.status = 303
  ctx.redirect(target.href)
}

/** What this browser's session has let in, with the `sid` each knows. One that only asked is in there without. */
export function appsLetIn({ oidc }: KoaContextWithOIDC): { clientId: string; sid: string }[] {
  const parts = Object.entries(oidc.session?.authorizations ?? {})
  return parts.flatMap(([clientId, { sid }]) => (sid === undefined ? [] : [{ clientId, sid }]))
}

/** Whoever was asked and chose to stay passes by here too. */
export function hasSignedOut({ oidc }: KoaContextWithOIDC): boolean {
  if (oidc.route === 'end_session') return true
  return oidc.route === 'end_session_confirm' && oidc.params?.logout !== undefined
}
