// Owns the routes about clients: registered by their OIDC metadata, changed, their secrets rotated, removed.
import { z } from 'zod'
import { ClientFields, ClientMetadata } from '../features/clients/schema.ts'
import type { Clients, CreatedClient } from '../features/clients/service.ts'
import { parse } from '../web/input.ts'
import { assertHolds, type Caller, type Permission } from './caller.ts'
import { ById, listRoute, noBody, type Route, route } from './route.ts'

export type ClientRoutesDeps = {
  clients: Pick<Clients, 'list' | 'get' | 'create' | 'update' | 'setEnabled' | 'rotateSecret' | 'remove'>
  /** Which scopes of this API a client may ask for. */
  managementScopesOf: (clientId: string) => Promise<Iterable<string>>
}

const read: Permission = { scope: 'clients:read', reach: 'installation' }
const write: Permission = { scope: 'clients:write', reach: 'installation' }

/** RFC 7591 §3.2.1. */
export const Client = z.looseObject({
  client_id: z.string(),
  client_id_issued_at: z.int(),
  client_name: z.string().optional(),
  redirect_uris: z.array(z.string()),
  grant_types: z.array(z.string()),
  token_endpoint_auth_method: z.string(),
  enabled: z.boolean(),
})
const NewClient = z.looseObject({
  ...Client.shape,
  /** Shown this once. */
  client_secret: z.string().optional(),
  client_secret_expires_at: z.literal(0).optional(),
})
const RotatedSecret = z.object({
  client_id: z.string(),
  client_secret: z.string(),
  /** Until then the secret before this one works too; one before that has ended. */
  old_secret_expires_at: z.iso.datetime(),
})

/** Members that are named take new values, null takes one away (RFC 7396); the others stay. */
const ChangedClient = z.strictObject(
  Object.fromEntries(
    Object.entries(ClientFields.shape).map(([member, shape]) => [
      member,
      withoutDefault(shape).nullable().optional(),
    ]),
  ),
)

function withoutDefault(shape: z.ZodType): z.ZodType {
  const inner = shape instanceof z.ZodDefault || shape instanceof z.ZodOptional ? shape.unwrap() : shape
  return inner as z.ZodType
}

const present = ({ id, metadata, secret, enabled, createdAt }: CreatedClient) => ({
  ...metadata,
  client_id: id,
  ...(secret !== undefined && { client_secret: secret, client_secret_expires_at: 0 as const }),
  client_id_issued_at: Math.floor(createdAt.getTime() / 1000),
  enabled,
})
const replyWith = (client: CreatedClient) => ({ body: present(client), version: client.updatedAt })

export function clientRoutes(deps: ClientRoutesDeps): Route[] {
  return [...registrationRoutes(deps), ...changeRoutes(deps), ...endRoutes(deps)]
}

function registrationRoutes({ clients }: ClientRoutesDeps): Route[] {
  return [
    listRoute({
      path: '/clients',
      summary: 'Clients, in the order of their ids.',
      permission: read,
      limit: 'api.read',
      item: Client,
      async list(_, page) {
        const { data, nextCursor } = await clients.list(page)
        return { data: data.map(present), nextCursor }
      },
    }),
    route({
      method: 'POST',
      path: '/clients',
      summary: 'Registers a client by its OIDC metadata. The secret is shown this once.',
      permission: write,
      limit: 'api.write',
      body: ClientMetadata,
      answer: { status: 201, schema: NewClient },
      async handle({ caller, body }) {
        const client = await clients.create(caller.actor, body)
        return { ...replyWith(client), location: `/clients/${client.id}` }
      },
    }),
    route({
      method: 'GET',
      path: '/clients/:id',
      versioned: true,
      summary: 'One client.',
      permission: read,
      limit: 'api.read',
      params: ById,
      answer: { status: 200, schema: Client },
      handle: async ({ params }) => replyWith(await clients.get(params.id)),
    }),
  ]
}

/** Whoever may change how a client signs in can act as it. */
const assertMayTakeOver = async (
  { managementScopesOf }: ClientRoutesDeps,
  { caller, params: { id } }: { caller: Caller; params: { id: string } },
): Promise<void> => assertHolds(caller, await managementScopesOf(id))

function changeRoutes(deps: ClientRoutesDeps): Route[] {
  const { clients } = deps
  const change = {
    versioned: true,
    permission: write,
    limit: 'api.write',
    params: ById,
    answer: { status: 200, schema: Client },
  } as const

  return [
    route({
      ...change,
      method: 'PUT',
      path: '/clients/:id',
      summary: 'Replaces the metadata of a client as a whole (RFC 7592).',
      body: ClientMetadata,
      async handle({ caller, params, body, expected }) {
        await assertMayTakeOver(deps, { caller, params })
        return replyWith(await clients.update(caller.actor, params.id, { metadata: body, expected }))
      },
    }),
    route({
      ...change,
      method: 'PATCH',
      path: '/clients/:id',
      summary: 'Changes members of the metadata; null takes one away.',
      body: ChangedClient,
      async handle({ caller, params, body, expected }) {
        await assertMayTakeOver(deps, { caller, params })
        const { metadata: before, updatedAt } = await clients.get(params.id)
        // Derived from the grants, so it follows when those change
        const { response_types: _, ...kept } = before
        const merged = Object.entries({ ...kept, ...body }).filter(([, value]) => value !== null)
        const metadata = parse(ClientMetadata, Object.fromEntries(merged))
        // Merged into what was read: a change in between must not be undone
        return replyWith(
          await clients.update(caller.actor, params.id, { metadata, expected: expected ?? [updatedAt] }),
        )
      },
    }),
  ]
}

function endRoutes(deps: ClientRoutesDeps): Route[] {
  const { clients } = deps
  const turning = (path: string, summary: string, enabled: boolean): Route =>
    route({
      method: 'POST',
      path,
      summary,
      permission: write,
      limit: 'api.write',
      params: ById,
      answer: { status: 200, schema: Client },
      handle: async ({ caller, params: { id } }) =>
        replyWith(await clients.setEnabled(caller.actor, id, enabled)),
    })

  return [
    turning(
      '/clients/:id/disable',
      'Disables a client: until it is enabled it gets no tokens, and those it has are worth nothing.',
      false,
    ),
    turning('/clients/:id/enable', 'Enables a disabled client, with what people granted it.', true),
    route({
      method: 'POST',
      path: '/clients/:id/rotate-secret',
      summary: 'Gives a new secret, shown this once. The one before works for a day; two live at most.',
      permission: write,
      limit: 'api.write',
      params: ById,
      answer: { status: 201, schema: RotatedSecret },
      async handle({ caller, params }) {
        await assertMayTakeOver(deps, { caller, params })
        const { id } = params
        const { secret, oldExpiresAt } = await clients.rotateSecret(caller.actor, id)
        return {
          body: { client_id: id, client_secret: secret, old_secret_expires_at: oldExpiresAt.toISOString() },
        }
      },
    }),
    route({
      method: 'DELETE',
      path: '/clients/:id',
      summary: 'Removes a client and everything people granted it.',
      permission: write,
      limit: 'api.write',
      params: ById,
      answer: { status: 204, schema: noBody },
      async handle({ caller, params }) {
        await clients.remove(caller.actor, params.id)
        return { body: undefined }
      },
    }),
  ]
}
