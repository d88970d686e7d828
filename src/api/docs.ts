// Owns what strangers may read of the management API: its OpenAPI document, and the same as a page that needs no
// script. Neither tells anything of this installation.
import type Koa from 'koa'
import { allowCrossOrigin } from '../web/headers.ts'
import type { Renderer } from '../web/render.ts'
import type { ApiGroup, ApiOperation } from '../web/views.ts'
import { type JsonSchema, type OpenApi, tagOf, templateOf } from './openapi.ts'
import type { Route } from './route.ts'
import { apiPath } from './router.ts'

export type DocsDeps = { document: OpenApi; routes: readonly Route[]; renderer: Renderer; issuer: string }

export const documentPath = `${apiPath}/openapi.json`
const pagePath = '/api/docs'
const maxAgeSeconds = 300

export function describeApi({ document, routes, renderer, issuer }: DocsDeps): Koa.Middleware {
  const json = JSON.stringify(document)
  const view = {
    base: issuer + apiPath,
    document: documentPath,
    groups: groupsOf(document, routes),
    schemas: Object.entries(document.components.schemas).map(([name, schema]) => ({
      name,
      text: JSON.stringify(schema, null, 2),
    })),
  }
  return async function describeApi(ctx, next) {
    const isOurs = ctx.path === documentPath || ctx.path === pagePath
    if (!isOurs || !['GET', 'HEAD'].includes(ctx.method)) return next()
    ctx.state.route = ctx.path
    if (ctx.path === pagePath) {
      return renderer.page(ctx, 'dev/api', view)
    }
    ctx.set('Cache-Control', `public, max-age=${maxAgeSeconds}`)
    ctx.set('Access-Control-Allow-Origin', '*')
    allowCrossOrigin(ctx)
    ctx.type = 'application/json'
    ctx.body = json
  }
}

function groupsOf(document: OpenApi, routes: readonly Route[]): ApiGroup[] {
  const names = [...new Set(routes.map(tagOf))]
  return names.map((name) => ({
    name,
    operations: routes.filter((route) => tagOf(route) === name).map((route) => operationOf(document, route)),
  }))
}

type Described = {
  operationId: string
  description?: string
  parameters?: { $ref?: string; name?: string; in?: string; required?: boolean; schema?: JsonSchema }[]
  requestBody?: { content: Record<string, { schema: JsonSchema }> }
  responses?: Record<string, { content?: Record<string, { schema: JsonSchema }> }>
}

function operationOf({ paths }: OpenApi, route: Route): ApiOperation {
  const path = templateOf(route.path)
  const described = paths[path]?.[route.method.toLowerCase()] as Described
  const parameters = (described.parameters ?? []).map(({ $ref, name, in: place, required, schema }) => ({
    name: name ?? $ref?.split('/').at(-1) ?? '',
    place: place ?? 'header',
    required: required ?? false,
    kind: kindOf(schema ?? { type: 'string' }),
  }))
  const body = described.requestBody?.content['application/json']?.schema
  const answer = described.responses?.[route.answer.status]?.content?.['application/json']?.schema
  return {
    id: described.operationId,
    method: route.method,
    path,
    summary: route.summary,
    who: described.description ?? '',
    scope: route.permission.scope,
    parameters,
    body: body && JSON.stringify(body, null, 2),
    status: route.answer.status,
    answer: answer && JSON.stringify(answer, null, 2),
  }
}

function kindOf({ type, format, enum: values, $ref }: JsonSchema): string {
  if (Array.isArray(values)) return values.length > 8 ? 'one of many names' : values.join(', ')
  return [
    type ??
      String($ref ?? 'any')
        .split('/')
        .at(-1),
    format,
  ]
    .filter(Boolean)
    .join(', ')
}
