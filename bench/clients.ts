// Owns who asks: the same clients at the library and at Foyer, where their registration is made by the CLI.

/** Nothing listens here: the redirect to it is read, never followed. */
export const redirectUri = 'http://localhost:3001/callback'

export const clients = {
  web: {
    secret: 'bench-web-secret-that-is-not-one',
    metadata: {
      client_name: 'Bench web',
      redirect_uris: [redirectUri],
      response_types: ['code' as const],
      grant_types: ['authorization_code', 'refresh_token'],
      id_token_signed_response_alg: 'ES256' as const,
      first_party: true,
    },
  },
  opaqueMachine: {
    secret: 'bench-machine-secret-that-is-not-one',
    metadata: {
      client_name: 'Bench machine',
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
    },
  },
  /** Of the demo: may ask for a JWT for the demo's API. */
  machine: {
    id: 'demo-machine',
    secret: 'demo-machine-secret',
    metadata: { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] },
  },
}
