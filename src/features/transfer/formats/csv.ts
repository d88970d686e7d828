// Owns plain CSV with a row of names on top: each column is a member of a user's record.
import { pipeline, Readable } from 'node:stream'
import { parse } from 'csv-parse'
import { AppError, invalidInput } from '../../../kernel/errors.ts'
import { checkText } from '../../../kernel/input.ts'
import type { Item } from '../item.ts'
import { longestLine } from '../lines.ts'

type Row = { record: string[]; info: { lines: number } }

const flags = ['email_verified', 'phone_number_verified', 'vouched', 'system']
const addressParts = ['formatted', 'street_address', 'locality', 'region', 'postal_code', 'country']

/** The line of a row is the one it ends in. */
export async function* readCsv(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Item> {
  const skipped: Item[] = []
  const rows = parse({
    bom: true,
    info: true,
    trim: true,
    skip_empty_lines: true,
    // Counted below, so that a row with a cell too many is refused by itself
    relax_column_count: true,
    max_record_size: longestLine,
    skip_records_with_error: true,
    on_skip: (error) => {
      skipped.push({ line: Number(error?.lines ?? 0), refused: error?.message ?? 'is no CSV' })
      return undefined
    },
  })
  // What goes wrong on either side reaches whoever reads the rows
  pipeline(Readable.from(bytes, { objectMode: false }), rows, () => undefined)
  let names: string[] | undefined
  for await (const { record, info } of rows as AsyncIterable<Row>) {
    yield* skipped.splice(0)
    if (names) yield itemOf(names, record, info.lines)
    else names = headOf(record)
  }
  yield* skipped
}

function headOf(record: readonly string[]): string[] {
  const names = record.map((name) => name.trim().toLowerCase())
  if (names.includes('email') && new Set(names).size === names.length) return names
  throw invalidInput([
    {
      pointer: '',
      code: 'invalid',
      detail: 'The first row of a CSV file names its columns, email among them.',
    },
  ])
}

function itemOf(names: readonly string[], record: readonly string[], line: number): Item {
  if (record.length !== names.length) {
    return { line, refused: `has ${record.length} cells under ${names.length} names` }
  }
  try {
    const cells = names.map((name, index): [string, string] => [name, checked(record[index] ?? '')])
    return { line, value: recordOf(cells.filter(([, cell]) => cell !== '')) }
  } catch (error) {
    if (error instanceof AppError) return { line, refused: 'holds what is no text in UTF-8' }
    throw error
  }
}

/** The parser puts U+FFFD in the place of what is no UTF-8. */
const checked = (cell: string): string => checkText(cell.replaceAll('\uFFFD', '\0'))

function recordOf(cells: readonly [name: string, cell: string][]): object {
  const members = cells.flatMap(([name, cell]) =>
    name.startsWith('address.') ? [] : [[name, typed(name, cell)]],
  )
  const address = addressParts.flatMap((part) => {
    const cell = cells.find(([name]) => name === `address.${part}`)?.[1]
    return cell === undefined ? [] : [[part, cell]]
  })
  const unknown = cells.filter(
    ([name]) => name.startsWith('address.') && !addressParts.includes(name.slice(8)),
  )
  return Object.fromEntries([
    ['type', 'user'],
    ...members,
    ...unknown,
    ...(address.length > 0 ? [['address', Object.fromEntries(address)]] : []),
  ])
}

function typed(name: string, cell: string): unknown {
  if (name === 'roles') return cell.split(/[\s,;]+/).filter((role) => role !== '')
  if (!flags.includes(name)) return cell
  const said = cell.toLowerCase()
  if (['true', 'yes', '1'].includes(said)) return true
  return ['false', 'no', '0'].includes(said) ? false : cell
}
