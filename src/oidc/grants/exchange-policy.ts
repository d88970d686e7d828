// Owns what a trade of tokens may give (RFC 8693): who may bring a token, and how much of an API it can be worth.
// Pure; the facts about clients and grants are as new as the statement that found them.
import type { ProtocolClient } from '../../features/clients/store.ts'
import type { ScopesByApi, Subject } from '../subject-token.ts'

/** Whom a token may be brought by: the owner of this installation names further clients in a registration. */
type Trader = Pick<ProtocolClient, 'id' | 'apis'> & {
  metadata: Pick<ProtocolClient['metadata'], 'token_exchange_clients'>
}

/**
 * RFC 8693 §5: a token that got into other hands is worth nothing to them. It may be traded by the client that it was
 * issued to, by one that is the API it is for, and by one whose registration names the client it was issued to.
 */
export function mayTrade({ id, apis, metadata }: Trader, { clientId, audience }: Subject): boolean {
  if (id === clientId) return true
  const isItsApi = apis.some(({ identifier, serves }) => serves && identifier === audience)
  return isItsApi || (metadata.token_exchange_clients?.includes(clientId) ?? false)
}

/** What a token had on its way, this API included. */
export function heldAfter({ audience, scopes, held }: Subject): ScopesByApi {
  return audience === undefined ? held : { ...held, [audience]: [...scopes].join(' ') }
}

type Origin = { isFirstParty: boolean }

/**
 * The most a token can be worth at an API, or nothing when the API alone decides. A token never regains what one before
 * it had not (RFC 8693 §5), nor more than a person granted there. What the owner's own apps ask for is granted without
 * a question, so of an API for which they asked nothing nobody has said anything.
 */
export function ceilingsAt(api: string, subject: Subject, { isFirstParty }: Origin): ReadonlySet<string>[] {
  const held = heldAfter(subject)
  const before = Object.hasOwn(held, api) ? held[api] : undefined
  const granted = subject.granted[api] ?? (isFirstParty ? undefined : '')
  return [before, granted]
    .filter((scopes) => scopes !== undefined)
    .map((scopes) => new Set(scopes.split(' ')))
}
