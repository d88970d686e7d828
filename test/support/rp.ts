// A relying party in plain HTTP, for tests that look at every request. The real clients have tests of their own.
import { createHash, randomBytes } from 'node:crypto'
import { createPerson, type Page, type Person } from './browser-less.ts'

export type Tokens = {
  access_token: string
  refresh_token?: string
  id_token?: string
  expires_in: number
  scope: string
  token_type: string
}

export type TokenAnswer = {
  status: number
  /** `active` is there in what introspection answers. */
  body: Tokens & { error?: string; error_description?: string; active?: boolean }
  headers: Headers
}

export const ada = { email: 'ada@example.test', password: 'analytical-engine-1843' }
export const grace = { email: 'grace@example.test', password: 'nanoseconds-per-foot-11' }

export const demoWeb = {
  client_id: 'demo-web',
  client_secret: 'demo-web-secret',
  redirect_uri: 'http://localhost:3001/callback',
}
export const demoThirdParty = {
  client_id: 'demo-third-party',
  client_secret: 'demo-third-party-secret',
  redirect_uri: 'http://localhost:3001/third-party/callback',
}
export const demoSpa = { client_id: 'demo-spa', redirect_uri: 'http://localhost:3001/spa/callback' }
export const demoMachine = {
  client_id: 'demo-machine',
  client_secret: 'demo-machine-secret',
  redirect_uri: '',
}

export type Who = { email: string; password: string }
export type SignInOptions = { person?: Person; params?: Record<string, string | undefined>; who?: Who }
export type RpClient = { client_id: string; client_secret?: string; redirect_uri: string }

export const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`

export function createRp(issuer: string, client: RpClient = demoWeb) {
  async function post(path: string, params: Record<string, string>): Promise<TokenAnswer> {
    const body = new URLSearchParams(params)
    const headers: Record<string, string> = { accept: 'application/json' }
    if (client.client_secret) headers.authorization = basic(client.client_id, client.client_secret)
    else body.set('client_id', client.client_id)
    const response = await fetch(issuer + path, { method: 'POST', body, headers })
    const text = await response.text()
    return { status: response.status, body: text ? JSON.parse(text) : {}, headers: response.headers }
  }

  /** `undefined` leaves a parameter out. */
  function authorizeUrl(params: Record<string, string | undefined> = {}) {
    const verifier = randomBytes(32).toString('base64url')
    const state = randomBytes(8).toString('hex')
    const all = {
      client_id: client.client_id,
      redirect_uri: client.redirect_uri,
      response_type: 'code',
      scope: 'openid profile email offline_access',
      state,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...params,
    }
    const query = new URLSearchParams(
      Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    )
    return { url: `${issuer}/oauth2/authorize?${query}`, verifier, state }
  }

  /** Walks sign-in and consent until the browser leaves for the client. */
  async function walk(person: Person, url: string, who = ada): Promise<URL> {
    let page: Page | { left: URL } = await person.go(url)
    for (let steps = 0; steps < 6; steps += 1) {
      if ('left' in page) return page.left
      if (page.status >= 400) throw new Error(`${page.status} at ${page.url}:\n${page.html}`)
      if (page.html.includes('name="password"'))
        page = await person.submit(page, { email: who.email, password: who.password })
      else page = await person.submit(page, {})
    }
    throw new Error('the walk did not end')
  }

  async function signIn({ person = createPerson(), params = {}, who = ada }: SignInOptions = {}) {
    const { url, verifier, state } = authorizeUrl(params)
    const callback = await walk(person, url, who)
    return { person, verifier, state, callback, code: callback.searchParams.get('code') ?? '' }
  }

  const redeem = (code: string, verifier: string, more: Record<string, string> = {}) =>
    post('/oauth2/token', {
      grant_type: 'authorization_code',
      code,
      redirect_uri: client.redirect_uri,
      code_verifier: verifier,
      ...more,
    })

  const refresh = (refresh_token: string, more: Record<string, string> = {}) =>
    post('/oauth2/token', { grant_type: 'refresh_token', refresh_token, ...more })

  async function tokens(options: SignInOptions = {}): Promise<Tokens & { person: Person }> {
    const { person, code, verifier } = await signIn(options)
    const answer = await redeem(code, verifier)
    if (answer.status !== 200) throw new Error(`token endpoint: ${JSON.stringify(answer.body)}`)
    return { ...answer.body, person }
  }

  const introspect = (token: string) => post('/oauth2/introspect', { token })
  const revoke = (token: string) => post('/oauth2/revoke', { token })
  const userinfo = (token: string) =>
    fetch(`${issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${token}` } })

  return { post, authorizeUrl, walk, signIn, redeem, refresh, tokens, introspect, revoke, userinfo }
}

export type Rp = ReturnType<typeof createRp>
