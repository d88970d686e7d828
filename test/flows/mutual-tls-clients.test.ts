// Clients of others prove themselves by a certificate, through a proxy that ends TLS (RFC 8705).
import { createHash, X509Certificate } from 'node:crypto'
import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import {
  askWith,
  type Identity,
  makeAuthority,
  makeIdentity,
  mutualTlsEnv,
  startTlsProxy,
  type TlsProxy,
} from '../support/mutual-tls.ts'

/** The name under which the proxy asks for certificates; no name server of a test knows it. */
const mtlsOrigin = 'https://mtls.id.example'
const client_id = 'shop'
const resource = 'urn:demo:quests'

let app: TestApp
let proxy: TlsProxy
let shop: Identity
beforeAll(async () => {
  const authority = makeAuthority()
  shop = makeIdentity('/CN=shop', { issuer: authority, san: 'DNS:shop.example' })
  app = await startApp({
    env: { ...mutualTlsEnv(authority), FOYER_MTLS_ORIGIN: mtlsOrigin },
  })
  proxy = await startTlsProxy(app.issuer)
  await app.addClient(client_id, {
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_san_dns: 'shop.example',
    tls_client_certificate_bound_access_tokens: true,
    default_resource: resource,
  })
})
afterAll(async () => {
  await proxy.close()
  await app.close()
})

/** Connections with a certificate to where certificates are asked for; all else goes the usual way. */
const fetchWith =
  (identity: Identity | undefined) =>
  async (
    url: string,
    options: { method?: string; headers?: Record<string, string>; body?: unknown },
  ): Promise<Response> => {
    if (!url.startsWith(mtlsOrigin)) return fetch(url, options as RequestInit)
    const { status, body, headers } = await askWith(identity, url.replace(mtlsOrigin, proxy.origin), {
      form: Object.fromEntries(new URLSearchParams(String(options.body))),
      headers: { ...options.headers },
    })
    return Response.json(body, { status, headers: { 'content-type': headers.get('content-type') ?? '' } })
  }

const thumbprint = () => createHash('sha256').update(new X509Certificate(shop.cert).raw).digest('base64url')
const bound = () => ({ aud: resource, cnf: { 'x5t#S256': thumbprint() } })

describe('a client with a certificate', () => {
  it('gets a bound token by oauth4webapi, at the alias that discovery names', async () => {
    const insecure = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(app.issuer)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
    const client: oauth.Client = { client_id, use_mtls_endpoint_aliases: true }
    const ask = (identity?: Identity) =>
      oauth.clientCredentialsGrantRequest(as, client, oauth.TlsClientAuth(), new URLSearchParams(), {
        ...insecure,
        [oauth.customFetch]: fetchWith(identity),
      })
    const tokens = await oauth.processClientCredentialsResponse(as, client, await ask(shop))
    expect(decodeJwt(tokens.access_token)).toMatchObject(bound())

    const refused = oauth.processClientCredentialsResponse(as, client, await ask())
    await expect(refused).rejects.toMatchObject({ error: 'invalid_client', status: 401 })
  })

  it('gets a bound token by openid-client, and asks whether it is good', async () => {
    const config = await openid.discovery(
      new URL(app.issuer),
      client_id,
      { use_mtls_endpoint_aliases: true },
      openid.TlsClientAuth(),
      { execute: [openid.allowInsecureRequests] },
    )
    config[openid.customFetch] = fetchWith(shop)
    const { access_token } = await openid.clientCredentialsGrant(config)
    expect(decodeJwt(access_token)).toMatchObject(bound())
    const { active, cnf } = await openid.tokenIntrospection(config, access_token)
    expect({ active, cnf }).toEqual({ active: true, cnf: bound().cnf })

    config[openid.customFetch] = fetchWith(undefined)
    await expect(openid.clientCredentialsGrant(config)).rejects.toMatchObject({ error: 'invalid_client' })
  })
})
