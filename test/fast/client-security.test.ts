// What a client may register about its keys and how it proves itself.
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ClientMetadata } from '../../src/features/clients/schema.ts'

const web = { redirect_uris: ['https://shop.example/callback'] }
const signing = { ...web, token_endpoint_auth_method: 'private_key_jwt' }

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = pair.publicKey.export({ format: 'jwk' })
const jwks = { keys: [jwk] }
const onCurve = (namedCurve: string) =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' })
const rsa = (modulusLength: number) =>
  generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'jwk' })

function pointers(input: unknown): string[] {
  const { error } = ClientMetadata.safeParse(input)
  return (
    error?.issues.map(({ path, code, message }) =>
      path.length > 0 ? path.join('/') : `${code} ${message}`,
    ) ?? []
  )
}

describe('the certificate of a client', () => {
  const byAuthority = { ...web, token_endpoint_auth_method: 'tls_client_auth' }
  const byItself = { ...web, token_endpoint_auth_method: 'self_signed_tls_client_auth' }

  it.each([
    ['one name', { ...byAuthority, tls_client_auth_san_dns: 'shop.example' }],
    ['keys with it inside', { ...byItself, jwks }],
    ['tokens bound to it', { ...byItself, jwks, tls_client_certificate_bound_access_tokens: true }],
  ])('comes with %s', (_, input) => {
    expect(ClientMetadata.parse(input)).toMatchObject(input)
  })

  it.each([
    ['no name', byAuthority, 'tls_client_auth_subject_dn'],
    [
      'two names',
      { ...byAuthority, tls_client_auth_san_dns: 'a.example', tls_client_auth_san_ip: '192.0.2.1' },
      'tls_client_auth_subject_dn',
    ],
    [
      'a name that nothing asks for',
      { ...web, tls_client_auth_san_dns: 'a.example' },
      'tls_client_auth_san_dns',
    ],
    [
      'a name of two lines',
      { ...byAuthority, tls_client_auth_subject_dn: 'CN=a\nCN=b' },
      'tls_client_auth_subject_dn',
    ],
    ['no keys, where they hold it', byItself, 'jwks'],
    [
      'two ways to bind tokens',
      { ...byItself, jwks, tls_client_certificate_bound_access_tokens: true, dpop_bound_access_tokens: true },
      'dpop_bound_access_tokens',
    ],
  ])('does not come with %s', (_, input, pointer) => {
    expect(pointers(input)).toContain(pointer)
  })
})

describe('where a client is pinged', () => {
  it.each([
    'https://10.0.0.1/ping',
    'https://[fe80::1]/ping',
    'https://169.254.169.254/',
    'http://10.0.0.1/',
  ])('is not %s', (backchannel_client_notification_endpoint) => {
    const input = {
      grant_types: ['urn:openid:params:grant-type:ciba'],
      backchannel_token_delivery_mode: 'ping',
      backchannel_client_notification_endpoint,
    }
    expect(new Set(pointers(input))).toEqual(new Set(['backchannel_client_notification_endpoint']))
  })
})

describe('the profile of FAPI 2.0', () => {
  const fapi = { ...web, profile: 'fapi2', jwks }

  it('turns everything on by one line', () => {
    expect(ClientMetadata.parse(fapi)).toMatchObject({
      token_endpoint_auth_method: 'private_key_jwt',
      require_pushed_authorization_requests: true,
      require_pkce: true,
      dpop_bound_access_tokens: true,
      id_token_signed_response_alg: 'ES256',
      authorization_signed_response_alg: 'ES256',
      introspection_signed_response_alg: 'ES256',
      refresh_grace_seconds: 0,
      response_types: ['code'],
    })
  })

  it('binds the tokens of a client with a certificate to it', () => {
    const client = ClientMetadata.parse({
      ...fapi,
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
    })
    expect(client.tls_client_certificate_bound_access_tokens).toBe(true)
    expect(client.dpop_bound_access_tokens).toBeUndefined()
  })

  it.each<[string, object, string]>([
    ['a secret', { token_endpoint_auth_method: 'client_secret_basic' }, 'token_endpoint_auth_method'],
    ['a public client', { token_endpoint_auth_method: 'none' }, 'token_endpoint_auth_method'],
    ['no keys', { jwks: undefined }, 'jwks'],
    ['tokens that are bound to nothing', { dpop_bound_access_tokens: false }, 'dpop_bound_access_tokens'],
    [
      'requests that need not be pushed',
      { require_pushed_authorization_requests: false },
      'require_pushed_authorization_requests',
    ],
    ['requests without PKCE', { require_pkce: false }, 'require_pkce'],
    ['an address without TLS', { redirect_uris: ['http://localhost:3001/callback'] }, 'redirect_uris'],
    ['a grace', { refresh_grace_seconds: 10 }, 'refresh_grace_seconds'],
    ['RS256 for ID tokens', { id_token_signed_response_alg: 'RS256' }, 'id_token_signed_response_alg'],
    [
      'RS256 for answers',
      { authorization_signed_response_alg: 'RS256' },
      'authorization_signed_response_alg',
    ],
    [
      'RS256 for introspection',
      { introspection_signed_response_alg: 'RS256' },
      'introspection_signed_response_alg',
    ],
    ['RS256 for assertions', { token_endpoint_auth_signing_alg: 'RS256' }, 'token_endpoint_auth_signing_alg'],
    ['RS256 for requests', { request_object_signing_alg: 'RS256' }, 'request_object_signing_alg'],
    ['another response type', { response_types: ['code id_token'] }, 'response_types/0'],
    ['another profile', { profile: 'fapi1' }, 'profile'],
  ])('does not go with %s', (_, change, pointer) => {
    expect(pointers({ ...fapi, ...change })).toContain(pointer)
  })
})

describe('the keys of a client', () => {
  it.each([
    ['a key on P-256', { ...signing, jwks }],
    ['an RSA key of 2048 bits', { ...signing, jwks: { keys: [rsa(2048)] } }],
    [
      'a key of Ed25519',
      { ...signing, jwks: { keys: [generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })] } },
    ],
    [
      'a certificate on P-384',
      {
        ...web,
        token_endpoint_auth_method: 'self_signed_tls_client_auth',
        jwks: { keys: [{ ...onCurve('P-384'), x5c: ['MII'] }] },
      },
    ],
    [
      'a key to encrypt with beside',
      { ...signing, jwks: { keys: [jwk, { ...jwk, use: 'enc', alg: 'ECDH-ES' }] } },
    ],
    ['an address of keys', { ...signing, jwks_uri: 'https://shop.example/jwks' }],
    ['keys beside a secret', { ...web, jwks }],
  ])('may be %s', (_, input) => {
    expect(ClientMetadata.parse(input)).toMatchObject(input)
  })

  it.each([
    ['none, where they are needed', signing, 'jwks'],
    ['two ways to them', { ...signing, jwks, jwks_uri: 'https://shop.example/jwks' }, 'jwks_uri'],
    ['no key in the set', { ...signing, jwks: { keys: [] } }, 'jwks/keys'],
    [
      'the private part',
      { ...signing, jwks: { keys: [pair.privateKey.export({ format: 'jwk' })] } },
      'jwks/keys/0',
    ],
    ['a secret', { ...signing, jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] } }, 'jwks/keys/0'],
    ['an RSA key of 1024 bits', { ...signing, jwks: { keys: [rsa(1024)] } }, 'jwks/keys/0'],
    ['a key on P-384', { ...signing, jwks: { keys: [onCurve('P-384')] } }, 'jwks/keys/0'],
    ['a key on P-521', { ...signing, jwks: { keys: [onCurve('P-521')] } }, 'jwks/keys/0'],
    ['a key on the curve of coins', { ...signing, jwks: { keys: [onCurve('secp256k1')] } }, 'jwks/keys/0'],
    [
      'a certificate on the curve of coins',
      { ...signing, jwks: { keys: [{ ...onCurve('secp256k1'), x5c: ['MII'] }] } },
      'jwks/keys/0',
    ],
    ['a key for RS512', { ...signing, jwks: { keys: [{ ...rsa(2048), alg: 'RS512' }] } }, 'jwks/keys/0'],
    ['half a key', { ...signing, jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: jwk.x }] } }, 'jwks/keys/0'],
    ['a point beside the curve', { ...signing, jwks: { keys: [{ ...jwk, y: jwk.x }] } }, 'jwks/keys/0'],
    ['an address in a private network', { ...signing, jwks_uri: 'https://192.168.0.1/jwks' }, 'jwks_uri'],
    ['an address without TLS', { ...signing, jwks_uri: 'http://shop.example/jwks' }, 'jwks_uri'],
    [
      'an algorithm of assertions for a client with a secret',
      { ...web, token_endpoint_auth_signing_alg: 'ES256' },
      'token_endpoint_auth_signing_alg',
    ],
    [
      'a secret as the key of assertions',
      { ...signing, jwks, token_endpoint_auth_signing_alg: 'HS256' },
      'token_endpoint_auth_signing_alg',
    ],
  ])('may not be %s', (_, input, pointer) => {
    expect(pointers(input)).toContain(pointer)
  })
})
