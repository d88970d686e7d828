// Owns an issuer that is not Foyer: oidc-provider alone, in memory, with the demo's clients and one person.
// The playground is tried against it, which shows that it needs nothing but the standards.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Configuration, Provider } from 'oidc-provider'

export type StandIn = { issuer: string; close(): Promise<void> }

export async function startStandInIssuer(playgroundOrigin: string): Promise<StandIn> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const issuer = `http://127.0.0.1:${port}`
  const provider = new Provider(issuer, configuration(issuer, playgroundOrigin))
  const answer = provider.callback()
  server.on('request', (req, res) => {
    // Its person signs in, and agrees to everything, by being asked.
    const handled = req.url?.startsWith('/interaction/')
      ? signInSomebody(provider, req, res)
      : answer(req, res)
    handled.catch((error: unknown) => res.writeHead(500).end(String(error)))
  })
  return {
    issuer,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Handler = Parameters<Provider['interactionDetails']>

async function signInSomebody(provider: Provider, ...[req, res]: Handler): Promise<void> {
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res)
  if (prompt.name === 'login') {
    return provider.interactionFinished(req, res, { login: { accountId: 'ada' } })
  }
  const grant =
    (grantId ? await provider.Grant.find(grantId) : undefined) ??
    new provider.Grant({ accountId: String(session?.accountId), clientId: String(params.client_id) })
  grant.addOIDCScope(String(params.scope))
  grant.addResourceScope('urn:demo:quests', 'quests:read')
  await provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } })
}

const person = {
  sub: 'ada',
  name: 'Ada <b>Lovelace</b>',
  email: 'ada@example.test',
  email_verified: true,
  teams: [{ id: 't1', slug: 'acme', name: 'Acme', role: 'owner' }],
}

function configuration(issuer: string, playground: string): Configuration {
  const keys = [
    { alg: 'RS256', ...generateKeyPairSync('rsa', { modulusLength: 2048 }) },
    { alg: 'ES256', ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) },
  ]
  const usual = { response_types: ['code' as const], grant_types: ['authorization_code', 'refresh_token'] }
  return {
    clients: [
      {
        ...usual,
        client_id: 'demo-web',
        client_secret: 'demo-web-secret',
        redirect_uris: [`${playground}/callback`],
        post_logout_redirect_uris: [`${playground}/`],
      },
      {
        ...usual,
        client_id: 'demo-third-party',
        client_secret: 'demo-third-party-secret',
        redirect_uris: [`${playground}/third-party/callback`],
      },
      {
        ...usual,
        client_id: 'demo-spa',
        token_endpoint_auth_method: 'none',
        redirect_uris: [`${playground}/spa/callback`],
      },
      {
        client_id: 'demo-machine',
        client_secret: 'demo-machine-secret',
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
      },
    ],
    jwks: {
      keys: keys.map(({ alg, privateKey }) => ({
        ...privateKey.export({ format: 'jwk' }),
        alg,
        use: 'sig',
        kid: alg,
      })),
    },
    claims: {
      openid: ['sub'],
      profile: ['name'],
      email: ['email', 'email_verified'],
      phone: ['phone_number'],
      address: ['address'],
      teams: ['teams'],
      roles: ['roles'],
    },
    conformIdTokenClaims: false,
    clientBasedCORS: (_ctx, origin) => origin === playground,
    findAccount: (_ctx, accountId) => ({ accountId, claims: async () => ({ ...person, sub: accountId }) }),
    issueRefreshToken: async () => true,
    cookies: { keys: ['stand-in'] },
    routes: { end_session: '/logout' },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'quests:read',
          audience: 'urn:demo:quests',
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    ttl: {
      AccessToken: 900,
      ClientCredentials: 900,
      IdToken: 3600,
      RefreshToken: 86_400,
      Session: 3600,
      Grant: 3600,
    },
    // Nothing is fetched by it in these tests.
    fetch: () => Promise.reject(new Error(`${issuer} fetches nothing`)),
  }
}
