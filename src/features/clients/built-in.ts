// Owns the client of Foyer's own pages, there in every mode: known by the code, kept in no table, changed by nobody.
// The JSON door's client is first-party.ts.
import type { ClientStore, ProtocolClient } from './store.ts'

/** The pages about the account sign people in as any app would; nothing they are given is ever redeemed. */
export const accountClient = 'foyer-account'

export const accountCallback = (issuer: string): string => `${issuer}/account/callback`

/** Written out, since what others may register does not bind it: a test bench has issuers that no client may name. */
const accountPages = (issuer: string): ProtocolClient => ({
  id: accountClient,
  metadata: {
    client_name: 'Foyer',
    client_uri: `${issuer}/account`,
    application_type: 'web',
    redirect_uris: [accountCallback(issuer)],
    post_logout_redirect_uris: [],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    id_token_signed_response_alg: 'RS256',
    subject_type: 'public',
    require_pkce: true,
  },
  first_party: true,
  enabled: true,
  refresh_grace_seconds: 0,
  default_resource: null,
  self_registered: false,
  from_document: false,
  secrets: [],
  apis: [],
})

/** The store of clients with this one in front of it; a row that bears its name is never read. */
export function withAccountClient<Store extends Pick<ClientStore, 'findForProtocol'>>(
  store: Store,
  { issuer }: { issuer: string },
): Store {
  const own = accountPages(issuer)
  return {
    ...store,
    findForProtocol: async (id, now) => (id === own.id ? own : store.findForProtocol(id, now)),
  }
}
