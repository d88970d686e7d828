// Owns the conversation with Foyer: authorization code with PKCE, refresh, sign-out. openid-client does the protocol
// and its checks: state, nonce, issuer, signature and claims of the ID token.
import * as oidc from 'openid-client'
import { type Person, personOf } from './person.ts'
import type { Settings } from './settings.ts'

export type Tokens = { refreshToken: string | undefined; idToken: string; expiresAt: number }
export type SignedIn = { person: Person; tokens: Tokens }

/** What the browser must bring back, kept on this side until it does. */
export type Pending = { state: string; nonce: string; verifier: string; returnTo: string }

/** `ended`: Foyer says that it is over. `unreachable`: Foyer says nothing; the tokens to go on with may be new ones. */
export type Renewed =
  | { outcome: 'renewed'; signedIn: SignedIn }
  | { outcome: 'ended' }
  | { outcome: 'unreachable'; tokens: Tokens }

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
    return { person: await personBy(config, answer), tokens: tokensOf(answer) }
  }

  /** Name, roles and teams follow Foyer with each renewal. */
  async function renew(before: SignedIn): Promise<Renewed> {
    const { refreshToken } = before.tokens
    if (refreshToken === undefined) return { outcome: 'ended' }
    let { tokens } = before
    try {
      const config = await configuration()
      const answer = await oidc.refreshTokenGrant(config, refreshToken)
      // The old one is spent: whatever fails from here on, the new one is kept
      tokens = tokensOf(answer, tokens)
      const person = await personBy(config, answer, before.person.sub)
      return { outcome: 'renewed', signedIn: { person, tokens } }
    } catch (error) {
      // RFC 6749 §5.2. Every other answer, 429 among them, says nothing about the session
      const isOver = error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant'
      return isOver ? { outcome: 'ended' } : { outcome: 'unreachable', tokens: { ...tokens, expiresAt: 0 } }
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
async function personBy(config: oidc.Configuration, answer: Answer, known?: string): Promise<Person> {
  const sub = answer.claims()?.sub ?? known
  if (sub === undefined) throw new Error('Foyer sent no ID token')
  return personOf(await oidc.fetchUserInfo(config, answer.access_token, sub))
}

const tokensOf = (answer: Answer, before?: Tokens): Tokens => ({
  refreshToken: answer.refresh_token ?? before?.refreshToken,
  idToken: answer.id_token ?? before?.idToken ?? '',
  expiresAt: Date.now() + (answer.expires_in ?? 0) * 1000,
})
