// Classes W and X at the management API: whatever is sent to whichever route, the answer is a problem that shows no
// internals.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { all, createManagement } from '../support/management.ts'
import { internals } from '../support/refusals.ts'

type Schema = { properties?: Record<string, unknown> }
type Operation = {
  parameters?: { name?: string; in?: string }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
}
const document: { paths: Record<string, Record<string, Operation>> } = JSON.parse(
  readFileSync('docs/openapi.json', 'utf8'),
)
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => [method.toUpperCase(), path, operation] as const),
)

let app: TestApp
let api: ReturnType<typeof createManagement>
let machine = ''
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  api = createManagement(app.issuer)
  machine = await api.machineToken(all)
})
afterAll(() => app.close())

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    '',
    'admin',
    'a@b.example',
    { not: '' },
    [],
    null,
    '<img src=x>',
    "' OR 1=1 --",
    '٣٤',
    1e308,
  ),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.jsonValue({ maxDepth: 2 }),
)
const text = fc.oneof(
  fc.constantFrom(
    '',
    '%00',
    '%ED%A0%80',
    '%',
    '..%2f',
    'x'.repeat(3000),
    '0',
    '-1',
    '1e400',
    '[]',
    '%F0%9F%92%A9',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }).map((value) => encodeURIComponent(value.toWellFormed())),
)
const runs = { numRuns: Number(process.env.FOYER_FUZZ_RUNS ?? 25) }

describe('the management API', () => {
  it.each(operations)('%s %s answers whatever it is sent', async (method, path, operation) => {
    const fields = Object.keys(operation.requestBody?.content['application/json']?.schema.properties ?? {})
    const queries = (operation.parameters ?? []).flatMap(({ name, in: place }) =>
      place === 'query' && name ? [name] : [],
    )
    const asked = fc.record({
      ids: fc.array(text, { minLength: 2, maxLength: 2 }),
      query: fc.dictionary(fc.constantFrom(...queries, 'unknown', '__proto__'), text, { maxKeys: 3 }),
      json: fc.dictionary(fc.constantFrom(...fields, 'unknown', 'constructor'), odd, { maxKeys: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(asked, async ({ ids, query, json }) => {
        const place = path
          .replace(/\{[a-z_]+\}/, () => ids[0] || 'x')
          .replace(/\{[a-z_]+\}/, () => ids[1] || 'x')
        const search = Object.entries(query).map(([name, value]) => `${name}=${value}`)
        const target = search.length > 0 ? `${place}?${search.join('&')}` : place
        const bodiless = method === 'GET' || method === 'DELETE'
        const answer = await api.ask(method, target, { as: machine, json: bodiless ? undefined : json })
        const about = `${method} ${target} ${JSON.stringify(json)}`
        expect(answer.status, about).toBeLessThan(500)
        expect(answer.headers.get('cache-control'), about).toBe('no-store')
        if (answer.status >= 400) expect(answer.text, about).not.toMatch(internals)
      }),
      runs,
    )
  })
})
