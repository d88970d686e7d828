// The benchmark: every scenario against the floor, the library alone and Foyer, interleaved in one run.
// Only the ratios mean anything on another machine. `npm run bench -- --help` tells the options.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Cell, measure, stayAwake } from './measure.ts'
import { canCount, canPin, pin } from './processes.ts'
import { type Cells, goalsOf, goalTableOf, type Row, rowOf, tableOf } from './report.ts'
import { type Scenario, scenarios } from './scenarios.ts'
import {
  type Floor,
  type Foyer,
  loadCore,
  startFloor,
  startFoyer,
  startLibrary,
  type Target,
  withoutHash,
} from './targets.ts'
import { measureThreeStatements } from './three-statements.ts'

const usage = `npm run bench -- [options]
  --seconds N    measured time of one cell (4)
  --warm-up N    seconds of load before the first cell of a scenario on a server (8)
  --rounds N     interleaved rounds, of which the medians count (3)
  --only A,B     only scenarios whose name contains one of these
  --log-level L  LOG_LEVEL of Foyer, whose log goes to a file (info)
  --json FILE    where the numbers go (bench/results/latest.json)
`

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    'warm-up': { type: 'string', default: '8' },
    'log-level': { type: 'string', default: 'info' },
    only: { type: 'string', default: '' },
    json: { type: 'string', default: join(import.meta.dirname, 'results/latest.json') },
    help: { type: 'boolean', default: false },
  },
})

const say = (text: string) => process.stderr.write(text)

function chosenScenarios(only: string): Scenario[] {
  const parts = only.split(',').filter(Boolean)
  return scenarios.filter(({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)))
}

type Servers = { floor: Floor; library: Target; foyer: Foyer; foyerWithoutHash: Foyer | undefined }

function targetsOf({ floor, library, withoutHash }: Scenario, servers: Servers): Target[] {
  return [
    ...(floor === undefined ? [] : [floor === 'raw' ? servers.floor.raw : servers.floor.koa]),
    ...(library ? [servers.library] : []),
    (withoutHash && servers.foyerWithoutHash) || servers.foyer,
  ]
}

async function runRounds(
  chosen: Scenario[],
  servers: Servers,
  { rounds, seconds, warmUpSeconds }: Effort,
): Promise<Row[]> {
  const cells = new Map<Scenario, Cells>(chosen.map((scenario) => [scenario, {}]))
  for (let round = 1; round <= rounds; round += 1) {
    for (const [scenario, found] of cells) {
      for (const target of targetsOf(scenario, servers)) {
        // What is compiled stays compiled: later rounds only bring the caches back.
        const warmUp = round === 1 ? warmUpSeconds : Math.min(warmUpSeconds, 1.5)
        const cell = await measure(scenario, target, { seconds, warmUpSeconds: warmUp })
        found[target.name] = [...(found[target.name] ?? []), cell]
        say(`round ${round}  ${describe(scenario, target, cell)}\n`)
      }
    }
  }
  return [...cells].map(([scenario, found]) => rowOf(scenario, found))
}

type Effort = { rounds: number; seconds: number; warmUpSeconds: number }

const describe = ({ name }: Scenario, target: Target, { microseconds, perSecond }: Cell): string =>
  `${name.padEnd(26)} ${target.name.padEnd(8)} ${microseconds.toFixed(1).padStart(8)} µs ${perSecond.toFixed(0).padStart(7)}/s`

async function run(): Promise<void> {
  const effort = {
    rounds: Number(options.rounds),
    seconds: Number(options.seconds),
    // V8 takes its time with a large program: 450 µs in the first second, 300 after eight.
    warmUpSeconds: Number(options['warm-up']),
  }
  const chosen = chosenScenarios(options.only)
  const logLevel = options['log-level']
  if (!canCount())
    say('CPU is counted in /proc, which this system lacks: only requests per second are measured.\n')
  if (canPin()) pin(process.pid, loadCore)
  else say('Server and load share the cores: it takes two of them and taskset to keep them apart.\n')

  const folder = mkdtempSync(join(tmpdir(), 'foyer-bench-'))
  // The embedded database may run as another user.
  chmodSync(folder, 0o755)
  const running: { stop(): Promise<void> }[] = []
  const keep = <Server extends { stop(): Promise<void> }>(server: Server): Server => {
    running.push(server)
    return server
  }
  try {
    const servers = {
      floor: keep(await startFloor(folder)),
      library: keep(await startLibrary(folder)),
      foyer: keep(await startFoyer({ folder, logLevel })),
      foyerWithoutHash: chosen.some((scenario) => scenario.withoutHash)
        ? keep(await startFoyer({ folder, logLevel, preload: withoutHash }))
        : undefined,
    }
    const rest = stayAwake()
    const rows = await runRounds(chosen, servers, effort).finally(rest)
    const refreshed = rows.some(({ scenario }) => scenario === 'refresh')
    const threeStatements = refreshed
      ? await measureThreeStatements(servers.foyer, effort.seconds)
      : undefined
    const goals = goalsOf(rows, threeStatements)
    process.stdout.write(`\n${tableOf(rows)}\n\n${goalTableOf(goals)}\n`)
    save({ machine: machine(), effort, rows, threeStatements, goals })
  } finally {
    await Promise.all(running.map((server) => server.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
}

const machine = () => ({
  node: process.version,
  cores: cpus().length,
  processor: cpus()[0]?.model,
  pinned: canPin(),
})

function save(results: object): void {
  mkdirSync(dirname(options.json), { recursive: true })
  writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`)
  say(`\nWritten to ${options.json}\n`)
}

if (options.help) process.stdout.write(usage)
else await run()
