// Owns what is made of the cells of a scenario: medians, and ratios within each round.
import type { Cell } from './measure.ts'
import type { Scenario } from './scenarios.ts'
import { median, medianRatio } from './statistics.ts'
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
    warmUpSeconds: of('warmUpSeconds'),
    warmUpOperations: of('warmUpOperations'),
  }
}

const microsecondsOf = (cells: Cell[] | undefined) => cells?.map(({ microseconds }) => microseconds)

const ratio = (foyer: Cell[] | undefined, other: Cell[] | undefined) =>
  medianRatio(microsecondsOf(foyer), microsecondsOf(other))

export function rowOf({ name }: Scenario, { floor, library, foyer }: Cells): Row {
  const cells = { floor: medianCell(floor), library: medianCell(library), foyer: medianCell(foyer) }
  const ratios = { toLibrary: ratio(foyer, library), toFloor: ratio(foyer, floor) }
  const known = Object.entries({ ...cells, ...ratios }).filter(([, value]) => value !== undefined)
  return { scenario: name, ...Object.fromEntries(known) }
}
