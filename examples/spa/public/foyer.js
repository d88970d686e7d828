// Owns the conversation with Foyer from a browser: authorization code with PKCE, tokens in memory and nowhere else,
// renewal, sign-out. Nothing but what browsers bring along; it can be taken as it is.

/** There is no sign-in any more, or there never was. */
export class SignedOut extends Error {}

/** A token that ends within this time is renewed first. */
const earlyMs = 30_000
/** Twice as long is less than the ten seconds of Foyer's grace for a repeated refresh. */
const tokensMs = 4_500
const begunKey = 'foyer.begun'
/** Says that this tab was signed in before a reload, and nothing about whom. */
const knownKey = 'foyer.known'

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))
const challengeOf = async (verifier) =>
  base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)))

const claimsOf = (jwt) => {
  const part = jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0))))
}

/**
 * `scopes` says by name what the app has tokens for: each an access token of its own, as Foyer makes one for the API
 * `resource` or one for userinfo. All of them are asked for at the sign-in.
 */
export function createFoyer({ issuer, clientId, redirectUri, resource, scopes }) {
  let metadata
  let refreshToken
  let idToken
  let tokens = {}
  let renewing = Promise.resolve()

  /** Asked once; a failure is not kept. */
  function discover() {
    metadata ??= fetchJson(`${issuer}/.well-known/openid-configuration`)
      .then((found) => {
        // OIDC Discovery 1.0 §4.3
        if (found.issuer !== issuer) throw new Error('The discovery document is another issuer’s.')
        return found
      })
      .catch((error) => {
        metadata = undefined
        throw error
      })
    return metadata
  }

  /** Leaves for Foyer. `prompt: 'none'` comes back at once, signed in or not, and asks nothing. */
  async function signIn(more = {}) {
    const { authorization_endpoint: endpoint } = await discover()
    const begun = { state: random(), nonce: random(), verifier: random() }
    sessionStorage.setItem(begunKey, JSON.stringify(begun))
    const request = new URLSearchParams({
      client_id: clientId,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: [...new Set(Object.values(scopes).join(' ').split(' '))].join(' '),
      resource,
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: await challengeOf(begun.verifier),
      code_challenge_method: 'S256',
      ...more,
    })
    location.assign(`${endpoint}?${request}`)
  }

  /** With what Foyer sent along. Throws `SignedOut` when it said no. */
  async function finish(parameters) {
    const begun = JSON.parse(sessionStorage.getItem(begunKey) ?? '{}')
    sessionStorage.removeItem(begunKey)
    if (!begun.state || parameters.get('state') !== begun.state)
      throw new Error('This answer belongs to no sign-in that this tab began. Sign in again.')
    // RFC 9207: the answer says who gave it
    if (parameters.get('iss') !== issuer) throw new Error('This answer is another issuer’s.')
    if (parameters.has('error')) throw new SignedOut(parameters.get('error'))
    const answer = await askForTokens({
      grant_type: 'authorization_code',
      code: parameters.get('code'),
      redirect_uri: redirectUri,
      code_verifier: begun.verifier,
    })
    // It came from Foyer itself, so TLS stands for its signature (OIDC Core §3.1.3.7)
    const { iss, aud, nonce, exp } = claimsOf(answer.id_token)
    const fits = iss === issuer && [aud].flat().includes(clientId) && nonce === begun.nonce
    if (!fits || exp * 1000 < Date.now()) throw new Error('This sign-in was not for this tab. Sign in again.')
    keep('api', answer)
    sessionStorage.setItem(knownKey, 'yes')
  }

  function keep(name, answer) {
    refreshToken = answer.refresh_token ?? refreshToken
    idToken = answer.id_token ?? idToken
    tokens[name] = { value: answer.access_token, endsAt: Date.now() + answer.expires_in * 1000 }
  }

  function forget() {
    refreshToken = undefined
    tokens = {}
    sessionStorage.removeItem(knownKey)
  }

  async function askForTokens(form) {
    const { token_endpoint: endpoint } = await discover()
    const body = new URLSearchParams({ client_id: clientId, ...form })
    return fetchJson(endpoint, { method: 'POST', body, signal: AbortSignal.timeout(tokensMs) })
  }

  /** A good access token. A refresh token works once, so renewals wait for each other. */
  function tokenFor(name) {
    const next = renewing.then(async () => {
      const token = tokens[name]
      if (token && token.endsAt - Date.now() > earlyMs) return token.value
      await renew(name)
      return tokens[name].value
    })
    renewing = next.catch(() => undefined)
    return next
  }

  async function renew(name) {
    if (!refreshToken) throw new SignedOut('not signed in')
    try {
      const form = { grant_type: 'refresh_token', refresh_token: refreshToken, scope: scopes[name] }
      // Once more when there was no answer: within ten seconds Foyer gives a repeated refresh the same token again
      keep(
        name,
        await askForTokens(form).catch((error) => (error.status ? raise(error) : askForTokens(form))),
      )
    } catch (error) {
      if (error.code !== 'invalid_grant') throw error
      forget()
      throw new SignedOut('Foyer has ended this sign-in.')
    }
  }

  /** With an access token. Once more with a new one when the API will not have this one any longer. */
  async function call(name, url, options = {}) {
    const send = async () => {
      const headers = { ...options.headers, Authorization: `Bearer ${await tokenFor(name)}` }
      return fetch(url, { ...options, headers, signal: AbortSignal.timeout(10_000) })
    }
    const first = await send()
    if (first.status !== 401) return jsonOf(first)
    delete tokens[name]
    return jsonOf(await send())
  }

  const userinfo = async () => call('userinfo', (await discover()).userinfo_endpoint)

  /** Forgets everything here, and leaves for Foyer to sign out there. */
  async function signOut() {
    const { end_session_endpoint: endpoint } = await discover()
    const request = new URLSearchParams({
      id_token_hint: idToken,
      post_logout_redirect_uri: `${location.origin}/`,
    })
    forget()
    location.assign(`${endpoint}?${request}`)
  }

  const wasSignedIn = () => sessionStorage.getItem(knownKey) !== null

  return { signIn, finish, call, userinfo, signOut, forget, wasSignedIn }
}

const fetchJson = async (url, options = {}) =>
  jsonOf(await fetch(url, { signal: AbortSignal.timeout(10_000), ...options }))

function raise(error) {
  throw error
}

/** The body; what is no success is thrown in the words of the answer. */
async function jsonOf(response) {
  const body = await response.json().catch(() => ({}))
  if (response.ok) return body
  const words = body.error_description ?? body.detail ?? `${response.url} answered ${response.status}.`
  throw Object.assign(new Error(words), { code: body.error ?? body.code, status: response.status })
}
