// Class W at every field of every body, every query and every cursor of the management API, made from its document:
// a value of another kind is refused with a pointer to it, whatever stands beside it, and nothing happens.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { type ApiAnswer, createManagement, all as most } from '../support/management.ts'
import { unchanged } from '../support/refusals.ts'

type Schema = {
  type?: string | string[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  enum?: unknown[]
  const?: unknown
  properties?: Record<string, Schema>
  items?: Schema
}
type Operation = {
  parameters?: { name: string; in: string }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
}
const document: { paths: Record<string, Record<string, Operation>> } = JSON.parse(
  readFileSync('docs/openapi.json', 'utf8'),
)
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    // An API is named by a URI, so that is what every hole is filled with
    path: path.replace(/\{[a-z_]+\}/g, 'urn:nobody'),
    body: operation.requestBody?.content['application/json']?.schema,
    queries: (operation.parameters ?? []).filter((each) => each.in === 'query').map(({ name }) => name),
  })),
)

let app: TestApp
let api: ReturnType<typeof createManagement>
let as = ''
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  api = createManagement(app.issuer)
}, 60_000)
afterAll(() => app.close())
beforeEach(async () => {
  // A client asks so much a minute, and its token is good for a quarter of an hour
  await app.advance(60)
  as = await api.machineToken(`${most} teams:read teams:write`)
})

const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value

/** The kinds that a schema takes; nothing when it takes every one. */
function kindsOf(schema: Schema): Set<string> | undefined {
  const branches = schema.anyOf ?? schema.oneOf
  if (branches) {
    const each = branches.map(kindsOf)
    return each.some((kinds) => !kinds) ? undefined : new Set(each.flatMap((kinds) => [...(kinds ?? [])]))
  }
  const named = [schema.type ?? []].flat()
  if (named.length > 0) return new Set(named.map((kind) => (kind === 'integer' ? 'number' : kind)))
  if (schema.enum) return new Set(schema.enum.map(kindOf))
  return 'const' in schema ? new Set([kindOf(schema.const)]) : undefined
}

const values = [{ not: '' }, { $gt: 0 }, ['text'], [[]], 'text', 7, -0.5, true, null]

type Wrong = { pointer: string; json: Record<string, unknown> }

/** Each field with each value of a kind that it does not take, as deep as the schema goes. */
function wrongsOf(
  schema: Schema,
  pointer: string,
  wrap: (value: unknown) => Record<string, unknown>,
): Wrong[] {
  const kinds = kindsOf(schema)
  const here = kinds
    ? values.filter((value) => !kinds.has(kindOf(value))).map((value) => ({ pointer, json: wrap(value) }))
    : []
  const branches = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]
  const inside = branches.flatMap(({ properties = {}, items }) => [
    ...Object.entries(properties).flatMap(([name, each]) =>
      wrongsOf(each, `${pointer}/${name}`, (value) => wrap({ [name]: value })),
    ),
    ...(items ? wrongsOf(items, `${pointer}/0`, (value) => wrap([value])) : []),
  ])
  return [...here, ...inside]
}

const fieldsOf = ({ properties = {} }: Schema): Wrong[] =>
  Object.entries(properties).flatMap(([name, each]) =>
    wrongsOf(each, `/${name}`, (value) => ({ [name]: value })),
  )

/** A union is refused as a whole: where it stands is said, not where in one of its branches. */
function expectPointed({ status, body, text }: ApiAnswer, pointer: string): void {
  const pointers = (body.errors ?? []).map((error) => error.pointer)
  const isMeant = (each: string) => each === pointer || each.startsWith(`${pointer}/`)
  const isAbove = (each: string) => pointer.startsWith(`${each}/`)
  expect([status, pointers.some((each) => isMeant(each) || isAbove(each)) || text]).toEqual([400, true])
}

describe('a body', () => {
  const bodies = operations.flatMap(({ body, ...operation }) => (body ? [{ ...operation, body }] : []))

  it('is asked for by enough routes, with enough fields in them', () => {
    expect(bodies.length).toBeGreaterThan(20)
    expect(bodies.flatMap(({ body }) => fieldsOf(body)).length).toBeGreaterThan(1_000)
  })

  it.each(bodies)(
    'of $name has no field that takes a value of another kind',
    async ({ method, path, body }) => {
      await unchanged(app, async () => {
        let asked = 0
        for (const { pointer, json } of fieldsOf(body)) {
          asked += 1
          if (asked % 300 === 0) await app.advance(60)
          expectPointed(await api.ask(method, path, { as, json }), pointer)
        }
      })
    },
  )

  it.each(bodies)('of $name has no field that nobody knows', async ({ method, path }) => {
    await unchanged(app, async () => {
      for (const name of ['unknown', 'constructor', 'toString', 'id~/x'])
        expectPointed(
          await api.ask(method, path, { as, json: { [name]: {} } }),
          `/${name.replace('~', '~0').replace('/', '~1')}`,
        )
      for (const json of ['{"__proto__":{"admin":true}}', '[]', '"text"', 'null', '7', '']) {
        const { status, body } = await api.ask(method, path, { as, raw: json })
        expect([json, status, body.errors?.[0]?.pointer ?? '']).toEqual([json, 400, ''])
      }
    })
  })
})

describe('a query', () => {
  it.each(operations)('of $name has no name that nobody knows, and none twice', async (operation) => {
    const { method, path, queries, body } = operation
    const sent = { as, ...(body && { json: {} }) }
    const unknown = ['unknown', 'limit[not]', '__proto__', ...(queries.includes('limit') ? [] : ['limit'])]
    await unchanged(app, async () => {
      for (const name of unknown) {
        const answer = await api.ask(method, `${path}?${encodeURIComponent(name)}=1`, sent)
        expect([name, answer.status, answer.body.errors?.length]).toEqual([name, 400, expect.any(Number)])
      }
      for (const name of queries)
        expect((await api.ask(method, `${path}?${name}=1&${name}=1`, sent)).status).toBe(400)
    })
  })
})

describe('a cursor', () => {
  const lists = operations.filter(({ queries }) => queries.includes('cursor'))

  it.each(lists)('of another list is none of $name', async ({ path }) => {
    const { body } = await api.ask('GET', '/users?limit=1', { as })
    const other = path === '/users' ? '/users?status=active&' : `${path}?`
    for (const cursor of [body.next_cursor, 'AAAA', '', '0', 'null', '__proto__'])
      expectPointed(await api.ask('GET', `${other}limit=1&cursor=${cursor}`, { as }), '/cursor')
  })
})
