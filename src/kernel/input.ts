// Owns the texts that come from outside, whichever way: strict JSON, and values in a known shape, with refusals that
// point at every field to correct.
import type { z } from 'zod'
import { AppError, type FieldError, invalidInput } from './errors.ts'

export const invalidRequest = (cause?: unknown) => new AppError('invalid', 'invalid_request', { cause })

/** The value in the schema's shape; else a refusal that points at every field to correct. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw invalidInput(result.error.issues.flatMap(fieldErrors))
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  const { code, message, path } = issue
  if (issue.code !== 'unrecognized_keys') {
    const detail = message.endsWith('received undefined') ? 'is missing' : message
    return [{ pointer: pointerTo(path), code, detail }]
  }
  return issue.keys.map((key) => ({
    pointer: pointerTo([...path, key]),
    code,
    detail: 'is not known: remove it',
  }))
}

// RFC 6901 §3: ~ and / are escaped.
const pointerTo = (path: readonly PropertyKey[]): string =>
  path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

// PostgreSQL stores neither NUL nor half a surrogate pair.
export function checkText(text: string): string {
  if (text.includes('\0') || !text.isWellFormed()) throw invalidRequest()
  return text
}

const maxDepth = 32
const jsonToken = /"(?:[^"\\]|\\.)*"|[{}[\]]/g

/** JSON.parse, which lets the last of two equal names win, with the rest of the rules for input. */
export function parseJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw invalidRequest(cause)
  }
  assertJsonIsPlain(text)
  return value
}

// Walks the tokens of a text that JSON.parse has accepted.
function assertJsonIsPlain(text: string): void {
  const open: (Set<string> | undefined)[] = []
  for (const { 0: token, index } of text.matchAll(jsonToken)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : undefined) > maxDepth) throw invalidRequest()
    } else if (token === '}' || token === ']') {
      open.pop()
    } else {
      const content = checkText(String(JSON.parse(token)))
      if (isName(text, index + token.length)) addName(open.at(-1), content)
    }
  }
}

function isName(text: string, end: number): boolean {
  let at = end
  while (' \t\n\r'.includes(text[at] ?? '-')) at += 1
  return text[at] === ':'
}

function addName(names: Set<string> | undefined, name: string): void {
  if (name === '__proto__' || names?.has(name)) throw invalidRequest()
  names?.add(name)
}
