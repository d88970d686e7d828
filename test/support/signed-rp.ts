// A relying party that holds a key: it signs assertions, proofs of possession and requests by hand, so that a test
// can spoil each of their members. The real clients have tests of their own.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { createPerson, type Person } from './browser-less.ts'
import { createRp, type TokenAnswer, type Who } from './rp.ts'

export type Key = { alg: string; privateKey: CryptoKey; publicJwk: JWK; thumbprint: string }

export async function makeKey(alg = 'ES256'): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  const thumbprint = await calculateJwkThumbprint(jwk)
  return { alg, privateKey, publicJwk: { ...jwk, kid: thumbprint }, thumbprint }
}

/** `undefined` takes a member out. */
export type Claims = Record<string, unknown>

const present = (claims: Claims): Claims =>
  Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))

export async function sign(
  { alg, privateKey, publicJwk }: Key,
  claims: Claims,
  header: Claims = {},
): Promise<string> {
  const fields = present({ alg, kid: publicJwk.kid, ...header })
  return new SignJWT(present(claims)).setProtectedHeader(fields as { alg: string }).sign(privateKey)
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const nowSeconds = () => Math.floor(Date.now() / 1000)

/** A proof of possession for one request (RFC 9449 §4.2), as the headers that carry it. */
export async function dpop(
  key: Key,
  { url, method = 'POST', token }: { url: string; method?: string; token?: string },
  { claims = {}, header = {} }: { claims?: Claims; header?: Claims } = {},
): Promise<Record<string, string>> {
  const ath = token === undefined ? undefined : createHash('sha256').update(token).digest('base64url')
  const { kid: _, ...jwk } = key.publicJwk
  const proof = await sign(
    key,
    { jti: randomUUID(), htm: method, htu: url, iat: nowSeconds(), ath, ...claims },
    { typ: 'dpop+jwt', jwk, kid: undefined, ...header },
  )
  return { dpop: proof, ...(token !== undefined && { authorization: `DPoP ${token}` }) }
}

export type SignedClient = { client_id: string; redirect_uri: string; key: Key }
export type Answer = Omit<TokenAnswer, 'body'> & { body: TokenAnswer['body'] & { request_uri?: string } }

/** What a client without a secret sends to prove itself. */
export type Proof = Record<string, string>

export async function postForm(
  url: string,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams(form),
    headers: { accept: 'application/json', ...headers },
  })
  const text = await response.text()
  return { status: response.status, body: text ? JSON.parse(text) : {}, headers: response.headers }
}

export function createSignedRp(issuer: string, client: SignedClient) {
  const { client_id, redirect_uri, key } = client
  const plain = createRp(issuer, { client_id, redirect_uri })

  /** RFC 7523 §3. */
  async function proof(claims: Claims = {}, header: Claims = {}): Promise<Proof> {
    const now = nowSeconds()
    const jwt = await sign(
      key,
      { iss: client_id, sub: client_id, aud: issuer, jti: randomUUID(), iat: now, exp: now + 60, ...claims },
      header,
    )
    return { client_assertion_type: assertionType, client_assertion: jwt }
  }

  const post = async (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
    postForm(issuer + path, { ...(await proof()), ...form }, headers)

  /** The parameters of an authorization request, and what belongs to them. */
  function request(params: Record<string, string | undefined> = {}) {
    const verifier = randomBytes(32).toString('base64url')
    const all = present({
      client_id,
      redirect_uri,
      response_type: 'code',
      scope: 'openid email',
      state: randomBytes(8).toString('hex'),
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...params,
    }) as Record<string, string>
    return { params: all, verifier }
  }

  /** RFC 9101 §4. */
  function requestObject(params: Claims, claims: Claims = {}, header: Claims = {}): Promise<string> {
    const now = nowSeconds()
    return sign(key, { iss: client_id, aud: issuer, nbf: now, exp: now + 60, ...params, ...claims }, header)
  }

  const push = (form: Record<string, string>, headers: Record<string, string> = {}) =>
    post('/oauth2/par', form, headers)

  function addressOf(params: Record<string, string>): string {
    return `${issuer}/oauth2/authorize?${new URLSearchParams({ client_id, ...params })}`
  }

  /** Pushes a request, signs in, and gives the code with what redeems it. */
  async function signIn(
    params: Record<string, string | undefined> = {},
    { person = createPerson(), who }: { person?: Person; who?: Who } = {},
  ) {
    const { params: asked, verifier } = request(params)
    const { body, status } = await push(asked)
    if (status !== 201) throw new Error(`pushed: ${JSON.stringify(body)}`)
    const url = addressOf({ request_uri: body.request_uri ?? '' })
    const callback = await plain.walk(person, url, who)
    return { person, url, verifier, callback, code: callback.searchParams.get('code') ?? '' }
  }

  const redemption = (code: string, verifier: string): Record<string, string> => ({
    grant_type: 'authorization_code',
    code,
    redirect_uri,
    code_verifier: verifier,
  })

  return {
    ...client,
    proof,
    post,
    request,
    requestObject,
    push,
    addressOf,
    signIn,
    redemption,
    walk: plain.walk,
  }
}

export type SignedRp = Awaited<ReturnType<typeof createSignedRp>>
