// Owns how the findings are told: the tables.
import { type Effort, lengthOf, type Stage } from './effort.ts'
import type { Goal } from './goals.ts'
import type { Row } from './rows.ts'

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

const verdict = (reached: boolean | undefined) =>
  reached === undefined ? 'not measured' : reached ? 'reached' : 'NOT reached'

export function goalTableOf(goals: Goal[]): string {
  const lines = goals.map(({ goal, wanted, found, reached }) => [goal, wanted, found, verdict(reached)])
  return aligned([['goal', 'wanted', 'found', ''], ...lines])
}

/** Said before a run: seconds for each of its stages. */
export function lengthTableOf(stages: Stage[], effort: Effort): string {
  const lengths = stages.map((stage) => lengthOf(stage, effort))
  const sum = (choose: (length: { least: number; most: number }) => number) =>
    lengths.reduce((all, length) => all + choose(length), 0)
  const total = { least: sum(({ least }) => least), most: sum(({ most }) => most) }
  const line = (name: string, { least, most }: { least: number; most: number }) => [
    name,
    `${number(least)} s`,
    `${number(most)} s`,
  ]
  return aligned([
    ['all rounds take', 'at least', 'at most'],
    ...stages.map(({ name }, index) => line(name, lengths[index] ?? total)),
    line('in all, but for the start and signing in', total),
  ])
}

type Figures = { rows: Row[]; goals: Goal[]; effort: Effort }

/** The tables of README.md, as Markdown. */
export function figuresOf({ rows, goals, effort: { seconds, rounds, warmUp } }: Figures): string {
  const command = `npm run bench -- --seconds ${seconds} --rounds ${rounds} --warm-up ${warmUp.seconds}`
  const warmth = `warmed up for at least ${warmUp.seconds} s and ${warmUp.operations} operations (a quarter of it for the code flow)`
  const compared = rows.filter(({ toLibrary }) => toLibrary !== undefined)
  return [
    `\`${command}\`, server CPU per operation, Node ${process.versions.node}, each server ${warmth}:`,
    markdown([
      ['scenario', 'Foyer ÷ library in memory', 'SQL round trips'],
      ...compared.map(({ scenario, foyer, toLibrary }) => [
        scenario,
        number(toLibrary, 2),
        number(foyer?.statements, 2),
      ]),
    ]),
    markdown([
      ['goal', 'wanted', 'found', ''],
      ...goals.map(({ goal, wanted, found, reached }) => [goal, wanted, found, verdict(reached)]),
    ]),
  ].join('\n\n')
}

function markdown([header = [], ...lines]: string[][]): string {
  return [header, header.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n')
}
