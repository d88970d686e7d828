import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { createRp, demoWeb } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app.close())

const insecure = { execute: [client.allowInsecureRequests] }
const discover = (id: string, secret: string) =>
  client.discovery(new URL(app.issuer), id, undefined, client.ClientSecretBasic(secret), insecure)

describe('openid-client 6', () => {
  it('runs from discovery to sign-out', async () => {
    const config = await discover('demo-web', 'demo-web-secret')
    const person = createPerson()
    const verifier = client.randomPKCECodeVerifier()
    const state = client.randomState()
    const nonce = client.randomNonce()
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: demoWeb.redirect_uri,
      scope: 'openid profile email',
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    })
    const callback = await createRp(app.issuer).walk(person, url.href)
    const tokens = await client.authorizationCodeGrant(config, callback, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    })
    const sub = tokens.claims()?.sub ?? ''
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 900, scope: 'openid profile email' })

    const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub)
    expect(userinfo).toMatchObject({ sub, email: 'ada@example.test', email_verified: true })

    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '')
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token)
    expect(refreshed.claims()?.sub).toBe(sub)

    const introspected = await client.tokenIntrospection(config, refreshed.access_token)
    expect(introspected).toMatchObject({ active: true, sub, client_id: 'demo-web' })

    await client.tokenRevocation(config, refreshed.refresh_token ?? '')
    await expect(client.tokenIntrospection(config, refreshed.access_token)).resolves.toEqual({
      active: false,
    })
    await expect(client.refreshTokenGrant(config, refreshed.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    })

    const left = await person.go(
      client.buildEndSessionUrl(config, {
        id_token_hint: refreshed.id_token ?? '',
        post_logout_redirect_uri: 'http://localhost:3001/',
        state: 'farewell',
      }).href,
    )
    expect(left).toEqual({ left: new URL('http://localhost:3001/?state=farewell') })
  })

  it('gets a token for a machine that jose verifies from discovery alone', async () => {
    const config = await discover('demo-machine', 'demo-machine-secret')
    const tokens = await client.clientCredentialsGrant(config, {
      resource: 'urn:demo:quests',
      scope: 'quests:read',
    })
    const { jwks_uri, issuer } = config.serverMetadata()
    const { payload, protectedHeader } = await jwtVerify(
      tokens.access_token,
      createRemoteJWKSet(new URL(jwks_uri ?? '')),
      { issuer, audience: 'urn:demo:quests', typ: 'at+jwt', algorithms: ['ES256'] },
    )
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) })
    // RFC 9068 §2.2
    expect(payload).toEqual({
      iss: app.issuer,
      aud: 'urn:demo:quests',
      sub: 'demo-machine',
      client_id: 'demo-machine',
      scope: 'quests:read',
      iat: expect.any(Number),
      exp: (payload.iat ?? 0) + 900,
      jti: expect.any(String),
    })
  })

  it('is told in its own words what it did wrong', async () => {
    const config = await discover('demo-web', 'not-the-secret')
    await expect(client.refreshTokenGrant(config, 'anything')).rejects.toMatchObject({
      status: 401,
      cause: [{ scheme: 'basic', parameters: { error: 'invalid_client' } }],
    })
    const machine = await discover('demo-machine', 'demo-machine-secret')
    await expect(
      client.clientCredentialsGrant(machine, { resource: 'urn:demo:quests', scope: 'quests:write' }),
    ).rejects.toMatchObject({ error: 'invalid_scope' })
  })
})
