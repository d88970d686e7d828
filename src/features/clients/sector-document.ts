// Owns the document at a client's `sector_identifier_uri`: whoever answers for that host says there which addresses
// belong to it (OIDC Registration §5). It is read when a client is registered, and when what it must name has changed.
import type { FieldError } from '../../kernel/errors.ts'
import type { OutboundFetch } from '../../platform/outbound.ts'
import { isTrustedByKeys, type SectorMembers } from './sector-schema.ts'

const pointer = '/sector_identifier_uri'

// What stands at the other end is none of the business of whoever registers
const unreadable: FieldError = {
  pointer,
  code: 'sector_unreadable',
  detail: 'must answer soon and without a redirect, with a JSON array of addresses.',
}

const incomplete = (missing: string): FieldError => ({
  pointer,
  code: 'sector_incomplete',
  detail: `must name ${missing} in its array.`,
})

/** What the document must name: where a person is sent, and with which keys the client comes for those who sign in elsewhere. */
const namedOf = (client: SectorMembers): string[] => [
  ...(client.grant_types.includes('authorization_code') ? client.redirect_uris : []),
  ...(isTrustedByKeys(client) && client.jwks_uri !== undefined ? [client.jwks_uri] : []),
]

export const isSameSector = (before: SectorMembers, after: SectorMembers): boolean =>
  before.sector_identifier_uri === after.sector_identifier_uri &&
  namedOf(after).every((uri) => namedOf(before).includes(uri))

export function createSectorCheck({ call }: { call: OutboundFetch }) {
  async function read(uri: string): Promise<string[] | undefined> {
    try {
      const { status, body } = await call(uri, { headers: { accept: 'application/json' } })
      const found: unknown = status === 200 ? JSON.parse(body) : undefined
      return Array.isArray(found) && found.every((each) => typeof each === 'string') ? found : undefined
    } catch {
      return undefined
    }
  }

  return async function sectorProblems(client: SectorMembers): Promise<FieldError[]> {
    const { sector_identifier_uri: uri } = client
    if (uri === undefined) return []
    const found = await read(uri)
    if (!found) return [unreadable]
    const missing = namedOf(client).find((each) => !found.includes(each))
    return missing === undefined ? [] : [incomplete(missing)]
  }
}
