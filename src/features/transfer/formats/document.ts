// Owns documents that are one JSON value: read whole, with the line in which each element of a list begins.
import { invalidInput } from '../../../kernel/errors.ts'

export type Json = Readonly<Record<string, unknown>>
export type Element = { line: number; at: string; value: Json }

const token = /"(?:[^"\\]|\\.)*"|[{}[\]\n]/g

const notRead = (detail: string) => invalidInput([{ pointer: '', code: 'invalid', detail }])

export async function readText(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of bytes) chunks.push(chunk)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw notRead('The file is not UTF-8.')
  }
}

export function parseDocument(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw notRead(`The file is not JSON: ${cause instanceof Error ? cause.message.slice(0, 200) : ''}`)
  }
}

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The elements of a list in the document, `name` being '' for a document that is a list itself. */
export function elementsOf(text: string, document: unknown, name: string): Element[] {
  const list = name === '' ? document : isObject(document) ? document[name] : undefined
  if (!Array.isArray(list)) return []
  const lines = linesOfElements(text, name)
  return list.map((value, index) => ({
    line: lines[index] ?? 1,
    at: `${name === '' ? '' : `/${name}`}/${index}`,
    value: isObject(value) ? value : {},
  }))
}

/** Walks the brackets of a text that JSON.parse has accepted. */
function linesOfElements(text: string, name: string): number[] {
  const found: number[] = []
  const inside = name === '' ? 1 : 2
  let [line, depth, list, last] = [1, 0, name === '' ? inside : 0, '']
  for (const { 0: part } of text.matchAll(token)) {
    if (part === '\n') line += 1
    else if (part === '{' || part === '[') {
      if (depth === inside && list === inside) found.push(line)
      depth += 1
      if (part === '[' && depth === inside && last === name) list = inside
    } else if (part === '}' || part === ']') {
      depth -= 1
      if (depth < inside && name !== '') list = 0
    } else if (depth === inside - 1) last = part.slice(1, -1)
  }
  return found
}
