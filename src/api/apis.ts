// Owns the routes about APIs: their scopes, and which clients may ask for which of them.
import { z } from 'zod'
import { ApiIdentifier, ApiScopes } from '../features/clients/api-schema.ts'
import type { Apis } from '../features/clients/apis-service.ts'
import type { ManagedApi } from '../features/clients/apis-store.ts'
import { DetailTypes } from '../features/clients/authorization-details.ts'
import { shownText } from '../kernel/shown-text.ts'
import { assertHolds, type Permission } from './caller.ts'
import { ById, Id, listRoute, noBody, type Route, route } from './route.ts'

export type ApiRoutesDeps = {
  apis: Apis
  /** The identifier of this API. */
  managementApi: string
}

const read: Permission = { scope: 'clients:read', reach: 'installation' }
const write: Permission = { scope: 'clients:write', reach: 'installation' }

const ByApi = z.strictObject({ id: ApiIdentifier })

export const Api = z.object({
  identifier: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  /** Any client may ask for it; otherwise only those that were allowed to. */
  open_to_all: z.boolean(),
  /** Its tokens tell in `permissions` what the person may do by their roles. */
  wants_permissions: z.boolean(),
  /** RFC 9396: what apps may ask for in detail, and how each is shown at consent. */
  authorization_details_types: DetailTypes,
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
})
const SavedApi = z.strictObject({
  name: shownText(200),
  scopes: ApiScopes,
  open_to_all: z.boolean().default(false),
  wants_permissions: z.boolean().default(false),
  authorization_details_types: DetailTypes.default([]),
})
const ByApiClient = z.strictObject({ id: ApiIdentifier, client_id: Id })
const Allowed = z.object({
  identifier: z.string(),
  client_id: z.string(),
  scopes: z.array(z.string()),
  serves: z.boolean(),
})
/** `serves`: the client is the API itself, and may introspect its tokens. */
const Allow = z.strictObject({ scopes: ApiScopes, serves: z.boolean().default(false) })

const present = ({
  identifier,
  name,
  scopes,
  openToAll,
  wantsPermissions,
  detailTypes,
  ...api
}: ManagedApi) => ({
  identifier,
  name,
  scopes,
  open_to_all: openToAll,
  wants_permissions: wantsPermissions,
  authorization_details_types: detailTypes,
  created_at: api.createdAt.toISOString(),
  updated_at: api.updatedAt.toISOString(),
})
const apiOf = ({ name, scopes, ...api }: z.output<typeof SavedApi>) => ({
  name,
  scopes,
  openToAll: api.open_to_all,
  wantsPermissions: api.wants_permissions,
  detailTypes: api.authorization_details_types,
})
const replyWith = (api: ManagedApi) => ({ body: present(api), version: api.updatedAt })

export function apiRoutes(deps: ApiRoutesDeps): Route[] {
  return [...ofApis(deps), ...clientsOfApis(deps)]
}

function ofApis({ apis }: ApiRoutesDeps): Route[] {
  return [
    listRoute({
      path: '/apis',
      summary: 'APIs that tokens can be for, with their scopes.',
      permission: read,
      limit: 'api.read',
      item: Api,
      async list(_, page) {
        const { data, nextCursor } = await apis.list(page)
        return { data: data.map(present), nextCursor }
      },
    }),
    route({
      method: 'GET',
      path: '/apis/:id',
      versioned: true,
      summary: 'One API, by its identifier.',
      permission: read,
      limit: 'api.read',
      params: ById,
      answer: { status: 200, schema: Api },
      handle: async ({ params }) => replyWith(await apis.get(params.id)),
    }),
    route({
      method: 'PUT',
      path: '/apis/:id',
      versioned: true,
      summary: 'Registers an API, or changes the one that is there.',
      permission: write,
      limit: 'api.write',
      params: ByApi,
      body: SavedApi,
      answer: { status: 200, schema: Api },
      async handle({ caller, params, body, expected }) {
        const saved = { ...apiOf(body), identifier: params.id, expected }
        return replyWith(await apis.save(caller.actor, saved))
      },
    }),
    route({
      method: 'DELETE',
      path: '/apis/:id',
      summary:
        'Removes an API with what clients could ask for there. Refused while it is the default API of a client.',
      permission: write,
      limit: 'api.write',
      params: ById,
      answer: { status: 204, schema: noBody },
      async handle({ caller, params }) {
        await apis.remove(caller.actor, params.id)
        return { body: undefined }
      },
    }),
  ]
}

function clientsOfApis({ apis, managementApi }: ApiRoutesDeps): Route[] {
  return [
    route({
      method: 'PUT',
      path: '/apis/:id/clients/:client_id',
      summary: 'Says which scopes a client may ask for at an API, and whether it is that API.',
      permission: write,
      limit: 'api.write',
      params: ByApiClient,
      body: Allow,
      answer: { status: 200, schema: Allowed },
      async handle({ caller, params: { id: identifier, client_id }, body }) {
        if (identifier === managementApi) assertHolds(caller, body.scopes)
        await apis.allow(caller.actor, client_id, { identifier, ...body })
        return { body: { identifier, client_id, ...body } }
      },
    }),
    route({
      method: 'DELETE',
      path: '/apis/:id/clients/:client_id',
      summary: 'Takes away what a client was allowed at an API.',
      permission: write,
      limit: 'api.write',
      params: ByApiClient,
      answer: { status: 204, schema: noBody },
      async handle({ caller, params: { id, client_id } }) {
        await apis.disallow(caller.actor, client_id, id)
        return { body: undefined }
      },
    }),
  ]
}
