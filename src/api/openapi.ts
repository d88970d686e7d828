// Owns the OpenAPI 3.1 document of the management API, made from the declarations of its routes. It says the same in
// every installation: addresses are relative to its own.
import { z } from 'zod'
import { managementScopes } from '../features/clients/first-party.ts'
import { Api } from './apis.ts'
import { Client } from './clients.ts'
import { Key } from './keys.ts'
import { Fact } from './records.ts'
import type { Route } from './route.ts'
import { InvitationShown, MemberShown, TeamShown } from './teams-schema.ts'
import { User, UserSession } from './users-schema.ts'
import { DeliveryShown, WebhookShown } from './webhooks.ts'

export type JsonSchema = Record<string, unknown>
export type Operation = Record<string, unknown> & { operationId: string }
export type OpenApi = {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, JsonSchema> }
} & Record<string, unknown>

/** RFC 9457, and the members that Foyer adds. */
const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string().optional(),
  instance: z.string(),
  errors: z.array(z.object({ pointer: z.string(), code: z.string(), detail: z.string() })).optional(),
})

const named = {
  User,
  Session: UserSession,
  Team: TeamShown,
  Member: MemberShown,
  Invitation: InvitationShown,
  Client,
  Api,
  Fact,
  Key,
  Webhook: WebhookShown,
  WebhookDelivery: DeliveryShown,
  Problem,
}
const nameOf = new Map<z.core.$ZodType, string>(Object.entries(named).map(([name, schema]) => [schema, name]))

type Side = 'input' | 'output'

/** What has a name is referred to, but where it is described itself. */
function schemaOf(schema: z.ZodType, io: Side, itself?: string): JsonSchema {
  const { $schema: _, ...made } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const name = nameOf.get(zodSchema)
      if (name !== undefined && name !== itself && io === 'output') {
        for (const member of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, member)
        jsonSchema.$ref = `#/components/schemas/${name}`
      }
      // The format says it shorter
      if (jsonSchema.format !== undefined) Reflect.deleteProperty(jsonSchema, 'pattern')
    },
  })
  return made
}

function parametersOf(schema: z.ZodType, place: 'path' | 'query'): object[] {
  const { properties = {}, required = [] } = schemaOf(schema, 'input')
  const wanted = new Set(required as string[])
  return Object.entries(properties as object).map(([name, of]) => ({
    name,
    in: place,
    required: place === 'path' || wanted.has(name),
    schema: of,
  }))
}

const reference = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` })
const json = (schema: JsonSchema) => ({ 'application/json': { schema } })

function answersOf({ answer, paged, versioned }: Route): object {
  const headers = {
    RateLimit: reference('headers', 'RateLimit'),
    'RateLimit-Policy': reference('headers', 'RateLimit-Policy'),
    ...(paged && { Link: reference('headers', 'Link') }),
    ...(versioned && { ETag: reference('headers', 'ETag') }),
  }
  const hasBody = answer.status !== 204
  return {
    [answer.status]: {
      description: hasBody ? 'Done' : 'Done; there is nothing to show',
      headers,
      ...(hasBody && {
        content: { [answer.type ?? 'application/json']: { schema: schemaOf(answer.schema, 'output') } },
      }),
    },
    401: reference('responses', 'Unauthenticated'),
    403: reference('responses', 'Unauthenticated'),
    429: reference('responses', 'Limited'),
    '4XX': reference('responses', 'Problem'),
    '5XX': reference('responses', 'Problem'),
  }
}

/** `GET /users/:id/sessions` is `get_users_id_sessions`. */
const idOf = ({ method, path }: Route): string =>
  `${method.toLowerCase()}${path.replaceAll(/[/:-]+/g, '_')}`.replaceAll('__', '_')

const reachInWords = {
  installation: 'Administrators and clients.',
  account: 'Administrators and clients; everybody for their own account.',
  own: 'Administrators and clients; everybody for what is their own.',
} as const

function operationOf(route: Route): Operation {
  const { method, summary, permission, params, query, body, versioned, answer } = route
  const parameters = [
    ...parametersOf(params, 'path'),
    ...parametersOf(query, 'query'),
    ...(method === 'POST' ? [reference('parameters', 'Idempotency-Key')] : []),
    ...(versioned && method !== 'GET' ? [reference('parameters', 'If-Match')] : []),
    ...(answer.type === undefined ? [] : [reference('parameters', 'Last-Event-ID')]),
  ]
  return {
    operationId: idOf(route),
    summary,
    description: reachInWords[permission.reach],
    tags: [tagOf(route)],
    security: [{ foyer: [permission.scope] }],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: json(schemaOf(body, 'input')) } }),
    responses: answersOf(route),
  }
}

export const tagOf = ({ path }: Pick<Route, 'path'>): string => path.split('/')[1] ?? ''
/** RFC 6570, as OpenAPI writes paths. */
export const templateOf = (path: string): string => path.replaceAll(/:([a-z_]+)/g, '{$1}')

const text = { type: 'string' }
const problem = { 'application/problem+json': { schema: reference('schemas', 'Problem') } }

const components = () => {
  const scopes = Object.fromEntries(managementScopes.map((scope) => [scope, scope.replace(':', ': ')]))
  const flow = { tokenUrl: '/oauth2/token', scopes }
  return {
    schemas: Object.fromEntries(
      Object.entries(named).map(([name, schema]) => [name, schemaOf(schema, 'output', name)]),
    ),
    securitySchemes: {
      foyer: {
        type: 'oauth2',
        description: 'An access token whose audience is this API.',
        flows: {
          clientCredentials: flow,
          authorizationCode: { ...flow, authorizationUrl: '/oauth2/authorize' },
        },
      },
    },
    parameters: {
      'Idempotency-Key': {
        name: 'Idempotency-Key',
        in: 'header',
        description: 'The same key with the same request gets the first answer again, for a day.',
        schema: { type: 'string', minLength: 1, maxLength: 255 },
      },
      'If-Match': {
        name: 'If-Match',
        in: 'header',
        description: 'The ETag that was read: another version is not changed (412).',
        schema: text,
      },
      'Last-Event-ID': {
        name: 'Last-Event-ID',
        in: 'header',
        description: 'The id of the event that was heard last: the stream goes on behind it.',
        schema: text,
      },
    },
    headers: {
      RateLimit: { description: 'What is left, and when it is whole again.', schema: text },
      'RateLimit-Policy': { description: 'The limit and its window in seconds.', schema: text },
      Link: { description: 'The next page, with rel="next"; not there on the last one.', schema: text },
      ETag: { description: 'The version, for If-Match.', schema: text },
      'WWW-Authenticate': { description: 'What is wrong with the token (RFC 6750).', schema: text },
      'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } },
    },
    responses: {
      Problem: { description: 'What is wrong, and with which field', content: problem },
      Unauthenticated: {
        description: 'The token is missing, not good any more, or does not allow this',
        headers: { 'WWW-Authenticate': reference('headers', 'WWW-Authenticate') },
        content: problem,
      },
      Limited: {
        description: 'Too many requests',
        headers: { 'Retry-After': reference('headers', 'Retry-After') },
        content: problem,
      },
    },
  }
}

export function openApiOf(routes: readonly Route[], version: string): OpenApi {
  const paths: OpenApi['paths'] = {}
  for (const route of routes) {
    const template = templateOf(route.path)
    paths[template] = { ...paths[template], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Foyer management API',
      version,
      description: 'People, clients and what they may do. Lists page by cursor; problems are RFC 9457.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/api/v1' }],
    tags: [...new Set(routes.map(tagOf))].map((name) => ({ name })),
    paths,
    components: components(),
  }
}
