// Holds every answer of the management API that a test gets to the committed OpenAPI document.
import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { expect } from 'vitest'

type Content = Record<string, unknown>
type Response = { $ref?: string; content?: Content }
type Document = {
  paths: Record<string, Record<string, { responses: Record<string, Response> }>>
  components: { responses: Record<string, Response> }
}

const document: Document = JSON.parse(readFileSync('docs/openapi.json', 'utf8'))
const ajv = new Ajv2020({ strict: false, allErrors: true })
  .addFormat('uuid', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  .addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .addSchema(document, 'api')
const compiled = new Map<string, ValidateFunction>()

const escaped = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1')
const pointer = (...parts: string[]): string =>
  `api#/${parts.map((part) => encodeURI(escaped(part))).join('/')}`

function validatorAt(reference: string): ValidateFunction {
  const known = compiled.get(reference) ?? ajv.compile({ $ref: reference })
  compiled.set(reference, known)
  return known
}

/** The template of a path: of those that match, the one with the fewest holes. */
function templateOf(path: string): string | undefined {
  const parts = path.split('?')[0]?.split('/') ?? []
  const holes = (template: string) => template.split('{').length
  return Object.keys(document.paths)
    .filter((template) => {
      const wanted = template.split('/')
      return (
        wanted.length === parts.length &&
        wanted.every((part, at) => part.startsWith('{') || part === parts[at])
      )
    })
    .toSorted((one, other) => holes(one) - holes(other))[0]
}

/** Where the answer is described: what nobody declared is a problem all the same. */
function placeOf(method: string, path: string, status: number): string[] {
  const template = templateOf(path)
  const responses = template && document.paths[template]?.[method.toLowerCase()]?.responses
  if (!template || !responses) return ['components', 'responses', 'Problem']
  const range = `${String(status)[0]}XX`
  const key = String(status) in responses ? String(status) : range
  const reference = responses[key]?.$ref
  return reference
    ? reference.slice(2).split('/')
    : ['paths', template, method.toLowerCase(), 'responses', key]
}

function describedAt(parts: string[]): Response | undefined {
  let value: unknown = document
  for (const part of parts) value = (value as Record<string, unknown> | undefined)?.[part]
  return value as Response | undefined
}

type Asked = { method: string; path: string }
type Answered = { status: number; headers: Headers; text: string }

/** Its status is declared, its type is the one declared for it, and its body is in the schema. */
export function expectDescribed({ method, path }: Asked, { status, headers, text }: Answered): void {
  const about = `${method} ${path} answered ${status}`
  const place = placeOf(method, path, status)
  const described = describedAt(place)
  expect(described, `${about}, which is not declared`).toBeDefined()
  const type = headers.get('content-type')?.split(';')[0]
  if (!described?.content) {
    expect([type, text], about).toEqual([undefined, ''])
    return
  }
  expect(Object.keys(described.content), about).toContain(type)
  if (type === 'text/event-stream') return
  const validate = validatorAt(pointer(...place, 'content', type ?? '', 'schema'))
  const isValid = validate(JSON.parse(text))
  expect(isValid, `${about}: ${ajv.errorsText(validate.errors)} in ${text}`).toBe(true)
}
