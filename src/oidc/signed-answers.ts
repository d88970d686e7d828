// Owns answers that are signed as a whole: those of the authorization endpoint (JARM) where Foyer writes the page that
// carries them, and those of introspection (RFC 9701) that Foyer gives itself.
import type Koa from 'koa'
import type { KoaContextWithOIDC } from 'oidc-provider'

const introspectionType = 'application/token-introspection+jwt'

export async function signAnswer(
  ctx: KoaContextWithOIDC,
  use: 'authorization' | 'introspection',
  members: Record<string, unknown>,
): Promise<string> {
  const token = new ctx.oidc.provider.IdToken({}, { ctx })
  return Object.assign(token, { extra: members }).issue({ use })
}

/** RFC 9701 §5: signed when the client asks for that type. */
export async function signIntrospection(ctx: Koa.Context, answer: Record<string, unknown>): Promise<void> {
  ctx.body = answer
  if (ctx.accepts('json', introspectionType) !== introspectionType) return
  const members = { token_introspection: answer }
  ctx.body = await signAnswer(ctx as unknown as KoaContextWithOIDC, 'introspection', members)
  ctx.type = `${introspectionType}; charset=utf-8`
}
