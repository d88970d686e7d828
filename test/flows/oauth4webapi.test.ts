import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { createRp, demoWeb } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app.close())

const options = { [oauth.allowInsecureRequests]: true }
const client: oauth.Client = { client_id: 'demo-web' }
const clientAuth = oauth.ClientSecretPost('demo-web-secret')

async function discover(algorithm: 'oidc' | 'oauth2' = 'oidc') {
  const issuer = new URL(app.issuer)
  const response = await oauth.discoveryRequest(issuer, { ...options, algorithm })
  return oauth.processDiscoveryResponse(issuer, response)
}

async function signIn(as: oauth.AuthorizationServer, parameters: Record<string, string> = {}) {
  const person = createPerson()
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const nonce = oauth.generateRandomNonce()
  const url = new URL(as.authorization_endpoint ?? '')
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: demoWeb.redirect_uri,
    response_type: 'code',
    scope: 'openid email',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  }).toString()
  const callback = await createRp(app.issuer).walk(person, url.href)
  const answer = oauth.validateAuthResponse(as, client, callback, state)
  const response = await oauth.authorizationCodeGrantRequest(
    as,
    client,
    clientAuth,
    answer,
    demoWeb.redirect_uri,
    verifier,
    options,
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: nonce,
    requireIdToken: true,
  })
  return { person, tokens, response }
}

describe('oauth4webapi 3', () => {
  it('runs from discovery to sign-out', async () => {
    const as = await discover()
    const { person, tokens, response } = await signIn(as)
    const sub = oauth.getValidatedIdTokenClaims(tokens)?.sub ?? ''
    await oauth.validateApplicationLevelSignature(as, response, options)

    const seen = await oauth.userInfoRequest(as, client, tokens.access_token, options)
    expect(await oauth.processUserInfoResponse(as, client, sub, seen)).toEqual({
      sub,
      email: 'ada@example.test',
      email_verified: true,
    })

    const rotated = await oauth.refreshTokenGrantRequest(
      as,
      client,
      clientAuth,
      tokens.refresh_token ?? '',
      options,
    )
    const refreshed = await oauth.processRefreshTokenResponse(as, client, rotated)
    const introspected = async (token: string) =>
      oauth.processIntrospectionResponse(
        as,
        client,
        await oauth.introspectionRequest(as, client, clientAuth, token, options),
      )
    expect(await introspected(refreshed.access_token)).toMatchObject({
      active: true,
      sub,
      scope: 'openid email',
    })

    const revoked = await oauth.revocationRequest(as, client, clientAuth, refreshed.access_token, options)
    await oauth.processRevocationResponse(revoked)
    expect(await introspected(refreshed.access_token)).toEqual({ active: false })

    const signOut = new URL(as.end_session_endpoint ?? '')
    signOut.search = new URLSearchParams({
      id_token_hint: tokens.id_token ?? '',
      post_logout_redirect_uri: 'http://localhost:3001/',
    }).toString()
    expect(await person.go(signOut.href)).toEqual({ left: new URL('http://localhost:3001/') })
    expect(await introspected(refreshed.refresh_token ?? '')).toEqual({ active: false })
  })

  it('finds the same metadata at the address of RFC 8414', async () => {
    expect(await discover('oauth2')).toEqual(await discover('oidc'))
  })

  it('verifies a person’s token for an API as that API would', async () => {
    const as = await discover()
    const { tokens } = await signIn(as, {
      resource: 'urn:demo:quests',
      scope: 'openid quests:read teams roles',
    })
    const request = new Request('https://quests.example.test/', {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    })
    const claims = await oauth.validateJwtAccessToken(as, request, 'urn:demo:quests', options)
    expect(claims).toMatchObject({
      iss: app.issuer,
      aud: 'urn:demo:quests',
      sub: oauth.getValidatedIdTokenClaims(tokens)?.sub,
      client_id: 'demo-web',
      scope: 'quests:read',
      teams: [{ slug: 'acme', name: 'Acme', role: 'owner' }],
      roles: [],
    })
    await expect(oauth.validateJwtAccessToken(as, request, 'urn:another:api', options)).rejects.toThrow()

    const { payload } = await jwtVerify(tokens.access_token, createRemoteJWKSet(new URL(as.jwks_uri ?? '')), {
      issuer: app.issuer,
      audience: 'urn:demo:quests',
      typ: 'at+jwt',
    })
    expect(payload.exp).toBe((payload.iat ?? 0) + 900)
  })
})
