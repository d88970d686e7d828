// The clients that apps really use, each with everything of FAPI 2.0 at once: a signed request that is pushed, a signed
// answer, an assertion, bound tokens with nonces.
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { createRp } from '../support/rp.ts'
import { type Key, makeKey } from '../support/signed-rp.ts'

const redirect_uri = 'https://bank.example/callback'
const client_id = 'bank'

let app: TestApp
let key: Key
beforeAll(async () => {
  app = await startApp()
  key = await makeKey()
  await app.addClient(client_id, {
    profile: 'fapi2',
    redirect_uris: [redirect_uri],
    grant_types: ['authorization_code', 'refresh_token'],
    jwks: { keys: [key.publicJwk] },
    require_signed_request_object: true,
    require_dpop_nonce: true,
    first_party: true,
  })
})
afterAll(() => app.close())

const walk = (url: URL | string) => createRp(app.issuer).walk(createPerson(), String(url))
const signing = () => ({ key: key.privateKey, kid: String(key.publicJwk.kid) })

describe('everything at once', () => {
  it('with oauth4webapi 3', async () => {
    const options = { [oauth.allowInsecureRequests]: true }
    const client: oauth.Client = {
      client_id,
      id_token_signed_response_alg: 'ES256',
      authorization_signed_response_alg: 'ES256',
    }
    const issuer = new URL(app.issuer)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
    const proof = oauth.PrivateKeyJwt(signing())
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
    const verifier = oauth.generateRandomCodeVerifier()
    const state = oauth.generateRandomState()

    const request = await oauth.issueRequestObject(
      as,
      client,
      {
        redirect_uri,
        response_type: 'code',
        response_mode: 'jwt',
        scope: 'openid email offline_access',
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
      },
      signing(),
    )
    const push = async () => {
      const answer = await oauth.pushedAuthorizationRequest(
        as,
        client,
        proof,
        { request },
        { ...options, DPoP },
      )
      return oauth.processPushedAuthorizationResponse(as, client, answer)
    }
    const { request_uri } = await again(push)
    const callback = await walk(
      `${as.authorization_endpoint}?${new URLSearchParams({ client_id, request_uri })}`,
    )
    const answer = await oauth.validateJwtAuthResponse(as, client, callback, state, options)

    const redeem = async () => {
      const response = await oauth.authorizationCodeGrantRequest(
        as,
        client,
        proof,
        answer,
        redirect_uri,
        verifier,
        {
          ...options,
          DPoP,
        },
      )
      return oauth.processAuthorizationCodeResponse(as, client, response, { requireIdToken: true })
    }
    const tokens = await again(redeem)
    expect(tokens.token_type).toBe('dpop')
    const sub = oauth.getValidatedIdTokenClaims(tokens)?.sub ?? ''
    const seen = await oauth.userInfoRequest(as, client, tokens.access_token, { ...options, DPoP })
    expect(await oauth.processUserInfoResponse(as, client, sub, seen)).toMatchObject({
      email: 'ada@example.test',
    })

    const rotated = await oauth.refreshTokenGrantRequest(as, client, proof, tokens.refresh_token ?? '', {
      ...options,
      DPoP,
    })
    expect((await oauth.processRefreshTokenResponse(as, client, rotated)).token_type).toBe('dpop')
    const asked = await oauth.introspectionRequest(as, client, proof, tokens.access_token, {
      ...options,
      requestJwtResponse: true,
    })
    const { cnf } = await oauth.processIntrospectionResponse(as, client, asked)
    expect(cnf).toEqual({ jkt: await DPoP.calculateThumbprint() })
  })

  it('with openid-client 6', async () => {
    const config = await openid.discovery(
      new URL(app.issuer),
      client_id,
      { id_token_signed_response_alg: 'ES256', authorization_signed_response_alg: 'ES256' },
      openid.PrivateKeyJwt(signing()),
      { execute: [openid.allowInsecureRequests] },
    )
    openid.useJwtResponseMode(config)
    const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'))
    const pkceCodeVerifier = openid.randomPKCECodeVerifier()
    const expectedState = openid.randomState()
    const signed = await openid.buildAuthorizationUrlWithJAR(
      config,
      {
        redirect_uri,
        scope: 'openid email offline_access',
        code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
        state: expectedState,
      },
      signing(),
    )
    const url = await openid.buildAuthorizationUrlWithPAR(config, signed.searchParams, { DPoP })
    const callback = await walk(url)
    const tokens = await openid.authorizationCodeGrant(
      config,
      callback,
      { pkceCodeVerifier, expectedState },
      undefined,
      {
        DPoP,
      },
    )
    expect(tokens.token_type).toBe('dpop')
    const { sub } = tokens.claims() ?? { sub: '' }
    expect(await openid.fetchUserInfo(config, tokens.access_token, sub, { DPoP })).toMatchObject({
      email: 'ada@example.test',
    })
    const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '', undefined, { DPoP })
    expect(renewed.token_type).toBe('dpop')
  })
})

/** As an app does: once more with the nonce that it was told of (RFC 9449 §8). */
async function again<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return ask()
  }
}
