// The browser app of the playground: the code flow with PKCE without a server, for everybody to read.
// State lives in sessionStorage; everything is shown as text, never as HTML.

const root = document.getElementById('spa')
const { issuer, client, scope, redirect } = root.dataset

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
const bytesOf = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0))
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))
const sha256 = (text) => crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
const decode = (part) => JSON.parse(new TextDecoder().decode(bytesOf(part)))

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}
const button = (label, className, onclick) =>
  element('button', { type: 'button', className, textContent: label, onclick })
const code = (text) =>
  element('pre', { tabIndex: 0 }, element('code', { className: 'copy', textContent: text }))

async function readJson(url, options) {
  const response = await fetch(url, options)
  const json = await response.json().catch(() => ({}))
  if (!response.ok)
    throw new Error(json.error_description ?? json.error ?? `${url} answered ${response.status}`)
  return json
}

const metadata = () => readJson(`${issuer}/.well-known/openid-configuration`)

async function askForTokens(form) {
  const { token_endpoint: url } = await metadata()
  return readJson(url, { method: 'POST', body: new URLSearchParams({ client_id: client, ...form }) })
}

async function signIn() {
  const { authorization_endpoint: url } = await metadata()
  const begun = { state: random(), nonce: random(), verifier: random() }
  sessionStorage.setItem('begun', JSON.stringify(begun))
  const request = new URLSearchParams({
    client_id: client,
    response_type: 'code',
    redirect_uri: redirect,
    scope,
    state: begun.state,
    nonce: begun.nonce,
    code_challenge: base64url(await sha256(begun.verifier)),
    code_challenge_method: 'S256',
  })
  location.assign(`${url}?${request}`)
}

async function complete(parameters) {
  const begun = JSON.parse(sessionStorage.getItem('begun') ?? '{}')
  sessionStorage.removeItem('begun')
  // The code leaves the address bar and the history before anything else happens.
  history.replaceState(null, '', '/spa/')
  if (!begun.state || parameters.get('state') !== begun.state)
    throw new Error('This answer belongs to no sign-in that this tab began. Sign in again.')
  if (parameters.has('error'))
    throw new Error(`${parameters.get('error')}: ${parameters.get('error_description') ?? 'no reason given'}`)
  const form = {
    grant_type: 'authorization_code',
    code: parameters.get('code'),
    redirect_uri: redirect,
    code_verifier: begun.verifier,
  }
  return { ...(await askForTokens(form)), nonce: begun.nonce }
}

const algorithms = {
  RS256: [{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }],
  PS256: [{ name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 }],
  ES256: [{ name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }],
  EdDSA: [{ name: 'Ed25519' }],
}

async function verdictOn(token, nonce) {
  const [header, claims, signature] = token.split('.')
  const { alg, kid } = decode(header)
  const { iss, aud, exp, nonce: found } = decode(claims)
  const { jwks_uri: url } = await metadata()
  const jwk = (await readJson(url)).keys.find((key) => key.kid === kid)
  const [algorithm] = algorithms[alg] ?? []
  if (!jwk || !algorithm) return `No key called ${kid} for ${alg}: not to be trusted.`
  const key = await crypto.subtle.importKey('jwk', { ...jwk, key_ops: ['verify'] }, algorithm, false, [
    'verify',
  ])
  const signed = new TextEncoder().encode(`${header}.${claims}`)
  if (!(await crypto.subtle.verify(algorithm, key, bytesOf(signature), signed)))
    return 'The signature does not fit: not to be trusted.'
  const fits = iss === issuer && [aud].flat().includes(client) && exp * 1000 > Date.now()
  if (!fits || (found !== undefined && found !== nonce))
    return 'Its claims are not for this app: not to be trusted.'
  return `Verified in this tab: the ${alg} signature fits the key ${kid}, and iss, aud, exp and nonce are right.`
}

const section = (title, ...children) =>
  element('section', { className: 'token' }, element('h2', { textContent: title }), ...children)

async function showTokens(tokens) {
  const [header, claims] = tokens.id_token.split('.')
  const answer = element('div', {})
  const ask = async () => {
    const { userinfo_endpoint: url } = await metadata()
    const told = await readJson(url, { headers: { Authorization: `Bearer ${tokens.access_token}` } })
    answer.replaceChildren(code(JSON.stringify(told, null, 2)))
  }
  const renew = async () => {
    const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
    await showTokens({ ...tokens, ...(await askForTokens(form)) })
  }
  root.replaceChildren(
    section(
      'ID token',
      element('p', { className: 'verdict', textContent: await verdictOn(tokens.id_token, tokens.nonce) }),
      code(JSON.stringify(decode(header), null, 2)),
      code(JSON.stringify(decode(claims), null, 2)),
    ),
    section(
      'Access token',
      code(tokens.access_token),
      element(
        'p',
        { className: 'row' },
        button('Ask userinfo', 'quiet', guarded(ask)),
        ...(tokens.refresh_token ? [button('Refresh', 'quiet', guarded(renew))] : []),
        button('Forget the tokens', 'quiet', showStart),
      ),
      answer,
    ),
  )
}

function showStart() {
  root.replaceChildren(element('p', {}, button('Sign in with Foyer', 'primary', guarded(signIn))))
}

const guarded = (work) => () => work().catch(showFailure)

function showFailure(error) {
  showStart()
  root.prepend(
    element(
      'div',
      { className: 'notice bad' },
      element('p', { textContent: String(error.message ?? error) }),
    ),
  )
}

const parameters = new URLSearchParams(location.search)
if (parameters.has('code') || parameters.has('error')) {
  complete(parameters).then(showTokens).catch(showFailure)
} else {
  showStart()
}
