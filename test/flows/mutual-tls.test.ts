// Mutual TLS (RFC 8705): clients that prove themselves by a certificate, and tokens that are bound to one.
import { createHash, X509Certificate } from 'node:crypto'
import { decodeJwt, exportJWK, importX509 } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import {
  askWith,
  certificateHeader,
  type Identity,
  makeAuthority,
  makeIdentity,
  mutualTlsEnv,
  startTlsProxy,
  type TlsProxy,
  x5cOf,
} from '../support/mutual-tls.ts'
import { createRp, demoWeb } from '../support/rp.ts'
import { type Claims, postForm } from '../support/signed-rp.ts'

let app: TestApp
let proxy: TlsProxy
let authority: Identity
let shop: Identity
let own: Identity

beforeAll(async () => {
  authority = makeAuthority()
  shop = makeIdentity('/C=SE/O=Shop/CN=shop', {
    issuer: authority,
    san: 'DNS:shop.example,URI:https://shop.example/me,IP:192.0.2.7,email:me@shop.example',
  })
  own = makeIdentity('/CN=own')
  app = await startApp({
    env: { ...mutualTlsEnv(authority), FOYER_MTLS_ORIGIN: 'https://mtls.id.example' },
  })
  proxy = await startTlsProxy(app.issuer)
  await register('by-authority', { tls_client_auth_subject_dn: 'CN=shop,O=Shop,C=SE' })
  await app.addClient('by-itself', {
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'self_signed_tls_client_auth',
    jwks: {
      keys: [
        {
          ...(await exportJWK(await importX509(own.cert, 'ES256', { extractable: true }))),
          x5c: [x5cOf(own)],
        },
      ],
    },
  })
})
afterAll(async () => {
  await proxy.close()
  await app.close()
})

async function register(id: string, metadata: Claims) {
  await app.addClient(id, {
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_certificate_bound_access_tokens: true,
    default_resource: 'urn:demo:quests',
    ...metadata,
  })
}

const thumbprintOf = ({ cert }: Identity) =>
  createHash('sha256').update(new X509Certificate(cert).raw).digest('base64url')

/** What the proxy writes besides. */
const forwarded = { 'x-forwarded-for': '192.0.2.1' }

const ask = (identity: Identity | undefined, client_id: string, form: Record<string, string> = {}) =>
  askWith(identity, `${proxy.origin}/oauth2/token`, {
    form: { grant_type: 'client_credentials', client_id, ...form },
  })

describe('a client with a certificate', () => {
  it('that an authority vouches for gets tokens bound to it', async () => {
    const { status, body } = await ask(shop, 'by-authority')
    expect([status, body.token_type]).toEqual([200, 'Bearer'])
    expect(decodeJwt(body.access_token).cnf).toEqual({ 'x5t#S256': thumbprintOf(shop) })
  })

  it('that it registered itself gets tokens', async () => {
    expect((await ask(own, 'by-itself')).status).toBe(200)
  })

  it.each([
    ['tls_client_auth_san_dns', 'shop.example'],
    ['tls_client_auth_san_uri', 'https://shop.example/me'],
    ['tls_client_auth_san_ip', '192.0.2.7'],
    ['tls_client_auth_san_email', 'me@shop.example'],
  ])('is known by %s, and not by a part of it', async (member, name) => {
    await register(`by-${member}`, { [member]: name })
    expect((await ask(shop, `by-${member}`)).status).toBe(200)
    await register(`by-part-of-${member}`, { [member]: name.slice(1) })
    expect((await ask(shop, `by-part-of-${member}`)).body.error).toBe('invalid_client')
  })
})

describe('RFC 8705 refuses', () => {
  it('§2: a client without its certificate', async () => {
    for (const client of ['by-authority', 'by-itself']) {
      const { status, body } = await ask(undefined, client)
      expect([status, body.error]).toEqual([401, 'invalid_client'])
    }
  })

  it.each<[string, () => Identity]>([
    ['by nobody', () => makeIdentity('/C=SE/O=Shop/CN=shop')],
    ['by another authority', () => makeIdentity('/C=SE/O=Shop/CN=shop', { issuer: makeAuthority() })],
    ['for another name', () => makeIdentity('/C=SE/O=Shop/CN=other', { issuer: authority })],
    ['for a longer name', () => makeIdentity('/C=SE/O=Shop/OU=x/CN=shop', { issuer: authority })],
    ['of a server', () => makeIdentity('/C=SE/O=Shop/CN=shop', { issuer: authority, purpose: 'serverAuth' })],
  ])('§2.1: a certificate %s', async (_, identity) => {
    const { status, body } = await ask(identity(), 'by-authority')
    expect([status, body.error]).toEqual([401, 'invalid_client'])
  })

  it('§2.2: another certificate than the registered one', async () => {
    const { status, body } = await ask(makeIdentity('/CN=own'), 'by-itself')
    expect([status, body.error]).toEqual([401, 'invalid_client'])
  })

  it('what a client itself puts in the header, when the proxy has seen no certificate', async () => {
    const headers = { [certificateHeader]: `:${x5cOf(shop)}:` }
    const form = { grant_type: 'client_credentials', client_id: 'by-authority' }
    const { status } = await askWith(undefined, `${proxy.origin}/oauth2/token`, { form, headers })
    expect(status).toBe(401)
  })

  it('a header that holds no certificate', async () => {
    const form = { grant_type: 'client_credentials', client_id: 'by-authority' }
    for (const text of ['shop', ':AAAA:', '%2D%2D%2D%2D%2DBEGIN', '%', '-----BEGIN CERTIFICATE-----']) {
      const headers = { ...forwarded, [certificateHeader]: text }
      const { status } = await postForm(`${app.issuer}/oauth2/token`, form, headers)
      expect(status).toBe(401)
    }
  })

  it('a header that was written twice, as when a proxy adds to what a client sent', async () => {
    const form = { grant_type: 'client_credentials', client_id: 'by-authority' }
    for (const write of [({ cert }: Identity) => encodeURIComponent(cert), x5cOf]) {
      const text = `${write(shop)}, ${write(own)}`
      const headers = { ...forwarded, [certificateHeader]: text }
      expect((await postForm(`${app.issuer}/oauth2/token`, form, headers)).status).toBe(401)
    }
  })

  it('a header of whoever reached the port past the proxy', async () => {
    const form = { grant_type: 'client_credentials', client_id: 'by-authority' }
    const headers = { [certificateHeader]: x5cOf(shop) }
    expect((await postForm(`${app.issuer}/oauth2/token`, form, headers)).status).toBe(401)
  })

  it('a header of a peer that is none of the proxies, whatever else it says', async () => {
    const elsewhere = await startApp({
      env: { ...mutualTlsEnv(authority), FOYER_TRUSTED_PROXIES: '192.0.2.0/24' },
    })
    await elsewhere.addClient('by-authority', {
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_dns: 'shop.example',
    })
    const form = { grant_type: 'client_credentials', client_id: 'by-authority' }
    const headers = { ...forwarded, [certificateHeader]: x5cOf(shop) }
    const { status, body } = await postForm(`${elsewhere.issuer}/oauth2/token`, form, headers)
    await elsewhere.close()
    expect([status, body.error]).toEqual([401, 'invalid_client'])
  })

  it('§3: a token that is to be bound, of a client that shows no certificate', async () => {
    await app.addClient('bound', {
      grant_types: ['client_credentials'],
      tls_client_certificate_bound_access_tokens: true,
    })
    const secret = { client_secret: 'secret-of-bound' }
    await app.services.clients.update({ kind: 'system' }, 'bound', {
      metadata: {
        ...(await app.services.clients.get('bound')).metadata,
        token_endpoint_auth_method: 'client_secret_post',
      },
    })
    await expect.poll(async () => (await ask(undefined, 'bound', secret)).body.error).toBe('invalid_grant')
    expect((await ask(own, 'bound', secret)).status).toBe(200)
  })
})

describe('a header as proxies write it', () => {
  it.each<[string, (identity: Identity) => string]>([
    ['bytes between colons (RFC 9440)', (identity) => `:${x5cOf(identity)}:`],
    ['base64', x5cOf],
    ['PEM that is percent-encoded', ({ cert }) => encodeURIComponent(cert)],
  ])('is %s', async (_, write) => {
    const form = { grant_type: 'client_credentials', client_id: 'by-authority' }
    const headers = { ...forwarded, [certificateHeader]: write(shop) }
    expect((await postForm(`${app.issuer}/oauth2/token`, form, headers)).status).toBe(200)
  })
})

describe('a token bound to a certificate', () => {
  it('opens the management API over a connection with that certificate alone', async () => {
    await register('managing', {
      tls_client_auth_san_dns: 'shop.example',
      default_resource: `${app.issuer}/api/v1`,
    })
    await app.services.clients.allowApi('managing', {
      identifier: `${app.issuer}/api/v1`,
      scopes: ['users:read'],
      serves: false,
    })
    await expect.poll(async () => (await ask(shop, 'managing', { scope: 'users:read' })).status).toBe(200)
    const { body } = await ask(shop, 'managing', { scope: 'users:read' })
    const headers = { authorization: `Bearer ${body.access_token}` }
    const get = async (identity: Identity | undefined) =>
      (await askWith(identity, `${proxy.origin}/api/v1/users?limit=1`, { headers })).status
    expect(await get(shop)).toBe(200)
    expect(await get(own)).toBe(401)
    expect(await get(undefined)).toBe(401)
  })

  it('opens userinfo over a connection with that certificate alone (§3)', async () => {
    await app.services.clients.update({ kind: 'system' }, 'demo-web', {
      metadata: {
        ...(await app.services.clients.get('demo-web')).metadata,
        token_endpoint_auth_method: 'client_secret_post',
        tls_client_certificate_bound_access_tokens: true,
      },
    })
    const { code, verifier } = await createRp(app.issuer).signIn()
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: demoWeb.redirect_uri,
      code_verifier: verifier,
      client_id: 'demo-web',
      client_secret: 'demo-web-secret',
    }
    const { status, body } = await askWith(own, `${proxy.origin}/oauth2/token`, { form })
    expect(status, JSON.stringify(body)).toBe(200)
    const headers = { authorization: `Bearer ${body.access_token}` }
    const get = async (identity: Identity | undefined) =>
      (await askWith(identity, `${proxy.origin}/oauth2/userinfo`, { headers })).status
    expect([await get(own), await get(shop), await get(undefined)]).toEqual([200, 401, 401])
    const introspected = await askWith(own, `${proxy.origin}/oauth2/introspect`, {
      form: { token: body.access_token, client_id: 'demo-web', client_secret: 'demo-web-secret' },
    })
    expect(introspected.body).toMatchObject({ active: true, cnf: { 'x5t#S256': thumbprintOf(own) } })
  })
})

describe('discovery', () => {
  const documentOf = async (issuer: string) =>
    (await fetch(`${issuer}/.well-known/openid-configuration`)).json()

  it('tells where certificates are asked for', async () => {
    const document = await documentOf(app.issuer)
    expect(document.tls_client_certificate_bound_access_tokens).toBe(true)
    expect(document.token_endpoint_auth_methods_supported).toEqual(
      expect.arrayContaining(['tls_client_auth', 'self_signed_tls_client_auth']),
    )
    expect(document.mtls_endpoint_aliases).toMatchObject({
      token_endpoint: 'https://mtls.id.example/oauth2/token',
      pushed_authorization_request_endpoint: 'https://mtls.id.example/oauth2/par',
      userinfo_endpoint: 'https://mtls.id.example/oauth2/userinfo',
    })
  })

  it('tells of no certificate where no header was declared, nor may a client register one there', async () => {
    const plain = await startApp()
    try {
      const document = await documentOf(plain.issuer)
      expect(document).not.toHaveProperty('mtls_endpoint_aliases')
      expect(document).not.toHaveProperty('tls_client_certificate_bound_access_tokens')
      expect(document.token_endpoint_auth_methods_supported).not.toContain('tls_client_auth')
      const machine = { grant_types: ['client_credentials'] }
      for (const metadata of [
        { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: 'shop.example' },
        { token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks_uri: 'https://shop.example/jwks' },
        { tls_client_certificate_bound_access_tokens: true },
      ])
        await expect(plain.addClient('x', { ...machine, ...metadata })).rejects.toThrow('invalid_input')
      // Nor is a header believed there
      const headers = { [certificateHeader]: x5cOf(shop) }
      const form = { grant_type: 'client_credentials', client_id: 'by-authority' }
      expect((await postForm(`${plain.issuer}/oauth2/token`, form, headers)).status).toBe(401)
    } finally {
      await plain.close()
    }
  })
})
