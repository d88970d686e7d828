// Owns types of authorization details (RFC 9396): what an API registers of each, and what fits one.
import { z } from 'zod'
import { shownText } from '../../kernel/shown-text.ts'

const fieldName = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be lower case with underscores')

/** Members that every type has (RFC 9396 §2.2); oidc-provider looks at their form. */
const common: readonly string[] = ['type', 'locations', 'actions', 'datatypes', 'identifier', 'privileges']

const DetailType = z.strictObject({
  type: z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/, 'must be a name or URI without spaces'),
  /** What people read at consent. */
  title: shownText(200),
  fields: z
    .record(
      fieldName.refine((name) => !common.includes(name), 'is a member of every type'),
      z.strictObject({
        kind: z.enum(['string', 'number', 'boolean', 'object', 'array']),
        required: z.boolean().default(false),
      }),
    )
    .default({}),
})

export const DetailTypes = z
  .array(DetailType)
  .max(50)
  .refine((types) => new Set(types.map(({ type }) => type)).size === types.length, 'must name each type once')

export type DetailType = z.output<typeof DetailType>
/** With the API that it belongs to. */
export type KnownDetailType = DetailType & { api: string; apiName: string }

export type Detail = { type: string; locations?: readonly string[]; [member: string]: unknown }

const longestDetail = 2_000

/** Why a detail does not fit its type (RFC 9396 §5), or nothing. */
export function detailProblem(detail: Detail, { api, fields }: KnownDetailType): string | undefined {
  const text = JSON.stringify(detail)
  if (text.length > longestDetail) return 'is too long'
  // It is shown to people: no control characters, and none that turn a line around
  if (/[\p{Bidi_Control}]|\\[ubfnrt]/u.test(text)) return 'holds characters that cannot be shown'
  const unknown = Object.keys(detail).find((name) => !common.includes(name) && !Object.hasOwn(fields, name))
  if (unknown !== undefined) return `has no field ${unknown}`
  if (detail.locations?.some((location) => location !== api)) return 'is for another API'
  for (const [name, { kind, required }] of Object.entries(fields)) {
    if (!Object.hasOwn(detail, name)) {
      if (required) return `lacks ${name}`
    } else if (kindOf(detail[name]) !== kind) return `needs ${kind} for ${name}`
  }
  return undefined
}

const kindOf = (value: unknown): string =>
  Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
