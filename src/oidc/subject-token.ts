// Owns what a token stands for that is brought to be traded (RFC 8693 §2.1): a person's access token of ours that is
// good now, in whichever form it was issued.
import type { Provider } from 'oidc-provider'
import {
  type AccessTokenClaims,
  jtiOf,
  looksLikeJwt,
  type ReadAccessToken,
  type Standing,
} from './access-tokens.ts'
import type { StateOf } from './token-state.ts'
import type { VeiledSessions } from './veiled-sessions.ts'

/** RFC 8693 §4.1: who acts for the person, and inside it who did before. */
export type Actor = { sub: string; client_id: string; act?: Actor }

/** Scopes as text, by the identifier of the API. */
export type ScopesByApi = Readonly<Record<string, string>>

export type Subject = {
  accountId: string
  clientId: string
  standing: Standing
  expiresAt: number
  /** The API it is for; none for a token that only userinfo takes. */
  audience: string | undefined
  scopes: ReadonlySet<string>
  act: Actor | undefined
  /** The scopes it had at the APIs it was for before it was traded. */
  held: ScopesByApi
  /** What the person granted at APIs, to the app they signed in to. */
  granted: ScopesByApi
  /** It is worth something to the holder of a key alone. */
  isBound: boolean
}

type Read = { claims: AccessTokenClaims; standing: Standing }

/** Opaque tokens say the same as structured ones, in other words. */
async function readOpaque(provider: Provider, token: string): Promise<Read | undefined> {
  const found = await provider.AccessToken.find(token)
  if (!found?.accountId || !found.grantId || !found.clientId || !found.isValid) return undefined
  const { accountId, clientId, grantId, sessionUid, expiresWithSession, exp, iat, jkt, scope } = found
  const standing = { grantId, ...(expiresWithSession && { sessionUid }) }
  const claims = {
    iss: provider.issuer,
    sub: accountId,
    aud: '',
    client_id: clientId,
    exp: exp ?? 0,
    iat: iat ?? 0,
    jti: jtiOf(standing, ''),
    ...(scope !== undefined && { scope }),
    ...((jkt ?? found['x5t#S256']) && { cnf: { jkt: String(jkt) } }),
  }
  return { claims, standing }
}

export type SubjectDeps = {
  provider: Provider
  read: ReadAccessToken
  stateOf: StateOf
  standingBehind: VeiledSessions['standingBehind']
}

/** Nothing for every token that is not good now, is not ours, or is a client's own. */
export function createSubjectReader({ provider, read, stateOf, standingBehind }: SubjectDeps) {
  function readStructured(token: string): Read | undefined {
    const claims = read(token)
    const standing = claims && standingBehind(claims.jti)
    return standing && { claims, standing }
  }

  return async function subjectOf(token: string): Promise<Subject | undefined> {
    const found = looksLikeJwt(token) ? readStructured(token) : await readOpaque(provider, token)
    if (!found) return undefined
    const { claims, standing } = found
    const state = await stateOf(claims)
    if (!state?.account || !state.grant) return undefined
    return {
      accountId: state.account.id,
      clientId: claims.client_id,
      standing,
      expiresAt: claims.exp,
      audience: claims.aud || undefined,
      scopes: new Set(claims.scope?.split(' ')),
      act: claims.act as Actor | undefined,
      held: Object(claims.held),
      granted: Object(state.grant.resources),
      isBound: claims.cnf !== undefined,
    }
  }
}
