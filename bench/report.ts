// Owns what is made of the cells: medians, ratios, the table, and which goals are reached.
import type { Cell } from './measure.ts'
import type { Scenario } from './scenarios.ts'
import type { TargetName } from './targets.ts'

export type Cells = Partial<Record<TargetName, Cell[]>>

export type Row = {
  scenario: string
  floor?: Cell
  library?: Cell
  foyer?: Cell
  /** CPU of Foyer as a multiple of the library's, and of the floor's. */
  toLibrary?: number
  toFloor?: number
}

const median = (values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]]
  return sorted.length % 2 === 1 ? high : (low + high) / 2
}

function medianCell(cells: Cell[] | undefined): Cell | undefined {
  const [first] = cells ?? []
  if (!first || !cells) return undefined
  const of = (name: keyof Cell) => median(cells.map((cell) => cell[name]))
  return {
    operations: of('operations'),
    perSecond: of('perSecond'),
    microseconds: of('microseconds'),
    databaseMicroseconds: of('databaseMicroseconds'),
    statements: of('statements'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
  }
}

/** A ratio is taken within each round, since a noisy machine is noisy for neighbours alike. */
function ratio(foyer: Cell[] | undefined, other: Cell[] | undefined): number | undefined {
  const pairs = (foyer ?? []).flatMap(({ microseconds }, round) => {
    const against = other?.[round]
    return against ? [microseconds / against.microseconds] : []
  })
  return pairs.length === 0 ? undefined : median(pairs)
}

export function rowOf({ name }: Scenario, { floor, library, foyer }: Cells): Row {
  const cells = { floor: medianCell(floor), library: medianCell(library), foyer: medianCell(foyer) }
  const ratios = { toLibrary: ratio(foyer, library), toFloor: ratio(foyer, floor) }
  const known = Object.entries({ ...cells, ...ratios }).filter(([, value]) => value !== undefined)
  return { scenario: name, ...Object.fromEntries(known) }
}

const number = (value: number | undefined, digits = 0): string =>
  value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits)

export function tableOf(rows: Row[]): string {
  const header = [
    'scenario',
    'floor µs',
    'library µs',
    'Foyer µs',
    '/library',
    '/floor',
    'req/s',
    'p50 ms',
    'p99 ms',
    'SQL',
    'PG µs',
  ]
  const lines = rows.map(({ scenario, floor, library, foyer, toLibrary, toFloor }) => [
    scenario,
    number(floor?.microseconds, 1),
    number(library?.microseconds, 1),
    number(foyer?.microseconds, 1),
    number(toLibrary, 2),
    number(toFloor, 2),
    number(foyer?.perSecond),
    number(foyer?.p50Ms, 1),
    number(foyer?.p99Ms, 1),
    number(foyer?.statements, 2),
    number(foyer?.databaseMicroseconds),
  ])
  return aligned([header, ...lines])
}

function aligned(lines: string[][]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  const pad = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)
  return lines.map((line) => line.map(pad).join('  ')).join('\n')
}

export type Goal = { goal: string; wanted: string; found: string; reached: boolean | undefined }

type Bound = { most: number } | { least: number }

function judged(goal: string, found: number | undefined, bound: Bound, digits = 2): Goal {
  const wanted = 'most' in bound ? `≤ ${bound.most}` : `≥ ${bound.least}`
  if (found === undefined || Number.isNaN(found)) return { goal, wanted, found: '–', reached: undefined }
  const reached = 'most' in bound ? found <= bound.most : found >= bound.least
  return { goal, wanted, found: found.toFixed(digits), reached }
}

// Heartbeats and jobs send a statement now and then as well, which shows in the third digit.
const roundTripsOf = (row: Row | undefined): number | undefined =>
  row?.foyer && Math.round(row.foyer.statements * 10) / 10

const inverse = (value: number | undefined) => (value === undefined ? undefined : 1 / value)

/** The performance goals that one run on one machine can show, by their numbers. */
export function goalsOf(rows: Row[], threeStatements: number | undefined): Goal[] {
  const row = (name: string): Row | undefined => rows.find(({ scenario }) => scenario === name)
  const refresh = row('refresh')
  const code = row('code flow with sign-in')
  const signIn = row('password sign-in')
  const database = refresh?.foyer?.databaseMicroseconds
  const perRefresh = database !== undefined && threeStatements ? database / threeStatements : undefined
  const hashRate = signIn?.foyer && signIn.floor ? signIn.foyer.perSecond / signIn.floor.perSecond : undefined
  return [
    judged('1 discovery: floor / Foyer', inverse(row('discovery')?.toFloor), { least: 1 }),
    judged('1 jwks: floor / Foyer', inverse(row('jwks')?.toFloor), { least: 1 }),
    judged('2 client_credentials JWT / library', row('client_credentials JWT')?.toLibrary, { most: 1 }),
    judged('3 client_credentials opaque / library', row('client_credentials opaque')?.toLibrary, {
      most: 1.2,
    }),
    judged('3 introspection / library', row('introspection')?.toLibrary, { most: 1.25 }),
    judged('3 userinfo / library', row('userinfo')?.toLibrary, { most: 1.4 }),
    judged('4 refresh, round trips', roundTripsOf(refresh), { most: 2 }, 1),
    judged('4 refresh / library', refresh?.toLibrary, { most: 1.4 }),
    judged('5 PostgreSQL per refresh / three statements', perRefresh, { most: 0.5 }),
    judged('6 code flow, round trips', roundTripsOf(code), { most: 8 }, 1),
    judged('6 code flow / library, both without a hash', code?.toLibrary, { most: 1.2 }),
    judged('8 password sign-ins / raw argon2id rate', hashRate, { least: 0.85 }),
  ]
}

export function goalTableOf(goals: Goal[]): string {
  const verdict = (reached: boolean | undefined) =>
    reached === undefined ? 'not measured' : reached ? 'reached' : 'NOT reached'
  const lines = goals.map(({ goal, wanted, found, reached }) => [goal, wanted, found, verdict(reached)])
  return aligned([['goal', 'wanted', 'found', ''], ...lines])
}
