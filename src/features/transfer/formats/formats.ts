// Owns which formats an import reads, and how one is told from the beginning of a file.
import type { Item } from '../item.ts'
import { readJsonLines } from '../json-lines.ts'
import { readAuth0 } from './auth0.ts'
import { readCsv } from './csv.ts'
import { isObject } from './document.ts'
import { readKeycloak } from './keycloak.ts'
import { readLogto } from './logto.ts'

type Read = (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Item>

const readers = {
  foyer: readJsonLines,
  keycloak: readKeycloak,
  logto: readLogto,
  auth0: readAuth0,
  csv: readCsv,
} as const satisfies Record<string, Read>

export type Format = keyof typeof readers
export const formats = Object.keys(readers) as Format[]

const headBytes = 64 * 1024

export async function* readItems(bytes: AsyncIterable<Uint8Array>, named?: Format): AsyncGenerator<Item> {
  if (named) return yield* readers[named](bytes)
  const { head, all } = await peek(bytes)
  yield* readers[guess(head)](all)
}

/** The first bytes as text, and a stream that still has them. */
async function peek(bytes: AsyncIterable<Uint8Array>) {
  const stream = bytes[Symbol.asyncIterator]()
  const seen: Uint8Array[] = []
  for (let length = 0; length < headBytes; ) {
    const next = await stream.next()
    if (next.done) break
    // A copy, since whoever sent the chunk may write over it
    seen.push(next.value.slice())
    length += next.value.length
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    yield* seen
    yield* { [Symbol.asyncIterator]: () => stream }
  }
  return { head: Buffer.concat(seen).subarray(0, headBytes).toString(), all: all() }
}

/** Foyer's own lines where nothing else is clear: those say best what is wrong with them. */
export function guess(head: string): Format {
  const text = head.replace(/^\uFEFF/, '').trimStart()
  const [firstLine = ''] = text.split('\n')
  if (text.startsWith('[')) return 'logto'
  if (!text.startsWith('{')) return /(^|,)\s*"?email"?\s*(,|$)/i.test(firstLine.trim()) ? 'csv' : 'foyer'
  const first = objectIn(firstLine)
  if (first && 'type' in first) return 'foyer'
  if (first && 'email' in first && ('passwordHash' in first || 'user_id' in first || 'id' in first))
    return 'auth0'
  if (/"realm"\s*:/.test(text) && /"(users|clients|groups|enabled)"\s*:/.test(text)) return 'keycloak'
  return /"(primaryEmail|applications|organizations)"\s*:/.test(text) ? 'logto' : 'foyer'
}

function objectIn(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
