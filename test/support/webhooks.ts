// Webhooks as an operator makes them and a receiver reads them, verified by a library of somebody else's.
import { Webhook } from 'standardwebhooks'
import type { createManagement } from './management.ts'
import type { Got } from './receiver.ts'

export type Made = { id: string; secret: string; etag: string }
export type Payload = { type: string; timestamp: string; data: Record<string, unknown> }

/** Throws unless the signature is good and fresh. */
export const verified = ({ body, headers }: Got, secret: string): Payload =>
  new Webhook(secret).verify(body, headers) as Payload

export function createOperator(api: ReturnType<typeof createManagement>) {
  /** With a token of now: the clock of these tests leaps. */
  async function ask(method: string, path: string, json?: unknown, headers?: Record<string, string>) {
    const as = await api.machineToken('users:read users:write clients:read clients:write webhooks:write')
    return api.ask(method, path, { as, json, ...(headers && { headers }) })
  }

  async function create(url: string, events: string[] = ['*']): Promise<Made> {
    const { status, body, headers, text } = await ask('POST', '/webhooks', { url, events })
    if (status !== 201) throw new Error(`${status} ${text}`)
    return { id: body.id, secret: String(body.secret), etag: headers.get('etag') ?? '' }
  }

  let people = 0
  /** Causes account.created; gives the id of the account. */
  async function causeFact(): Promise<string> {
    people += 1
    const { body, status, text } = await ask('POST', '/users', { email: `person-${people}@example.test` })
    if (status !== 201) throw new Error(`${status} ${text}`)
    return body.id
  }

  const deliveries = async (id: string, query = '') =>
    (await ask('GET', `/webhooks/${id}/deliveries${query}`)).body.data

  return { ask, create, causeFact, deliveries }
}
