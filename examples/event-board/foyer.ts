// Owns the conversation with Foyer: authorization code with PKCE, refresh, sign-out. openid-client does the protocol
// and its checks: state, nonce, issuer, signature and claims of the ID token.
import * as oidc from 'openid-client'
import { type Person, personOf } from './person.ts'
import type { Settings } from './settings.ts'

export type Tokens = { refreshToken: string | undefined; idToken: string; expiresAt: number }
export type SignedIn = { person: Person; tokens: Tokens }

/** What the browser must bring back, kept on this side until it does. */
export type Pending = { state: string; nonce: string; verifier: string; returnTo: string }

/** `ended`: Foyer says that it is over. `unreachable`: Foyer says nothing. */
export type Renewed = { outcome: 'renewed'; signedIn: SignedIn } | { outcome: 'ended' | 'unreachable' }

export type Foyer = ReturnType<typeof createFoyer>

const scope = 'openid profile teams roles'

export function createFoyer(
  { issuer, origin }: Pick<Settings, 'issuer' | 'origin'>,
  client: { clientId: string; clientSecret: string },
) {
  let discovered: Promise<oidc.Configuration> | undefined

  /** Asked once; when that fails, again by the next who needs it. */
  function configuration(): Promise<oidc.Configuration> {
    discovered ??= oidc
      .discovery(new URL(issuer), client.clientId, undefined, oidc.ClientSecretBasic(client.clientSecret), {
        timeout: 5,
        // Only a Foyer on this machine speaks plain http
        execute: issuer.startsWith('http://') ? [oidc.allowInsecureRequests] : [],
      })
      .catch((error: unknown) => {
        discovered = undefined
        throw error
      })
    return discovered
  }

  async function begin(returnTo: string): Promise<{ url: URL; pending: Pending }> {
    const config = await configuration()
    const pending = {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      verifier: oidc.randomPKCECodeVerifier(),
      returnTo,
    }
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: `${origin}/callback`,
      scope,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
    })
    return { url, pending }
  }

  /** Throws when Foyer refused, or when the answer does not fit what was asked. */
  async function finish(callbackUrl: URL, { state, nonce, verifier }: Pending): Promise<SignedIn> {
    const config = await configuration()
    const answer = await oidc.authorizationCodeGrant(config, callbackUrl, {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    })
    return signedInBy(config, answer)
  }

  /** Name, roles and teams follow Foyer with each renewal. */
  async function renew(before: SignedIn): Promise<Renewed> {
    const { refreshToken } = before.tokens
    if (refreshToken === undefined) return { outcome: 'ended' }
    try {
      const config = await configuration()
      const answer = await oidc.refreshTokenGrant(config, refreshToken)
      return { outcome: 'renewed', signedIn: await signedInBy(config, answer, before) }
    } catch (error) {
      const refused = error instanceof oidc.ResponseBodyError && error.status < 500
      return { outcome: refused ? 'ended' : 'unreachable' }
    }
  }

  /** OIDC RP-Initiated Logout 1.0 §2: where the browser goes so that Foyer signs out, too. */
  async function endSessionUrl({ idToken }: Tokens): Promise<URL> {
    return oidc.buildEndSessionUrl(await configuration(), {
      id_token_hint: idToken,
      post_logout_redirect_uri: `${origin}/signed-out`,
    })
  }

  return { begin, finish, renew, endSessionUrl }
}

type Answer = oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers

/** The ID token proves who it is; the claims about them are at userinfo, as they are now (OIDC Core §5.4). */
async function signedInBy(config: oidc.Configuration, answer: Answer, before?: SignedIn): Promise<SignedIn> {
  const sub = answer.claims()?.sub ?? before?.person.sub
  if (sub === undefined) throw new Error('Foyer sent no ID token')
  return {
    person: personOf(await oidc.fetchUserInfo(config, answer.access_token, sub)),
    tokens: {
      refreshToken: answer.refresh_token ?? before?.tokens.refreshToken,
      idToken: answer.id_token ?? before?.tokens.idToken ?? '',
      expiresAt: Date.now() + (answer.expires_in ?? 0) * 1000,
    },
  }
}
