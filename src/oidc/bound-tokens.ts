// Owns whether a token is presented by the one it was given to, where Foyer is the resource server itself: a token
// that is bound to a key comes with a proof of that key (RFC 9449 §7), one that is bound to a
// certificate over a connection with it (RFC 8705 §3), any other comes as a bearer token.
import type Koa from 'koa'
import type { Presented, TokenRefusal } from '../web/auth.ts'
import type { AccessTokenClaims } from './access-tokens.ts'
import type { ClientCertificates } from './client-certificates.ts'
import { createProofs, type ProofDeps } from './dpop-proof.ts'

export type HolderCheck = ReturnType<typeof createHolderCheck>

export type HolderDeps = ProofDeps & { certificates: Pick<ClientCertificates, 'thumbprintOf'> }

export function createHolderCheck(deps: HolderDeps) {
  const thumbprintOf = createProofs(deps)

  /** What to refuse, or nothing. */
  return async function checkHolder(
    ctx: Koa.Context,
    { scheme, token }: Presented,
    { cnf }: AccessTokenClaims,
  ): Promise<TokenRefusal | undefined> {
    const certificate = cnf?.['x5t#S256']
    // RFC 8705 §3
    if (certificate !== undefined && certificate !== deps.certificates.thumbprintOf(ctx))
      return { error: 'invalid_token' }
    const isBound = cnf?.jkt !== undefined
    // RFC 9449 §7.2: not to be taken as a bearer token, or binding it would be in vain
    if (isBound !== (scheme === 'DPoP')) return { error: 'invalid_token' }
    if (!isBound) return undefined
    const proven = await thumbprintOf(ctx, token)
    if (proven === undefined) return { error: 'invalid_dpop_proof' }
    return proven === cnf?.jkt ? undefined : { error: 'invalid_token' }
  }
}
