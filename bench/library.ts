// The library alone: oidc-provider with static clients and an adapter in memory that forgets nothing.
// The same grants, features and algorithms as Foyer; no pages, no audit, no durable storage.
// Run as a process of its own by main.ts; prints its port.
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Adapter, type AdapterPayload, type Configuration, Provider } from 'oidc-provider'
import { clients } from './clients.ts'

const stored = new Map<string, AdapterPayload>()
const idsOfGrants = new Map<string, string[]>()
const sessionIds = new Map<string, string>()

const grantKinds = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken'])

function memoryAdapter(kind: string): Adapter {
  const key = (id: string) => `${kind}:${id}`
  return {
    async upsert(id, payload) {
      if (kind === 'Session' && payload.uid !== undefined) sessionIds.set(payload.uid, id)
      if (grantKinds.has(kind) && payload.grantId !== undefined) {
        const ids = idsOfGrants.get(payload.grantId)
        if (ids) ids.push(key(id))
        else idsOfGrants.set(payload.grantId, [key(id)])
      }
      stored.set(key(id), payload)
    },
    async find(id) {
      return stored.get(key(id))
    },
    async findByUid(uid) {
      return stored.get(key(sessionIds.get(uid) ?? ''))
    },
    async findByUserCode() {
      return undefined
    },
    async consume(id) {
      const payload = stored.get(key(id))
      if (payload) payload.consumed = Math.floor(performance.timeOrigin / 1000)
    },
    async destroy(id) {
      stored.delete(key(id))
    },
    async revokeByGrantId(grantId) {
      for (const id of idsOfGrants.get(grantId) ?? []) stored.delete(id)
    },
  }
}

const keys = [
  { alg: 'RS256', ...generateKeyPairSync('rsa', { modulusLength: 2048 }) },
  { alg: 'ES256', ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) },
]
const { web, opaqueMachine, machine } = clients

const configuration: Configuration = {
  adapter: memoryAdapter,
  clients: [
    { ...web.metadata, client_id: 'bench-web', client_secret: web.secret },
    { ...opaqueMachine.metadata, client_id: 'bench-opaque', client_secret: opaqueMachine.secret },
    { ...machine.metadata, client_id: machine.id, client_secret: machine.secret },
  ],
  jwks: {
    keys: keys.map(({ alg, privateKey }) => ({
      ...privateKey.export({ format: 'jwk' }),
      alg,
      kid: alg,
      use: 'sig',
    })),
  },
  claims: {
    openid: ['sub'],
    profile: ['name', 'given_name', 'family_name'],
    email: ['email', 'email_verified'],
  },
  cookies: { keys: ['bench'] },
  extraClientMetadata: { properties: ['first_party'] },
  findAccount: (_ctx, sub) => ({
    accountId: sub,
    claims: async () => ({ sub, name: 'Ada Lovelace', given_name: 'Ada', email: 'ada@example.test' }),
  }),
  features: {
    devInteractions: { enabled: false },
    claimsParameter: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: async () => true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: async () => true,
      getResourceServerInfo: async () => ({
        scope: 'quests:read',
        audience: 'urn:demo:quests',
        accessTokenFormat: 'jwt' as const,
        jwt: { sign: { alg: 'ES256' as const } },
      }),
    },
  },
  interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  ttl: {
    AccessToken: 900,
    AuthorizationCode: 60,
    ClientCredentials: 900,
    Grant: 86_400,
    IdToken: 3600,
    Interaction: 3600,
    RefreshToken: 86_400,
    Session: 86_400,
  },
}

// The same work as a sign-in page does after its password: a login, and consent for what was asked.
async function signIn(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  for await (const _ of request);
  const { params } = await provider.interactionDetails(request, response)
  const grant = new provider.Grant({ accountId: 'ada', clientId: String(params.client_id) })
  grant.addOIDCScope(String(params.scope))
  const result = { login: { accountId: 'ada' }, consent: { grantId: await grant.save() } }
  const location = await provider.interactionResult(request, response, result)
  response.writeHead(303, { Location: location, 'Content-Length': '0' }).end()
}

const server = createServer()
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
const provider = new Provider(`http://localhost:${port}`, configuration)
const answer = provider.callback()

server.on('request', (request, response) => {
  if (request.url === '/forget') {
    // Between cells, so that none of them pays for the garbage of another.
    for (const map of [stored, idsOfGrants, sessionIds]) map.clear()
    response.writeHead(204).end()
  } else if (request.method === 'POST' && request.url?.startsWith('/interaction/')) {
    signIn(provider, request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
  } else {
    answer(request, response)
  }
})
process.stdout.write(`ports ${port}\n`)
