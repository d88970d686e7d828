// Owns what a route of the management API is: a declaration, from which the router, its refusals and the OpenAPI
// document are made. One that does not say who may use it ends the boot.
import { z } from 'zod'
import type { RateName } from '../config/limits.ts'
import { managementScopes } from '../features/clients/first-party.ts'
import { parse } from '../web/input.ts'
import type { Caller, Permission } from './caller.ts'
import type { Cursors } from './cursor.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** What came in, as it came in. */
export type Raw = { params: unknown; query: unknown; body: unknown }

export type Ask<Params, Query, Body> = {
  caller: Caller
  params: Params
  query: Query
  body: Body
  /** Of If-Match: the versions of which one must still be there. Nothing when none was named. */
  expected: readonly Date[] | undefined
  /** Of the request, for the audit log. */
  origin: { requestId: string; address: string; addressPrefix: string; device: string }
  /** Of the sender, as far as a mail needs one. */
  language: string
}

export type Reply<Body> = {
  body: Body
  /** When what is shown was last changed: its ETag. */
  version?: Date
  /** Where what was made is found, below the API. */
  location?: string
  /** The cursor of the page after this one. */
  next?: string | null
}

export type AskedBy = Omit<Ask<never, never, never>, 'params' | 'query' | 'body'> & {
  cursors: Cursors
  /** For an answer that goes on: whether the token would be let in now. */
  isStillAllowed: () => Promise<boolean>
  /** As the header says it; empty when there is none. */
  lastEventId: string
}

type Declaration<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Out extends z.ZodType,
> = {
  method: Method
  path: string
  summary: string
  permission: Permission
  limit: RateName
  /** A person must have signed in so many seconds ago at most (RFC 9470). */
  signInWithin?: number
  /** Its answer has an ETag, and its change heeds If-Match. */
  versioned?: boolean
  params?: Params
  query?: Query
  body?: Body
  answer: { status: number; schema: Out }
  handle(ask: Ask<z.output<Params>, z.output<Query>, z.output<Body>>): Promise<Reply<z.input<Out>>>
}

export type Route = Pick<
  Declaration<z.ZodType, z.ZodType, z.ZodType, z.ZodType>,
  'method' | 'path' | 'summary' | 'permission' | 'limit' | 'signInWithin' | 'versioned'
> & {
  /** Of another type than JSON only where it says so: stream-route.ts. */
  answer: { status: number; schema: z.ZodType; type?: string }
  params: z.ZodType
  query: z.ZodType
  body: z.ZodType | undefined
  paged: boolean
  /** Reads what came in, refusing what is wrong with it, and gives what is left to do. */
  prepare(raw: Raw, by: AskedBy): () => Promise<Reply<unknown>>
}

const nothing = z.strictObject({})
/** For an answer without a body. */
export const noBody = z.undefined()
/** What names a thing in a path: an id of ours or a client's. */
export const Id = z.string().regex(/^[\x21-\x7e]{1,200}$/, 'must be an id')
export const ById = z.strictObject({ id: Id })

export function route<
  Params extends z.ZodType = typeof nothing,
  Query extends z.ZodType = typeof nothing,
  Body extends z.ZodType = typeof nothing,
  Out extends z.ZodType = typeof noBody,
>(declared: Declaration<Params, Query, Body, Out>): Route {
  const { params = nothing, query = nothing, handle, answer } = declared
  return {
    ...declared,
    params,
    query,
    body: declared.body,
    paged: false,
    prepare(raw, by) {
      const ask = {
        ...by,
        params: parse(params, raw.params) as z.output<Params>,
        query: parse(query, raw.query) as z.output<Query>,
        body: parse(declared.body ?? nothing, raw.body) as z.output<Body>,
      }
      return async () => {
        const reply = await handle(ask)
        // What the declaration does not name does not leave
        return { ...reply, body: answer.schema.parse(reply.body) }
      }
    },
  }
}

export type Page<Item> = { data: Item[]; nextCursor: string | null }

/** A page of a list that is read as a whole, being short and in one order. Its cursor counts what came before. */
export function pageOf<Item>(
  all: readonly Item[],
  { limit, cursor = '0' }: { limit: number; cursor?: string },
): Page<Item> {
  const end = Number(cursor) + limit
  return { data: all.slice(Number(cursor), end), nextCursor: end < all.length ? String(end) : null }
}

type ListDeclaration<Params extends z.ZodType, Query extends z.ZodObject, Item extends z.ZodType> = Omit<
  Declaration<Params, Query, typeof nothing, Item>,
  'method' | 'body' | 'answer' | 'handle' | 'query'
> & {
  query?: Query
  item: Item
  list(
    ask: Ask<z.output<Params>, z.output<Query>, unknown>,
    page: { limit: number; cursor?: string },
  ): Promise<Page<z.input<Item>>>
}

const Paging = {
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().max(1000).optional(),
}

/** A route that pages by cursor: `{data, next_cursor}`, and the next page in `Link`. */
export function listRoute<
  Params extends z.ZodType = typeof nothing,
  Query extends z.ZodObject = typeof nothing,
  Item extends z.ZodType = z.ZodType,
>({ item, list, query, params, ...declared }: ListDeclaration<Params, Query, Item>): Route {
  const filters = query ?? nothing
  const schema = z.object({ data: z.array(item), next_cursor: z.string().nullable() })
  const paging = z.strictObject({ ...filters.shape, ...Paging })
  return {
    ...declared,
    method: 'GET',
    params: params ?? nothing,
    query: paging,
    body: undefined,
    paged: true,
    answer: { status: 200, schema },
    prepare(raw, by) {
      const { limit, cursor, ...rest } = parse(paging, raw.query)
      const own = parse(params ?? nothing, raw.params)
      // A cursor is good for this caller, this path and these filters
      const place = [by.caller.key, declared.path, own, rest]
      const after = cursor === undefined ? undefined : by.cursors.open(cursor, place)
      const ask = {
        ...by,
        params: own as z.output<Params>,
        query: rest as z.output<Query>,
        body: undefined,
      }
      return async () => {
        const page = await list(ask, { limit, ...(after !== undefined && { cursor: after }) })
        const next = page.nextCursor === null ? null : by.cursors.seal(page.nextCursor, place)
        return { body: schema.parse({ data: page.data, next_cursor: next }), next }
      }
    },
  }
}

/** Ends the boot: a route that says nothing about who may use it would be open to all. */
export function assertDeclared(routes: readonly Route[]): void {
  const seen = new Set<string>()
  for (const { method, path, permission } of routes) {
    const name = `${method} ${path}`
    if (!permission || !managementScopes.includes(permission.scope))
      throw new TypeError(`${name} declares no permission: say which scope it needs and how far it reaches`)
    if (permission.reach === 'account' && !path.includes('/:id'))
      throw new TypeError(`${name} reaches one account, and its path has no :id that names it`)
    if (seen.has(name)) throw new TypeError(`${name} is declared twice`)
    seen.add(name)
  }
}
