// Owns what one visitor asks of a server over one connection: single requests, and those of a code flow in order.
import { createHash } from 'node:crypto'
import { type Connection, cookiesOf, headerOf, type Reply, requestText } from './client.ts'
import { redirectUri } from './clients.ts'
import type { Visitor } from './people.ts'
import type { Registered, Target } from './targets.ts'

export type Bench = { target: Target; connection: Connection; visitor: Visitor }

type Asked = { path: string; headers?: Record<string, string>; form?: object }

/** Every server gets the same header, whether it reads it or not. */
export function message({ target, visitor }: Bench, { headers, ...asked }: Asked): string {
  return requestText({
    ...asked,
    host: target.host,
    headers: { 'X-Forwarded-For': visitor.address, ...headers },
  })
}

export const basic = ({ id, secret }: Registered) => ({
  Authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
})

export function tokenRequest(bench: Bench, client: Registered, form: object): string {
  return message(bench, { path: bench.target.paths.token, headers: basic(client), form })
}

export function expectStatus(reply: Reply, status: number): Reply {
  if (reply.status === status) return reply
  const text = reply.body.toString('utf8', 0, 300)
  throw new Error(`${reply.status} instead of ${status}: ${text}`, { cause: reply.status })
}

/** Whether the server said that it is too busy, rather than something wrong. */
export const isTurnedAway = (error: unknown): boolean => error instanceof Error && error.cause === 503

export type Tokens = { access_token: string; refresh_token: string; id_token: string }

export const tokensOf = (reply: Reply): Tokens =>
  JSON.parse(expectStatus(reply, 200).body.toString()) as Tokens

const verifier = 'a-verifier-that-is-long-enough-for-everybody-0123456789'
const challenge = createHash('sha256').update(verifier).digest('base64url')

/** A browser that has met the sign-in page and has its cookies. */
type Begun = { location: string; cookies: Map<string, string> }

function keepCookies(cookies: Map<string, string>, { head }: Reply): void {
  for (const pair of cookiesOf(head)) cookies.set(pair.split('=', 1)[0] ?? '', pair)
}

const cookieHeader = (cookies: Map<string, string>) => ({ Cookie: [...cookies.values()].join('; ') })

export async function beginSignIn(bench: Bench): Promise<Begun> {
  const { connection, target } = bench
  const query = new URLSearchParams({
    client_id: target.clients.web.id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile email',
    state: 'state',
    nonce: 'nonce',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  })
  const path = `${target.paths.authorize}?${query}`
  const reply = expectStatus(await connection.send(message(bench, { path })), 303)
  const cookies = new Map<string, string>()
  keepCookies(cookies, reply)
  return { location: pathOf(reply, target.host), cookies }
}

/** The reply may be a refusal: that is for whoever asks to judge. */
export async function typePassword(bench: Bench, { location, cookies }: Begun): Promise<Reply> {
  const { connection, target, visitor } = bench
  const { path, form } = target.signIn(location, visitor)
  const headers = {
    ...cookieHeader(cookies),
    Origin: `http://${target.host}`,
    'Sec-Fetch-Site': 'same-origin',
  }
  const reply = await connection.send(message(bench, { path, headers, form }))
  keepCookies(cookies, reply)
  return reply
}

/** From the authorization endpoint to the code: three requests, as a browser that knows its person makes them. */
export async function signIn(bench: Bench): Promise<string> {
  const { connection, target } = bench
  const begun = await beginSignIn(bench)
  const proved = expectStatus(await typePassword(bench, begun), 303)
  const path = pathOf(proved, target.host)
  const resumed = await connection.send(message(bench, { path, headers: cookieHeader(begun.cookies) }))
  return expectStatus(resumed, 303).head
}

function pathOf({ head }: Reply, host: string): string {
  const url = new URL(headerOf(head, 'location') ?? '', `http://${host}`)
  return url.pathname + url.search
}

export async function codeFlow(bench: Bench): Promise<Tokens> {
  const { connection, target } = bench
  const callback = new URL(headerOf(await signIn(bench), 'location') ?? '')
  const code = callback.searchParams.get('code')
  if (code === null) throw new Error(`no code: ${callback.search}`)
  const form = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
  }
  return tokensOf(await connection.send(tokenRequest(bench, target.clients.web, form)))
}
