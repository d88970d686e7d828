// Owns whether a JWT access token is good now: it has not expired, and the session, the grant, the account and the
// client that it stands on are all there, and the client is for that person. Who may ask is decided by whoever does.
import { type Claims, claimsOf } from '../features/accounts/claims.ts'
import type { Payload } from '../features/artifacts/kinds.ts'
import type { AccountSnapshot } from '../features/artifacts/reads.ts'
import type { Artifacts } from '../features/artifacts/service.ts'
import { admits } from '../features/clients/access.ts'
import type { ProtocolClient } from '../features/clients/store.ts'
import type { Clock } from '../kernel/time.ts'
import type { AccessTokenClaims } from './access-tokens.ts'
import type { SubjectOf } from './subjects.ts'
import type { VeiledSessions } from './veiled-sessions.ts'

export type TokenStateDeps = {
  artifacts: Pick<Artifacts, 'jwtState'>
  findClient: (clientId: string) => Promise<ProtocolClient | undefined>
  subjectOf: SubjectOf
  standingBehind: VeiledSessions['standingBehind']
  clock: Clock
}

/** Of a token that is good: whose it is and what it stands on, unless a client holds it for itself. */
export type TokenState = { person?: Claims; account?: AccountSnapshot; grant?: Payload }

/** The clients that acted before the one that holds the token (RFC 8693 §4.1). */
function formerActors({ act }: AccessTokenClaims): string[] {
  const found: string[] = []
  for (let actor = Object(act).act; actor; actor = Object(actor).act) found.push(String(Object(actor).sub))
  return found
}

export function createTokenState(deps: TokenStateDeps) {
  const { artifacts, findClient, subjectOf, clock } = deps

  /** A token that was traded stands on the grant of another client. All through whose hands it went must be good. */
  async function isTraded(
    claims: AccessTokenClaims,
    { clientId }: { clientId?: unknown },
    account: AccountSnapshot,
  ): Promise<boolean> {
    if (claims.act === undefined) return false
    const clients = await Promise.all([String(clientId), ...formerActors(claims)].map(findClient))
    return clients.every((client) => client?.enabled && admits(client.metadata.access, account))
  }

  /** By the name that the client knows the person by, or by the one of before it was registered for another. */
  const isAbout = ({ sub }: AccessTokenClaims, { id }: AccountSnapshot, holder: ProtocolClient): boolean =>
    sub === id || sub === subjectOf(holder, id)

  /** The account as it is now, when all that the token stands on is good; else nothing. */
  return async function stateOf(claims: AccessTokenClaims): Promise<TokenState | undefined> {
    if (claims.exp <= clock.seconds()) return undefined
    const standing = deps.standingBehind(claims.jti)
    const [state, holder] = await Promise.all([
      artifacts.jwtState(claims.jti, standing),
      findClient(claims.client_id),
    ])
    if (!state || state.ended || !holder?.enabled) return undefined
    if (!standing) return claims.sub === claims.client_id ? {} : undefined

    const { grant, account } = state
    if (!grant || account?.status !== 'active' || !isAbout(claims, account, holder)) return undefined
    if (!admits(holder.metadata.access, account)) return undefined
    if (grant.payload.clientId !== claims.client_id && !(await isTraded(claims, grant.payload, account)))
      return undefined
    return { person: claimsOf(account), account, grant: grant.payload }
  }
}

export type StateOf = ReturnType<typeof createTokenState>
