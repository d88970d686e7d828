// Speaks to the first-party JSON door as an owner's app would.

export type DoorBody = {
  access_token: string
  refresh_token: string
  token_type: string
  expires_in: number
  status: string
  flow: string
  /** Of a problem. */
  code: string
  instance: string
  errors?: { pointer: string; code: string }[]
  [member: string]: unknown
}

export type DoorAnswer = { status: number; headers: Headers; text: string; body: DoorBody }

export type DoorAsk = {
  /** An access token. */
  as?: string
  /** Sent as JSON. */
  json?: unknown
  /** Sent as it is, as JSON. */
  raw?: string
  headers?: Record<string, string>
}

export function createDoor(issuer: string) {
  async function ask(method: string, path: string, { as, json, raw, headers = {} }: DoorAsk = {}) {
    const body = raw ?? (json === undefined ? undefined : JSON.stringify(json))
    const response = await fetch(issuer + path, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(as !== undefined && { authorization: `Bearer ${as}` }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    })
    // What goes on is listened to in support/event-stream.ts
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
    if (isStream) await response.body?.cancel()
    const text = isStream ? '' : await response.text()
    const answer: DoorAnswer = {
      status: response.status,
      headers: response.headers,
      text,
      body: text === '' ? {} : JSON.parse(text),
    }
    return answer
  }

  const post = (path: string, json?: unknown, more: DoorAsk = {}) => ask('POST', path, { json, ...more })
  const login = (who: { email?: string; username?: string; password: string; resource?: string }) =>
    post('/auth/login', who)

  /** The token pair of somebody who signs in with a password. */
  async function signIn(who: Parameters<typeof login>[0]): Promise<DoorBody> {
    const { status, body, text } = await login(who)
    if (status !== 200) throw new Error(`login answered ${status}: ${text}`)
    return body
  }

  const me = (as: string) => ask('GET', '/auth/me', { as })
  const refresh = (refresh_token: string) => post('/auth/refresh', { refresh_token })

  return { ask, post, login, signIn, me, refresh }
}

/** The claims of a JWT, unverified. */
export const claimsIn = (jwt: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString('utf8'))
