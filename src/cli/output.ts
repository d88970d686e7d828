// Owns how commands speak: data on stdout, words on stderr, and what an error is called in words.
import { ConfigError } from '../config/load.ts'
import { AppError } from '../kernel/errors.ts'

export type Row = Record<string, unknown>

export type Output = {
  /** Data for a script: one JSON document with --json, else the text. */
  data(value: Row | Row[], text: string): void
  /** Rows for people: a table without --json. */
  rows(rows: Row[]): void
  /** Words for whoever watches; never needed by a script. */
  say(words: string): void
}

export function createOutput(
  { writeOut, writeError }: { writeOut: (text: string) => void; writeError: (text: string) => void },
  { json }: { json: boolean },
): Output {
  const data: Output['data'] = (value, text) => writeOut(`${json ? JSON.stringify(value) : text}\n`)
  return {
    data,
    rows: (rows) => {
      if (json || rows.length > 0) data(rows, table(rows))
    },
    say: (words) => writeError(`${words}\n`),
  }
}

/** Columns that line up, headed by the names of the first row's members. */
export function table(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {})
  const lines = [names, ...rows.map((row) => names.map((name) => cell(row[name])))]
  const widths = names.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  return lines
    .map((line) =>
      line
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function cell(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-'
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(' ')
  return plain(String(value))
}

/** What somebody else wrote must not steer the operator's terminal. */
export const plain = (text: string): string => text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, '\uFFFD')

/** What a refusal says to an operator; codes are stable, sentences are not. */
const sentences: Record<string, string> = {
  account_not_found: 'There is no such account.',
  already_member: 'This account belongs to the team already.',
  busy: 'Foyer is busy. Try again in a moment.',
  conflict: 'Somebody else was faster. Look at what is there now, and try again.',
  client_not_found: 'There is no such client.',
  database_unavailable: 'The database does not answer.',
  email_taken: 'An account with this address exists.',
  last_administrator: 'Nobody would administer Foyer any more. Make somebody else an administrator first.',
  not_found: 'There is nothing of that name.',
  precondition_failed: 'Somebody has changed it meanwhile. Run this again on what is there now.',
  role_not_found: 'There is no such role.',
  team_not_found: 'There is no such team.',
  team_slug_taken: 'A team with this name exists.',
  username_taken: 'An account with this user name exists.',
}

export function wordsOf(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  if (!(error instanceof AppError)) return error instanceof Error ? error.message : String(error)
  const fields = (error.details.errors ?? []).map(({ pointer, detail }) =>
    pointer === '' ? detail : `${pointer}: ${detail}`,
  )
  return fields.length > 0 ? fields.join('\n') : (sentences[error.code] ?? error.code)
}
