// Owns the commands about clients, and the one that fetches a token as a client would.
import { ClientMetadata } from '../features/clients/schema.ts'
import type { CreatedClient } from '../features/clients/service.ts'
import { invalidInput } from '../kernel/errors.ts'
import type { Actor } from '../kernel/events.ts'
import { parse } from '../web/input.ts'
import type { Output } from './output.ts'
import type { CliEnvironment, CliServices } from './services.ts'
import { basicOf, isObject, readTokens, tryJson } from './token-answer.ts'

export type ClientCommands = { services: Pick<CliServices, 'clients'>; output: Output }

const operator: Actor = { kind: 'operator' }

export async function createClient({ services, output }: ClientCommands, json: string): Promise<void> {
  const client = await services.clients.create(operator, parse(ClientMetadata, readObject(json)))
  print(output, client)
  output.say(
    client.secret === undefined
      ? `The client ${client.id} is registered. It has no secret.`
      : `The client ${client.id} is registered. Its secret is shown this once.`,
  )
}

/** Members that are named take new values, null takes one away; the others stay. */
export async function updateClient(
  { services, output }: ClientCommands,
  id: string,
  json: string,
): Promise<void> {
  const { metadata, updatedAt } = await services.clients.get(id)
  // Derived from the grants, so it follows when those change
  const { response_types: _, ...before } = metadata
  const merged = Object.entries({ ...before, ...readObject(json) }).filter(([, value]) => value !== null)
  print(
    output,
    await services.clients.update(operator, id, {
      metadata: parse(ClientMetadata, Object.fromEntries(merged)),
      // What somebody else changed meanwhile would be written over
      expected: [updatedAt],
    }),
  )
  output.say(`The client ${id} is changed.`)
}

export async function listClients({ services, output }: ClientCommands): Promise<void> {
  const rows = []
  let cursor: string | undefined
  do {
    const page = await services.clients.list({ cursor, limit: 100 })
    rows.push(...page.data)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  output.rows(
    rows.map(({ id, metadata, enabled, createdAt }) => ({
      client_id: id,
      client_name: metadata.client_name ?? null,
      grant_types: metadata.grant_types,
      first_party: metadata.first_party,
      enabled,
      created_at: createdAt.toISOString(),
    })),
  )
}

export async function rotateSecret({ services, output }: ClientCommands, id: string): Promise<void> {
  const { secret, oldExpiresAt } = await services.clients.rotateSecret(operator, id)
  const until = oldExpiresAt.toISOString()
  output.data({ client_id: id, client_secret: secret, old_secret_expires_at: until }, secret)
  output.say(`The secret before this one works until ${until}.`)
}

export async function deleteClient({ services, output }: ClientCommands, id: string): Promise<void> {
  await services.clients.remove(operator, id)
  output.data({ client_id: id, deleted: true }, id)
  output.say(`The client ${id} and everything people granted it are gone.`)
}

export type ClientCredentials = {
  clientId: string
  clientSecret: string
  scope?: string
  resource?: string
}

export async function fetchClientCredentials(
  { postForm, issuer, output }: Pick<CliEnvironment, 'postForm'> & { issuer: string; output: Output },
  { clientId, clientSecret, scope, resource }: ClientCredentials,
): Promise<void> {
  const form = new URLSearchParams({ grant_type: 'client_credentials' })
  if (scope !== undefined) form.set('scope', scope)
  if (resource !== undefined) form.set('resource', resource)

  const answer = await postForm(`${issuer}/oauth2/token`, form, basicOf(clientId, clientSecret))
  const tokens = readTokens(answer)
  output.data(tokens, tokens.access_token)
}

/** RFC 7591 §3.2.1: the registration as one JSON document, in either mode. */
function print(output: Output, { id, metadata, secret, createdAt }: CreatedClient): void {
  const document = {
    client_id: id,
    ...(secret === undefined ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
    client_id_issued_at: Math.floor(createdAt.getTime() / 1000),
    ...metadata,
  }
  output.data(document, JSON.stringify(document, null, 2))
}

function readObject(json: string): Record<string, unknown> {
  const value = tryJson(json)
  if (isObject(value)) return value
  const detail = 'Give one JSON object, as in \'{"redirect_uris":["https://app.example/callback"]}\'.'
  throw invalidInput([{ pointer: '--metadata', code: 'invalid', detail }])
}
