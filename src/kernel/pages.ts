// Owns pages of long lists: how many rows, where the next one begins, and that a cursor is one of ours.
import { type FieldError, invalidInput } from './errors.ts'
import { isId } from './secrets.ts'

export type PageOptions = { cursor?: string; limit?: number }
export type Page<Row> = { data: Row[]; nextCursor: string | null }

const longest = 100

const badCursor: FieldError = {
  pointer: '/cursor',
  code: 'invalid',
  detail: 'Take the cursor from the answer before, unchanged.',
}

/** What to ask the database for: one row more than is shown, since that tells whether there is a next page. */
export function readPage({ cursor, limit = 50 }: PageOptions): { after?: string; take: number } {
  if (cursor !== undefined && !isId(cursor)) throw invalidInput([badCursor])
  const take = Math.min(Math.max(1, limit), longest) + 1
  return { ...(cursor !== undefined && { after: cursor }), take }
}

/** The rows that were found for `readPage`, as a page; the cursor is the id of its last row. */
export function pageOf<Row>(
  rows: readonly Row[],
  { take }: { take: number },
  idOf: (row: Row) => string,
): Page<Row> {
  const data = rows.slice(0, take - 1)
  const last = data.at(-1)
  return { data, nextCursor: rows.length === take && last !== undefined ? idOf(last) : null }
}
