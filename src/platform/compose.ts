// Owns how the writes of one request become one SQL statement, so that they commit together or not at all.
import { sqlState } from './database-errors.ts'
import type { Statement } from './postgres.ts'

type SqlType = 'text' | 'bytea' | 'jsonb' | 'timestamptz' | 'uuid' | 'int' | 'text[]' | 'timestamptz[]'
/** Takes a value and its type, gives the placeholder that stands for it. */
export type Bind = (value: unknown, type: SqlType) => string

export type Write = {
  /** The row it writes; a later write of the same row takes the place of an earlier one. */
  row: string
  /** Names the SQL text: the same shape always makes the same text. */
  shape: string
  /**
   * A guard is a compare-and-set that must hit exactly one row; otherwise nothing of the unit is written.
   * Every other write must end in a WHERE clause to which the gate is added.
   */
  guard: boolean
  /** Written although the handler refused the request: revocations and sessions, never new tokens. */
  survivesRefusal: boolean
  sql(bind: Bind): string
  /** Evaluated for each row that it writes, such as the call that leaves a job. */
  also?(bind: Bind): string
}

const prepared = new Map<string, { name: string; text: string }>()

/**
 * PostgreSQL keeps prepared statements by name; a name must always mean the same text. The very same string, so that
 * pg need not compare a text that was put together anew with the one it has sent.
 */
function preparedOf(shape: string, text: string): { name: string; text: string } {
  let known = prepared.get(shape)
  if (!known) {
    known = { name: `unit_${prepared.size}`, text }
    prepared.set(shape, known)
  }
  return known
}

const divisionByZero = '22012'

/** Whether the statement failed because one of several guards met no row, and took back what the others wrote. */
export const isTakenBack = (error: unknown): boolean => sqlState(error) === divisionByZero

/**
 * One statement out of many writes: guards first, then a gate that is true when each of them hit its row,
 * then the rest behind the gate. Answers one row `{ ok }`. PostgreSQL runs every guard, whatever became of the
 * others: where there are several, a division by the gate fails when one met no row, see isTakenBack.
 */
export function compose(writes: readonly Write[]): Statement {
  const values: unknown[] = []
  const bind: Bind = (value, type) => {
    values.push(type === 'jsonb' ? JSON.stringify(value) : value)
    return `$${values.length}::${type}`
  }

  const guards = writes.filter((write) => write.guard)
  const rest = writes.filter((write) => !write.guard)
  const parts = guards.map(
    (write, index) => `g${index} AS (${write.sql(bind)} RETURNING ${write.also?.(bind) ?? '1'})`,
  )
  const hits = guards.map((_, index) => `(SELECT count(*) FROM g${index}) = 1`)
  parts.push(`gate AS (SELECT ${hits.join(' AND ') || 'true'} AS ok)`)
  rest.forEach((write, index) => {
    const also = write.also ? ` RETURNING ${write.also(bind)}` : ''
    parts.push(`w${index} AS (${write.sql(bind)} AND (SELECT ok FROM gate)${also})`)
  })

  const shape = [...guards, ...rest].map((write) => write.shape).join(' ')
  const answer = guards.length > 1 ? '1 / ok::int = 1 AS ok' : 'ok'
  return { ...preparedOf(shape, `WITH ${parts.join(', ')} SELECT ${answer} FROM gate`), values }
}
