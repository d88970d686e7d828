// Owns which goals one run on one machine can show, by their numbers, and which of them are reached.
// None of the numbers here is for the benchmark to change.
import type { BesideSignIns, Probes } from './beside-sign-ins.ts'
import type { RefreshForms } from './refresh-in-postgres.ts'
import type { Row } from './rows.ts'
import { medianRatio } from './statistics.ts'

export type Goal = { goal: string; wanted: string; found: string; reached: boolean | undefined }

export type Findings = {
  rows: Row[]
  refreshForms: RefreshForms | undefined
  besideSignIns: BesideSignIns | undefined
}

type Bound = { most: number } | { least: number }

export function judged(goal: string, found: number | undefined, bound: Bound & { digits?: number }): Goal {
  const wanted = 'most' in bound ? `≤ ${bound.most}` : `≥ ${bound.least}`
  if (found === undefined || Number.isNaN(found)) return { goal, wanted, found: '–', reached: undefined }
  const reached = 'most' in bound ? found <= bound.most : found >= bound.least
  return { goal, wanted, found: found.toFixed(bound.digits ?? 2), reached }
}

// Heartbeats and jobs send a statement now and then as well, which shows in the third digit.
const roundTripsOf = (row: Row | undefined): number | undefined =>
  row?.foyer && Math.round(row.foyer.statements * 10) / 10

const inverse = (value: number | undefined) => (value === undefined ? undefined : 1 / value)

/** A round in which nobody was turned away shows nothing: the queue was not full. */
function slowedBy(beside: BesideSignIns | undefined, probe: keyof Probes): number | undefined {
  const full = beside?.rounds.filter(({ turnedAway }) => turnedAway > 0) ?? []
  const p99 = (load: 'unloaded' | 'loaded') => full.map((round) => round[load][probe].p99Ms)
  return medianRatio(p99('loaded'), p99('unloaded'))
}

/** What some of the goals compare, printed below them. */
export const definitions = [
  '5 compares what PostgreSQL spends, all its processes together, on the rows that a refresh writes (the spent token,',
  '  its successor, the access token): as the one statement that Foyer composes, and as three, each a transaction.',
  '  Reads are in neither; what a whole refresh takes, reads included, stands above for information.',
  '8 compares with bare argon2id comparisons of the same parameters, as many at once as Foyer allows itself, on the',
  '  same cores: both, as deployed, shared with the database and those who ask.',
  '9 compares, on both cores too, the p99 at 50 requests/s each beside twice the sign-ins that can be hashed with the p99 without them.',
  '  A probe that is turned away itself counts as never answered.',
].join('\n')

export function goalsOf({ rows, refreshForms, besideSignIns }: Findings): Goal[] {
  const row = (name: string): Row | undefined => rows.find(({ scenario }) => scenario === name)
  const toLibrary = (name: string) => row(name)?.toLibrary
  const signIn = row('password sign-in')
  const hashRate = signIn?.foyer && signIn.floor ? signIn.foyer.perSecond / signIn.floor.perSecond : undefined
  const writes = medianRatio(refreshForms?.oneWrite, refreshForms?.threeWrites)
  const code = 'code flow with sign-in'
  return [
    judged('1 discovery: floor / Foyer', inverse(row('discovery')?.toFloor), { least: 1 }),
    judged('1 jwks: floor / Foyer', inverse(row('jwks')?.toFloor), { least: 1 }),
    judged('2 client_credentials JWT / library', toLibrary('client_credentials JWT'), { most: 1 }),
    judged('3 client_credentials opaque / library', toLibrary('client_credentials opaque'), { most: 1.2 }),
    judged('3 introspection / library', toLibrary('introspection'), { most: 1.25 }),
    judged('3 userinfo / library', toLibrary('userinfo'), { most: 1.4 }),
    judged('4 refresh, round trips', roundTripsOf(row('refresh')), { most: 2, digits: 1 }),
    judged('4 refresh / library', toLibrary('refresh'), { most: 1.4 }),
    judged('5 PostgreSQL, writes of a refresh: one statement / three', writes, { most: 0.5 }),
    judged('6 code flow, round trips', roundTripsOf(row(code)), { most: 8, digits: 1 }),
    judged('6 code flow / library, both without a hash', toLibrary(code), { most: 1.2 }),
    judged('8 password sign-ins / raw argon2id rate, as many at once', hashRate, { least: 0.85 }),
    judged('9 p99 of client_credentials JWT, hash queue full / empty', slowedBy(besideSignIns, 'token'), {
      most: 3,
    }),
    judged('9 p99 of introspection, hash queue full / empty', slowedBy(besideSignIns, 'introspection'), {
      most: 3,
    }),
  ]
}
