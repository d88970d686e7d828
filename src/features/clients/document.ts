// Owns what a client ID metadata document is (draft-ietf-oauth-client-id-metadata-document): which ids are the address
// of one, what it may say, and how long it is good. Reading it is document-clients.ts.
import type { Config } from '../../config/schema.ts'
import { invalidInput } from '../../kernel/errors.ts'
import { parse } from '../../kernel/input.ts'
import { hours, minutes } from '../../kernel/time.ts'
import { type OutboundAnswer, refusalOf } from '../../platform/outbound.ts'
import { isLoopback } from './redirects.ts'
import { assertOutside, membersOf } from './registration-schema.ts'
import { ClientMetadata } from './schema.ts'

export type DocumentRules = Pick<Config, 'clientDocuments' | 'testHooks'>

/** It is a key of tables and a sentence on a page. */
const longestId = 500
const shortestMs = minutes(5)
const longestMs = hours(24)

/** One spelling of each address, so that nobody has two ids: §3 wants no dot segments, no fragment and no user. */
export function isDocumentAddress(id: string, { clientDocuments, testHooks }: DocumentRules): boolean {
  if (clientDocuments === 'closed' || !/^https?:/.test(id) || id.length > longestId) return false
  const url = URL.parse(id)
  if (url?.href !== id || id.includes('#') || refusalOf(url, { testHooks }) !== undefined) return false
  return clientDocuments === 'open' || clientDocuments.includes(url.host)
}

/** What a document says of its client, through the schema of every client. */
export function readDocument(
  id: string,
  text: string,
  { testHooks }: Pick<DocumentRules, 'testHooks'>,
): ClientMetadata {
  const document = membersIn(text)
  // §4.1: compared as text, byte for byte
  if (document.client_id !== id) throw refused('client_id', 'must be the address of the document')
  const method = document.token_endpoint_auth_method ?? 'none'
  if (!['none', 'private_key_jwt'].includes(String(method)))
    throw refused('token_endpoint_auth_method', 'must be none or private_key_jwt')
  // §4.1: everybody can read it
  for (const member of ['client_secret', 'client_secret_expires_at'])
    if (member in document) throw refused(member, 'must not stand in a document')

  const members = membersOf({ ...document, token_endpoint_auth_method: method })
  const metadata = parse(ClientMetadata, {
    ...members,
    application_type: members.application_type ?? typeOf(members.redirect_uris),
    grant_types: ownGrants(members.grant_types),
    client_uri: isAtHome(members.client_uri, id) ? members.client_uri : undefined,
    require_pkce: true,
  })
  if (!testHooks) assertOutside(metadata)
  return metadata
}

const refused = (member: string, detail: string) =>
  invalidInput([{ pointer: `/${member}`, code: 'invalid', detail }])

function membersIn(text: string): Readonly<Record<string, unknown>> {
  const value = jsonOf(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refused('', 'must be a JSON object')
  return Object.fromEntries(Object.entries(value))
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** One document is for many servers, so it names grants that this one does not give to an app nobody knows. */
function ownGrants(grants: unknown): unknown {
  if (!Array.isArray(grants)) return grants
  return grants.filter((grant) => grant === 'authorization_code' || grant === 'refresh_token')
}

/** RFC 8252 §7.3: an app on loopback comes with another port each time, which it may as a native one. */
function typeOf(redirectUris: unknown): 'web' | 'native' {
  const urls = Array.isArray(redirectUris) ? redirectUris.map((uri) => URL.parse(String(uri))) : []
  const isNative = urls.some((url) => url !== null && (url.protocol !== 'https:' || isLoopback(url.hostname)))
  return isNative ? 'native' : 'web'
}

/** Nobody names another's site as theirs on the page that asks for consent. */
const isAtHome = (uri: unknown, id: string): boolean =>
  typeof uri === 'string' && URL.parse(uri)?.origin === URL.parse(id)?.origin

/** How long a document is taken as read, from what its server says of caches (RFC 9111 §5.2.2). */
export function freshMsOf(headers: OutboundAnswer['headers']): number {
  const said = [headers['cache-control'] ?? ''].flat().join(',')
  if (/\bno-(store|cache)\b/i.test(said)) return shortestMs
  const maxAge = Number(/(?:^|[,\s])max-age="?(\d{1,9})/i.exec(said)?.[1] ?? 0) * 1000
  return Math.min(longestMs, Math.max(shortestMs, maxAge))
}
