// Speaks to the management API as a program would, with tokens from the token endpoint.
import { createDoor, type DoorAsk } from './door.ts'
import { expectDescribed } from './openapi.ts'
import { basic, createRp, demoMachine } from './rp.ts'

export type ApiBody = {
  id: string
  code: string
  data: Record<string, unknown>[]
  next_cursor: string | null
  errors?: { pointer: string; code: string; detail: string }[]
  [member: string]: unknown
}
export type ApiAnswer = { status: number; headers: Headers; text: string; body: ApiBody }

export const admin = { email: 'admin@example.test', password: 'difference-engine-1822' }

export function createManagement(issuer: string) {
  const door = createDoor(issuer)

  /** Below /api/v1. */
  async function ask(method: string, path: string, options: DoorAsk = {}): Promise<ApiAnswer> {
    const { status, headers, text, body } = await door.ask(method, `/api/v1${path}`, options)
    expectDescribed({ method, path }, { status, headers, text })
    return { status, headers, text, body: body as unknown as ApiBody }
  }

  /** Of a client for itself, for its default API when none is named. */
  async function machineToken(
    scope?: string,
    { client_id, client_secret } = demoMachine,
    resource?: string,
  ): Promise<string> {
    const response = await fetch(`${issuer}/oauth2/token`, {
      method: 'POST',
      headers: { authorization: basic(client_id, client_secret) },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        ...(scope !== undefined && { scope }),
        ...(resource !== undefined && { resource }),
      }),
    })
    const { access_token } = (await response.json()) as { access_token?: string }
    if (access_token === undefined) throw new Error(`the token endpoint answered ${response.status}`)
    return access_token
  }

  /** Of a person who signs in at the JSON door, whose tokens are for this API. */
  const personToken = async (who: { email: string; password: string }): Promise<string> =>
    (await door.signIn(who)).access_token

  return { ask, machineToken, personToken, rp: createRp(issuer, demoMachine) }
}

export const all = [
  'users:read users:write roles:read roles:write sessions:read sessions:write',
  'clients:read clients:write audit:read webhooks:write keys:rotate',
].join(' ')
