// Owns the terminal client's sign-in at Foyer's JSON door: one pair of tokens, renewed in turn, ended by sign-out.
import { setTimeout as sleep } from 'node:timers/promises'

/** Foyer said no, in its own words. */
export class DoorRefusal extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, { code = 'unknown', detail, errors = [] }: Problem) {
    // What is wrong with a field says more than that something is
    super(errors[0]?.detail ?? detail ?? `Foyer answered ${status}.`)
    this.name = 'DoorRefusal'
    this.status = status
    this.code = code
  }
}

/** There is no sign-in, or no longer. */
export class SignedOut extends Error {}

export type Me = { id: string; email: string; name?: string; roles: string[] }
/** Registered at once, or after the code that was mailed. */
export type Registration = { done: true } | { done: false; flow: string }
export type Door = ReturnType<typeof createDoor>

/** RFC 9457, as Foyer fills it. */
type Problem = { code?: string; detail?: string; errors?: { detail: string }[] }
type Pair = { access_token: string; refresh_token: string; expires_in: number }
type Tokens = { access: string; refresh: string; endsAt: number }

/** A token that ends within this time is renewed first. */
const earlyMs = 30_000
const triesWhileAway = 120
const pauseMs = 500
/** Long, since an answer that is not waited for is a refresh token spent for nothing. */
const answerMs = 30_000

export function createDoor({ issuer, resource }: { issuer: string; resource: string }) {
  let tokens: Tokens | undefined
  let renewing: Promise<Tokens> | undefined

  async function ask(path: string, { body, as }: { body?: object; as?: string } = {}) {
    const response = await fetch(`${issuer}/auth/${path}`, {
      method: path === 'me' ? 'GET' : 'POST',
      headers: {
        ...(body && { 'content-type': 'application/json' }),
        ...(as !== undefined && { authorization: `Bearer ${as}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(answerMs),
    })
    const answered = Object(await response.json().catch(() => ({})))
    if (!response.ok) throw new DoorRefusal(response.status, answered)
    return { status: response.status, body: answered }
  }

  function keep({ access_token, refresh_token, expires_in }: Pair): Tokens {
    tokens = { access: access_token, refresh: refresh_token, endsAt: Date.now() + expires_in * 1000 }
    return tokens
  }

  async function register(person: { email: string; password: string; name?: string }): Promise<Registration> {
    const { status, body } = await ask('register', { body: { ...person, resource } })
    if (status === 202) return { done: false, flow: body.flow }
    keep(body)
    return { done: true }
  }

  const confirm = async (flow: string, code: string): Promise<void> =>
    void keep((await ask('register/confirm', { body: { flow, code } })).body)

  const login = async (who: { email: string; password: string }): Promise<void> =>
    void keep((await ask('login', { body: { ...who, resource } })).body)

  /** One renewal for all who ask: a refresh token works once, and this door knows no second chance. */
  async function accessToken(): Promise<string> {
    if (!tokens) throw new SignedOut('You are not signed in.')
    if (tokens.endsAt - Date.now() > earlyMs) return tokens.access
    renewing ??= renew(tokens.refresh).finally(() => {
      renewing = undefined
    })
    return (await renewing).access
  }

  /**
   * Tried again while Foyer does not answer. Should an answer be lost on its way, then the refresh token is spent and
   * the next try ends the sign-in; without that try there would be no token either.
   */
  async function renew(refresh_token: string): Promise<Tokens> {
    for (let left = triesWhileAway; ; left -= 1) {
      try {
        const { body } = await ask('refresh', { body: { refresh_token } })
        // Signed out in the meantime: what came is not for us any more
        if (tokens?.refresh !== refresh_token) throw new SignedOut('You are signed out.')
        return keep(body)
      } catch (error) {
        if (error instanceof DoorRefusal && error.status === 401) {
          tokens = undefined
          throw new SignedOut('Foyer has ended this sign-in.')
        }
        const isFinal = error instanceof SignedOut || (error instanceof DoorRefusal && error.status < 500)
        if (isFinal || left <= 1) throw error
        await sleep(pauseMs)
      }
    }
  }

  const me = async (): Promise<Me> => (await ask('me', { as: await accessToken() })).body

  /** Foyer ends the session with all its tokens; here they are forgotten whatever it says. */
  async function logout(): Promise<void> {
    const as = await accessToken()
    tokens = undefined
    await ask('logout', { body: {}, as })
  }

  return { register, confirm, login, accessToken, me, logout }
}
