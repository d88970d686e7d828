// Owns what a trade of tokens may give (RFC 8693): who may bring a token, and how much of an API it can be worth.
// Pure; the facts about clients and grants are as new as the statement that found them.
import type { ProtocolClient } from '../../features/clients/store.ts'
import type { ScopesByApi, Subject } from '../subject-token.ts'

/** Whom a token may be brought by, and of which clients its registration lets it trade. */
type Trader = Pick<ProtocolClient, 'id' | 'apis'> & {
  metadata: Pick<ProtocolClient['metadata'], 'token_exchange_clients'>
}

/**
 * The grant is the owner's word that a client may trade what people bring. A registration that names clients takes it
 * back for the tokens of all others, but for those that were issued to it and those of an API that it is.
 */
export function mayTrade({ id, apis, metadata }: Trader, { clientId, audience }: Subject): boolean {
  const named = metadata.token_exchange_clients
  if (named === undefined || id === clientId || named.includes(clientId)) return true
  return apis.some(({ identifier, serves }) => serves && identifier === audience)
}

/** What a token had on its way, this API included. */
export function heldAfter({ audience, scopes, held }: Subject): ScopesByApi {
  return audience === undefined ? held : { ...held, [audience]: [...scopes].join(' ') }
}

/**
 * The most a token can be worth at an API, or nothing when the API alone decides. A token never regains what one before
 * it had not (RFC 8693 §5), nor more than a person granted there, where they were asked.
 */
export function ceilingsAt(api: string, subject: Subject): ReadonlySet<string>[] {
  const said = [heldAfter(subject), subject.granted]
  return said
    .map((scopes) => (Object.hasOwn(scopes, api) ? scopes[api] : undefined))
    .filter((scopes) => scopes !== undefined)
    .map((scopes) => new Set(scopes.split(' ')))
}
