import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redirectProblem } from '../../src/features/clients/redirects.ts'
import { ClientMetadata } from '../../src/features/clients/schema.ts'

const acceptedByBoth = [
  'https://app.example/callback',
  'https://app.example',
  'https://app.example/',
  'https://app.example:8443/callback',
  'https://app.example/callback?tenant=1&x=y',
  'https://app.example/a/b/c.d~e_f-g',
  'https://app.example/%E2%98%83',
  'https://sub.sub.app.example/cb',
  'https://xn--bcher-kva.example/cb',
  'https://my_app.app-2.example/cb',
  'https://[2001:db8::1]/cb',
  'http://127.0.0.1/callback',
  'http://127.0.0.1:8080/callback',
  'http://[::1]/callback',
  'http://[::1]:49152/callback',
  'http://localhost:3001/callback',
  'http://localhost/callback',
]
const acceptedByNative = [
  'com.example.app:/callback',
  'com.example.app://oauth/callback',
  'com.example-app.x1:/oauth2redirect?x=1',
  'test.example.foyer:/',
]
const refused = [
  // They would end a source of a Content-Security-Policy and begin something else
  'https://app.example;script-src/callback',
  'https://app.example,evil.example/callback',
  "https://app.example'/callback",
  'https://app.example&x=y/callback',
  'https://app!example/callback',
  'http://localhost;x/callback',
  'https://app.example/*',
  'https://*.app.example/callback',
  'https://app.example/callback#fragment',
  'https://app.example/callback#',
  'https://user@app.example/callback',
  'https://user:secret@app.example/callback',
  'https://@app.example/callback',
  'https://app.example@evil.example/callback',
  'https://app.example\\@evil.example/callback',
  'https://app.example\\evil.example/callback',
  'https:\\\\app.example\\callback',
  'https:/app.example/callback',
  'https:app.example/callback',
  'https:///app.example/callback',
  'https://',
  'https:',
  '//app.example/callback',
  '/callback',
  'callback',
  '',
  ' https://app.example/callback',
  'https://app.example/callback ',
  'https://app.example/call back',
  'https://app.example/callback\n',
  'https://app.example/call\tback',
  'https://app.example/callback\0',
  'https://app.example/callback\r\nLocation: x',
  'https://app.example/<script>',
  'https://app.example/"x"',
  'https://app.example/{id}',
  'https://app.example/`x`',
  'https://app.example/^x|y',
  'https://app.example/%',
  'https://app.example/%zz',
  'https://app.example/%2',
  'https://App.Example/callback',
  'HTTPS://app.example/callback',
  'Https://app.example/callback',
  'https://app.example:443/callback',
  'https://app.example:99999/callback',
  'https://app.example:/callback',
  'https://app.example./../callback',
  'https://app.example/a/../callback',
  'https://app.example/./callback',
  'https://app.example/a/..;/callback/..',
  'https://app.example/a/%2e%2e/callback',
  'https://bücher.example/callback',
  'https://app。example/callback',
  'https://app.example／evil.example/callback',
  'https://1/callback',
  'https://0x7f000001/callback',
  'https://[::ffff:127.0.0.1]/callback',
  'https://[::1/callback',
  'http://app.example/callback',
  'http://127.0.0.2/callback',
  'http://127.1/callback',
  'http://0.0.0.0/callback',
  'http://2130706433/callback',
  'http://0x7f.0.0.1/callback',
  'http://[::]/callback',
  'http://[0:0:0:0:0:0:0:1]/callback',
  'http://[::ffff:127.0.0.1]/callback',
  'http://localhost.evil.example/callback',
  'http://evil.localhost/callback',
  'http://localhost:80/callback',
  'http://localhost@evil.example/callback',
  'http://127.0.0.1@evil.example/callback',
  'http://user@127.0.0.1/callback',
  'javascript:alert(1)',
  'JavaScript:alert(1)',
  'JAVASCRIPT://app.example/%0aalert(1)',
  'java\nscript:alert(1)',
  '\u0001javascript:alert(1)',
  'data:text/html,x',
  'Data:text/html;base64,x',
  'vbscript:x',
  'file:///etc/passwd',
  'blob:https://app.example/x',
  'about:blank',
  'view-source:https://app.example',
  'ftp://app.example/callback',
  'ws://app.example/callback',
  'wss://app.example/callback',
  'mailto:ada@app.example',
  'tel:123',
  'intent://app.example',
  'urn:ietf:wg:oauth:2.0:oob',
  'myapp:/callback',
  'myapp://callback',
  'my_app.example:/callback',
  'com..app:/callback',
  '.com.example:/callback',
  'com.example.:/callback',
  '1com.example:/callback',
  'Com.Example.App:/callback',
  'com.example.app:/callback#x',
  'com.example.app:/*',
  'com.example.app://user@host/callback',
  `https://app.example/${'a'.repeat(2048)}`,
]

describe('redirect URIs', () => {
  it.each(acceptedByBoth)('of web clients may be %s', (uri) => {
    expect(redirectProblem(uri, 'web')).toBeNull()
  })

  it.each([...acceptedByBoth, ...acceptedByNative])('of native apps may be %s', (uri) => {
    expect(redirectProblem(uri, 'native')).toBeNull()
  })

  it.each(acceptedByNative)('of web clients may not be %s', (uri) => {
    expect(redirectProblem(uri, 'web')).toBe('must use https, or http on loopback')
  })

  it.each(refused)('may not be %j', (uri) => {
    expect(redirectProblem(uri, 'web')).not.toBeNull()
    expect(redirectProblem(uri, 'native')).not.toBeNull()
  })

  it.each(['https://localhost/callback', 'https://127.0.0.1/callback', 'https://[::1]/callback'])(
    'of native apps may not be %s: no app can claim it',
    (uri) => {
      expect(redirectProblem(uri, 'native')).not.toBeNull()
      expect(redirectProblem(uri, 'web')).toBeNull()
    },
  )

  it('go, when they are accepted, exactly where they say', () => {
    const pieces = fc.constantFrom(
      ...[
        'https',
        'http',
        'com.example',
        'javascript',
        ':',
        '/',
        '//',
        '@',
        '#',
        '?',
        '*',
        '\\',
        '.',
        '..',
        '%2e',
      ],
      ...['a.example', 'localhost', '127.0.0.1', '[::1]', ':443', ':80', ' ', '\t', 'É', 'A', "'", ';'],
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 10 }), fc.constantFrom('web', 'native'), (parts, type) => {
        const uri = parts.join('')
        if (redirectProblem(uri, type) !== null) return
        const url = new URL(uri)
        expect([uri, `${uri}/`]).toContain(url.href)
        expect(url.username + url.password + url.hash).toBe('')
        expect(url.protocol).toMatch(type === 'web' ? /^https?:$/ : /^(https?|[a-z0-9-]+\..*):$/)
        if (url.protocol === 'http:') expect(['localhost', '127.0.0.1', '[::1]']).toContain(url.hostname)
      }),
      { numRuns: 5_000 },
    )
  })
})

const web = { client_name: 'Shop', redirect_uris: ['https://shop.example/callback'] }
const pointers = (input: unknown) =>
  ClientMetadata.safeParse(input).error?.issues.map((issue) => issue.path.join('/') || issue.code) ?? []

describe('client metadata', () => {
  it('fills in what OpenID Connect leaves to default, and PKCE', () => {
    expect(ClientMetadata.parse(web)).toEqual({
      ...web,
      application_type: 'web',
      post_logout_redirect_uris: [],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: 'RS256',
      subject_type: 'public',
      require_pkce: true,
      refresh_grace_seconds: 10,
      first_party: false,
    })
  })

  it('keeps everything it accepts', () => {
    const full = {
      ...web,
      application_type: 'web',
      post_logout_redirect_uris: ['https://shop.example/'],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_post',
      scope: 'openid email quests:read',
      client_uri: 'https://shop.example/',
      logo_uri: 'https://shop.example/logo.png',
      policy_uri: 'https://shop.example/policy',
      tos_uri: 'http://localhost:8080/terms',
      initiate_login_uri: 'https://shop.example/login',
      contacts: ['owner@shop.example'],
      default_max_age: 3600,
      require_auth_time: true,
      id_token_signed_response_alg: 'EdDSA',
      subject_type: 'public',
      require_pkce: false,
      refresh_grace_seconds: 60,
      first_party: true,
      default_resource: 'urn:demo:quests',
      allowed_cors_origins: ['https://shop.example', 'http://localhost:5173'],
    }
    expect(ClientMetadata.parse(full)).toEqual(full)
  })

  it('answers no response type for a client that nobody signs in to', () => {
    const machine = ClientMetadata.parse({ grant_types: ['client_credentials'] })
    expect(machine).toMatchObject({ response_types: [], redirect_uris: [] })
  })

  it.each([
    ['an unknown member', { ...web, sector: 'https://shop.example/x' }, 'unrecognized_keys'],
    ['a secret of its own choice', { ...web, client_secret: 'mine' }, 'unrecognized_keys'],
    ['an id of its own choice', { ...web, client_id: 'mine' }, 'unrecognized_keys'],
    ['__proto__', JSON.parse('{"__proto__":{"first_party":true},"redirect_uris":[]}'), 'unrecognized_keys'],
    ['no redirect URI', { client_name: 'Shop' }, 'redirect_uris'],
    [
      '21 redirect URIs',
      { redirect_uris: Array.from({ length: 21 }, (_, n) => `https://a.example/${n}`) },
      'redirect_uris',
    ],
    [
      'the same redirect URI twice',
      { redirect_uris: [...web.redirect_uris, ...web.redirect_uris] },
      'redirect_uris',
    ],
    [
      'one bad redirect URI among good ones',
      { redirect_uris: ['https://a.example/', 'http://b.example/'] },
      'redirect_uris/1',
    ],
    [
      'a bad post-logout redirect URI',
      { ...web, post_logout_redirect_uris: ['https://*'] },
      'post_logout_redirect_uris/0',
    ],
    ['a text for the redirect URIs', { redirect_uris: 'https://a.example/' }, 'redirect_uris'],
    ['an object for a redirect URI', { redirect_uris: [{ not: '' }] }, 'redirect_uris/0'],
    ['a name of 201 characters', { ...web, client_name: 'a'.repeat(201) }, 'client_name'],
    ['an empty name', { ...web, client_name: ' ' }, 'client_name'],
    ['a name that turns the text around', { ...web, client_name: 'Shop \u202e' }, 'client_name'],
    ['a name with a NUL', { ...web, client_name: 'Shop\0' }, 'client_name'],
    ['a name with a lone surrogate', { ...web, client_name: 'Shop \ud800' }, 'client_name'],
    ['the implicit grant', { ...web, grant_types: ['implicit'] }, 'grant_types/0'],
    ['the password grant', { ...web, grant_types: ['password'] }, 'grant_types/0'],
    ['no grant', { ...web, grant_types: [] }, 'grant_types'],
    ['a token straight from the browser', { ...web, response_types: ['token'] }, 'response_types/0'],
    [
      'a response type without its grant',
      { grant_types: ['client_credentials'], response_types: ['code'] },
      'response_types',
    ],
    ['a grant without its response type', { ...web, response_types: [] }, 'response_types'],
    [
      'a public client with client_credentials',
      { token_endpoint_auth_method: 'none', grant_types: ['client_credentials'] },
      'grant_types',
    ],
    ['a refresh grant by itself', { grant_types: ['refresh_token'] }, 'grant_types'],
    [
      'a public client without PKCE',
      { ...web, token_endpoint_auth_method: 'none', require_pkce: false },
      'require_pkce',
    ],
    [
      'a secret as a key',
      { ...web, token_endpoint_auth_method: 'client_secret_jwt' },
      'token_endpoint_auth_method',
    ],
    ['HS256', { ...web, id_token_signed_response_alg: 'HS256' }, 'id_token_signed_response_alg'],
    ['no signature', { ...web, id_token_signed_response_alg: 'none' }, 'id_token_signed_response_alg'],
    ['subjects of another type', { ...web, subject_type: 'ephemeral' }, 'subject_type'],
    ['a grace of 61 seconds', { ...web, refresh_grace_seconds: 61 }, 'refresh_grace_seconds'],
    ['a grace before its time', { ...web, refresh_grace_seconds: -1 }, 'refresh_grace_seconds'],
    ['a fraction of a second', { ...web, refresh_grace_seconds: 0.5 }, 'refresh_grace_seconds'],
    ['"true" for true', { ...web, first_party: 'true' }, 'first_party'],
    ['a logo by script', { ...web, logo_uri: 'javascript:alert(1)' }, 'logo_uri'],
    ['a logo by data', { ...web, logo_uri: 'data:image/svg+xml,x' }, 'logo_uri'],
    ['a logo in a private network', { ...web, logo_uri: 'https://10.0.0.1/logo.png' }, 'logo_uri'],
    ['a plain http page', { ...web, client_uri: 'http://shop.example/' }, 'client_uri'],
    ['a page with a user name', { ...web, client_uri: 'https://a:b@shop.example/' }, 'client_uri'],
    [
      'an origin with a path',
      { ...web, allowed_cors_origins: ['https://shop.example/'] },
      'allowed_cors_origins/0',
    ],
    [
      'an origin that would end a policy',
      { ...web, allowed_cors_origins: ['https://shop.example;x'] },
      'allowed_cors_origins/0',
    ],
    [
      'a page at sign-out that would begin another policy',
      { ...web, backchannel_logout_uri: 'https://shop.example,x/' },
      'backchannel_logout_uri',
    ],
    ['every origin', { ...web, allowed_cors_origins: ['*'] }, 'allowed_cors_origins/0'],
    ['the null origin', { ...web, allowed_cors_origins: ['null'] }, 'allowed_cors_origins/0'],
    ['scopes with two spaces', { ...web, scope: 'openid  email' }, 'scope'],
    ['a scope with a quote', { ...web, scope: 'open"id' }, 'scope'],
    ['a relative default API', { ...web, default_resource: 'quests' }, 'default_resource'],
    [
      'a default API with a fragment',
      { ...web, default_resource: 'https://api.example/#x' },
      'default_resource',
    ],
    ['a list', [], 'invalid_type'],
    ['a text', 'metadata', 'invalid_type'],
    ['null', null, 'invalid_type'],
  ])('refuses %s', (_, input, pointer) => {
    expect(pointers(input)).toContain(pointer)
  })
})
