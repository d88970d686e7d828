// Owns cursors: where the next page begins, sealed against change and bound to the list, the filters and the caller
// that it was made for. It holds nothing that its reader has not seen.
import { createHmac, type KeyObject } from 'node:crypto'
import { type FieldError, invalidInput } from '../kernel/errors.ts'
import { sameHash } from '../kernel/secrets.ts'

export type Cursors = ReturnType<typeof createCursors>

const macBytes = 16

export function createCursors(key: KeyObject) {
  const macOf = (after: string, place: unknown): Buffer =>
    createHmac('sha256', key)
      .update(JSON.stringify([after, place]))
      .digest()
      .subarray(0, macBytes)

  const seal = (after: string, place: unknown): string =>
    Buffer.concat([macOf(after, place), Buffer.from(after)]).toString('base64url')

  function open(cursor: string, place: unknown): string {
    const bytes = Buffer.from(cursor, 'base64url')
    const after = bytes.subarray(macBytes).toString('utf8')
    if (bytes.toString('base64url') !== cursor) throw invalidInput([foreign])
    if (!sameHash(bytes.subarray(0, macBytes), macOf(after, place))) throw invalidInput([foreign])
    return after
  }

  return { seal, open }
}

const foreign: FieldError = {
  pointer: '/cursor',
  code: 'invalid',
  detail: 'Take the cursor from the answer before, unchanged and with the same filters.',
}
