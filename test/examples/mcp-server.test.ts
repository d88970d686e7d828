// The MCP server as a process, beside the real product, and the reference client of the MCP SDK, which knows nothing but
// its address: it finds Foyer, introduces itself, and signs a person in.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type OAuthClientProvider, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPerson, leftOf, type Page, pageOf } from '../support/browser-less.ts'
import { createDoor } from '../support/door.ts'
import { type Example, startExample } from '../support/examples.ts'
import { makeIdentity } from '../support/mutual-tls.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { type Product, startProduct } from '../support/process.ts'
import { ada, createRp, grace } from '../support/rp.ts'

const demoNative = { client_id: 'demo-native', redirect_uri: 'http://127.0.0.1/callback' }
const redirectUrl = 'http://127.0.0.1:53682/callback'

let database: TestDatabase
let foyer: Product
let server: Example
let home: Home
beforeAll(async () => {
  database = await createTestDatabase()
  home = await startHome()
  foyer = await startProduct({
    databaseUrl: database.url,
    env: { FOYER_TEST_HOOKS: '1', NODE_EXTRA_CA_CERTS: home.authority },
  })
  server = await startExample('mcp-server', { issuer: foyer.issuer })
})
afterAll(async () => {
  await server?.stop()
  await foyer?.stop()
  await home?.close()
  await database?.drop()
})

type Home = { clientId: string; authority: string; close(): Promise<void> }

/** Where the maker of an agent describes it, over https. */
async function startHome(): Promise<Home> {
  const folder = mkdtempSync(join(tmpdir(), 'foyer-agent-'))
  const identity = makeIdentity('/CN=localhost', { san: 'DNS:localhost', purpose: 'serverAuth' })
  const authority = join(folder, 'authority.pem')
  writeFileSync(authority, identity.cert)
  const web: Server = createServer(identity, (_, response) => {
    const document = {
      client_id: clientId,
      client_name: 'Scribe',
      redirect_uris: ['http://127.0.0.1/callback'],
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document))
  })
  await new Promise<void>((resolve) => web.listen(0, 'localhost', resolve))
  const clientId = `https://localhost:${(web.address() as AddressInfo).port}/scribe.json`
  return {
    clientId,
    authority,
    close: async () => {
      web.closeAllConnections()
      await new Promise((resolve) => web.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What an agent keeps, and the browser that it opens for its person. */
function createAgent(who: typeof ada, { clientMetadataUrl }: { clientMetadataUrl?: string } = {}) {
  let client: OAuthClientInformationMixed | undefined
  let tokens: OAuthTokens | undefined
  let verifier = ''
  let sentTo: URL | undefined
  const pages: Page[] = []

  const provider: OAuthClientProvider = {
    ...(clientMetadataUrl !== undefined && { clientMetadataUrl }),
    redirectUrl,
    clientMetadata: {
      client_name: 'Scribe',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    },
    clientInformation: () => client,
    saveClientInformation: (information) => {
      client = information
    },
    tokens: () => tokens,
    saveTokens: (given) => {
      tokens = given
    },
    redirectToAuthorization: (url) => {
      sentTo = url
    },
    saveCodeVerifier: (given) => {
      verifier = given
    },
    codeVerifier: () => verifier,
  }

  async function signIn(): Promise<string> {
    const person = createPerson()
    const consent = pageOf(await person.submit(await person.open(String(sentTo)), who))
    pages.push(consent)
    return leftOf(await person.submit(consent)).searchParams.get('code') ?? ''
  }

  const createTransport = () =>
    new StreamableHTTPClientTransport(new URL(`${server.origin}/mcp`), { authProvider: provider })

  /** Connects as the SDK's own examples do: refused, signed in, and once more. */
  async function connect(): Promise<Client> {
    const first = createTransport()
    await expect(new Client({ name: 'scribe', version: '1.0.0' }).connect(first)).rejects.toThrow(
      UnauthorizedError,
    )
    await first.finishAuth(await signIn())
    const mcp = new Client({ name: 'scribe', version: '1.0.0' })
    await mcp.connect(createTransport())
    return mcp
  }

  return {
    connect,
    pages,
    sentTo: () => sentTo,
    client: () => client,
    accessToken: () => tokens?.access_token ?? '',
  }
}

const wordsOf = (result: Awaited<ReturnType<Client['callTool']>>): string => JSON.stringify(result.content)

describe('the reference client of MCP', () => {
  it('registers itself, asks for this server alone, and uses its tools', async () => {
    const agent = createAgent(ada)
    const mcp = await agent.connect()
    const sent = agent.sentTo()?.searchParams
    expect(sent?.get('resource')).toBe(`${server.origin}/mcp`)
    expect(sent?.get('code_challenge_method')).toBe('S256')
    expect(sent?.get('scope')).toBe('notes:read notes:write')
    expect(agent.pages[0]?.html).toContain('Nobody here has checked this app.')

    const { tools } = await mcp.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['list_notes', 'add_note'])
    await mcp.callTool({ name: 'add_note', arguments: { text: 'Bernoulli numbers' } })
    expect(wordsOf(await mcp.callTool({ name: 'list_notes', arguments: {} }))).toContain('Bernoulli numbers')
    expect(decodeJwt(agent.accessToken())).toMatchObject({
      iss: foyer.issuer,
      aud: `${server.origin}/mcp`,
      scope: 'notes:read notes:write',
      client_id: agent.client()?.client_id,
    })
    await mcp.close()
  })

  it('is known by the document of its maker, without registering', async () => {
    const agent = createAgent(grace, { clientMetadataUrl: home.clientId })
    const mcp = await agent.connect()
    expect(agent.client()?.client_id).toBe(home.clientId)
    expect(agent.pages[0]?.html).toContain(new URL(home.clientId).host)
    expect(decodeJwt(agent.accessToken())).toMatchObject({ client_id: home.clientId })
    // Another person's notes are not hers
    expect(wordsOf(await mcp.callTool({ name: 'list_notes', arguments: {} }))).toContain('There are none.')
    await mcp.close()
  })
})

describe('the MCP server', () => {
  const ask = (token?: string) =>
    fetch(`${server.origin}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    })

  it('tells whoever has no token where its metadata is, and there who issues tokens', async () => {
    const response = await ask()
    const challenge = response.headers.get('www-authenticate') ?? ''
    expect(response.status).toBe(401)
    const [, address = ''] = /resource_metadata="([^"]+)"/.exec(challenge) ?? []
    expect(await (await fetch(address)).json()).toMatchObject({
      resource: `${server.origin}/mcp`,
      authorization_servers: [foyer.issuer],
    })
  })

  it('refuses tokens that are for another API, and what is no token', async () => {
    const { access_token } = await createDoor(foyer.issuer).signIn(ada)
    for (const token of [access_token, 'x', 'a.b.c']) {
      const response = await ask(token)
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([
        401,
        expect.stringContaining('error="invalid_token"'),
      ])
    }
  })

  it('has only the tools that a token is for', async () => {
    const params = { scope: 'notes:read', resource: `${server.origin}/mcp` }
    const { access_token } = await createRp(foyer.issuer, demoNative).tokens({ params })
    const transport = new StreamableHTTPClientTransport(new URL(`${server.origin}/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${access_token}` } },
    })
    const mcp = new Client({ name: 'reader', version: '1.0.0' })
    await mcp.connect(transport)
    expect((await mcp.listTools()).tools.map(({ name }) => name)).toEqual(['list_notes'])
    const refused = await mcp.callTool({ name: 'add_note', arguments: { text: 'x' } })
    expect([refused.isError, wordsOf(refused)]).toEqual([true, expect.stringContaining('not found')])
    await mcp.close()
  })

  it('answers what is no JSON with 400', async () => {
    const { access_token } = await createDoor(foyer.issuer).signIn({
      ...ada,
      resource: `${server.origin}/mcp`,
    })
    const response = await fetch(`${server.origin}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${access_token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: '{',
    })
    expect(response.status).toBe(400)
  })
})
