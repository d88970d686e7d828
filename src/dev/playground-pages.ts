// Owns what the playground's pages know: tokens taken apart and judged, exchanges, times left.
// How they look is views/dev/playground*.ejs.
import type { Clock } from '../kernel/time.ts'
import { checkToken, type Expected } from './playground-checks.ts'
import { machineClient, questsApi, thirdPartyClient } from './playground-clients.ts'
import type { Issuer } from './playground-issuer.ts'
import { type Check, type Claims, decodeJwt } from './playground-jws.ts'
import { type ClaimRow, explain } from './playground-meanings.ts'
import {
  type MachineToken,
  type Notice,
  rememberExchange,
  type Tokens,
  type Visitor,
} from './playground-visitors.ts'
import type { Exchange } from './playground-wire.ts'

export type TokenCard = {
  id: string
  title: string
  /** What it is for, in a sentence or two. */
  about: string
  /** The token in the pieces between its dots; one piece when it is opaque. */
  pieces: string[]
  header?: ClaimRow[]
  claims?: ClaimRow[]
  checks: Check[]
  passed: boolean
  /** When it ends, and how far away that is. */
  ends?: { at: string; left: string } | undefined
  actions: { name: string; label: string }[]
}

export type ExchangeView = Pick<Exchange, 'title' | 'why' | 'method' | 'request' | 'response' | 'curl'> & {
  path: string
  outcome: string
  tone: 'good' | 'bad' | ''
}

export type HomePage = {
  issuer: string
  origin: string
  notice: Notice | undefined
  person: { name: string; detail: string; clientId: string; scope: string } | undefined
  tokens: TokenCard[]
  machine: TokenCard | undefined
  newest: ExchangeView | undefined
  earlier: ExchangeView[]
  questsApi: string
  thirdPartyId: string
}

export type PagesDeps = { issuerUrl: string; origin: string; issuer: Issuer; clock: Clock }

export type PlaygroundPages = { home(visitor: Visitor): Promise<HomePage> }

export function createPlaygroundPages(deps: PagesDeps): PlaygroundPages {
  async function home(visitor: Visitor): Promise<HomePage> {
    const desk = { ...deps, visitor }
    // First, since reading the keys is itself an exchange to show.
    const tokens = visitor.tokens ? await tokenCards(desk, visitor.tokens) : []
    const machine = visitor.machine && (await machineCard(desk, visitor.machine))

    const newest = visitor.exchanges.find(({ isLookup }) => !isLookup)
    const earlier = visitor.exchanges.filter((exchange) => exchange !== newest)
    return {
      issuer: deps.issuerUrl,
      origin: deps.origin,
      notice: visitor.notice,
      person: visitor.tokens && personOf(visitor.tokens),
      tokens,
      machine,
      newest: newest && viewOf(newest),
      earlier: earlier.map(viewOf),
      questsApi,
      thirdPartyId: thirdPartyClient.id,
    }
  }

  return { home }
}

type Desk = PagesDeps & { visitor: Visitor }

const tokenCards = async (desk: Desk, tokens: Tokens): Promise<TokenCard[]> => [
  ...(await idTokenCard(desk, tokens)),
  await accessTokenCard(desk, tokens),
  ...refreshTokenCard(tokens),
]

async function idTokenCard(desk: Desk, tokens: Tokens): Promise<TokenCard[]> {
  if (tokens.idToken === undefined) return []
  const { client, nonce, accessToken } = tokens
  const hasNonce = decodeJwt(tokens.idToken)?.claims.nonce !== undefined
  const expected = { audience: client.id, nonce: hasNonce ? nonce : undefined, accessToken }
  return [
    {
      ...(await takenApart(desk, tokens.idToken, expected)),
      id: 'id-token',
      title: 'ID token',
      about: 'Tells this app who signed in. The app reads it once and never sends it to an API.',
      actions: [],
    },
  ]
}

async function accessTokenCard(desk: Desk, tokens: Tokens): Promise<TokenCard> {
  const parts = await takenApart(desk, tokens.accessToken, { audience: tokens.resource ?? desk.issuerUrl })
  const isOpaque = parts.pieces.length === 1
  return {
    ...parts,
    id: 'access-token',
    title: 'Access token',
    about: isOpaque
      ? 'Opens userinfo. It is opaque: its meaning is known to Foyer alone, so there is nothing to decode.'
      : 'Opens the API that aud names, which can judge it by itself. Userinfo does not take it.',
    ends: ending(desk, tokens.accessTokenExpiresAt),
    actions: [
      { name: 'userinfo', label: 'Ask userinfo' },
      { name: 'introspect-access', label: 'Introspect' },
      { name: 'revoke-access', label: 'Revoke' },
    ],
  }
}

function refreshTokenCard({ refreshToken }: Tokens): TokenCard[] {
  if (refreshToken === undefined) return []
  return [
    {
      id: 'refresh-token',
      title: 'Refresh token',
      about:
        'Brings new tokens, once. Using it again later ends everything it ever gave: that is how theft shows.',
      pieces: [refreshToken],
      checks: [],
      passed: true,
      actions: [
        { name: 'refresh', label: 'Refresh' },
        { name: 'introspect-refresh', label: 'Introspect' },
        { name: 'revoke-refresh', label: 'Revoke' },
      ],
    },
  ]
}

async function machineCard(desk: Desk, { accessToken, expiresAt }: MachineToken): Promise<TokenCard> {
  return {
    ...(await takenApart(desk, accessToken, { audience: questsApi })),
    id: 'machine-token',
    title: `Access token of ${machineClient.id}`,
    about: 'A machine’s own: sub is the client itself.',
    ends: ending(desk, expiresAt),
    actions: [{ name: 'introspect-machine', label: 'Introspect' }],
  }
}

type Parts = Pick<TokenCard, 'pieces' | 'header' | 'claims' | 'checks' | 'passed'>

/** A JWT in its parts and judged; an opaque token is only itself. */
async function takenApart(
  { issuerUrl, issuer, clock, visitor }: Desk,
  token: string,
  expected: Pick<Expected, 'audience' | 'nonce' | 'accessToken'>,
): Promise<Parts> {
  const jwt = decodeJwt(token)
  if (!jwt) return { pieces: [token], checks: [], passed: true }
  const keys = await issuer.keysFor(jwt, (exchange) => rememberExchange(visitor, exchange))
  const checks = checkToken(jwt, keys, { issuer: issuerUrl, nowSeconds: clock.seconds(), ...expected })
  return {
    pieces: token.split('.'),
    header: explain(jwt.header),
    claims: explain(jwt.claims),
    checks,
    passed: checks.every(({ passed }) => passed),
  }
}

const ending = ({ clock }: Desk, at: Date | undefined) =>
  at && { at: at.toISOString(), left: timeLeft(at.getTime() - clock.millis()) }

function personOf({ idToken, person, client, scope }: Tokens): NonNullable<HomePage['person']> {
  const claims = { ...(idToken === undefined ? {} : decodeJwt(idToken)?.claims), ...person }
  const name = firstText(claims, ['name', 'preferred_username', 'email']) ?? 'stranger'
  const detail = firstText(claims, ['email', 'sub']) ?? ''
  return { name, detail: detail === name ? '' : detail, clientId: client.id, scope }
}

const firstText = (claims: Claims, names: string[]): string | undefined =>
  names
    .map((name) => claims[name])
    .find((value): value is string => typeof value === 'string' && value !== '')

export function timeLeft(milliseconds: number): string {
  const whole = Math.floor(milliseconds / 1000)
  if (whole <= 0) return 'over'
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  if (hours > 0) return `${hours} h ${minutes} min left`
  return minutes > 0 ? `${minutes} min ${seconds} s left` : `${seconds} s left`
}

function viewOf({
  title,
  why,
  method,
  request,
  response,
  curl,
  url,
  through,
  ...met
}: Exchange): ExchangeView {
  const { status, milliseconds } = met
  const nothing = through === 'browser' ? 'through the browser' : 'no answer'
  const outcome = [status ?? nothing, ...(milliseconds === undefined ? [] : [`${milliseconds} ms`])].join(
    ' · ',
  )
  const tone = status === undefined ? '' : status < 400 ? 'good' : 'bad'
  return {
    title,
    why,
    method,
    request,
    response,
    ...(curl ? { curl } : {}),
    path: new URL(url).pathname,
    outcome,
    tone,
  }
}
