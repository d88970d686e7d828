// The benchmark: every scenario against the floor, the library alone and Foyer, interleaved in one run, and what the
// goals ask for besides. Only the ratios mean anything on another machine. `npm run bench -- --help` tells the options.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { measureBesideSignIns } from './beside-sign-ins.ts'
import { type Effort, warmUpOf } from './effort.ts'
import { definitions, goalsOf } from './goals.ts'
import { type Cell, measure, stayAwake } from './measure.ts'
import { type Options, readOptions, usage } from './options.ts'
import { type Plan, peopleOf, peopleWithoutHash, planRun, stagesOf } from './plan.ts'
import { canCount, canPin, pin } from './processes.ts'
import { measureRefreshForms, summaryOf } from './refresh-in-postgres.ts'
import { figuresOf, goalTableOf, lengthTableOf, tableOf } from './report.ts'
import { type Cells, type Row, rowOf } from './rows.ts'
import type { Scenario } from './scenarios.ts'
import {
  type Floor,
  type Foyer,
  loadCore,
  place,
  startFloor,
  startFoyer,
  startLibrary,
  type Target,
  withoutHash,
} from './targets.ts'

const say = (text: string) => process.stderr.write(text)

type Servers = { floor: Floor; library: Target; foyer: Foyer; foyerWithoutHash: Foyer | undefined }
type Keep = <Server extends { stop(): Promise<void> }>(server: Server) => Server

async function startServers(plan: Plan, options: { folder: string; logLevel: string; keep: Keep }) {
  const { folder, logLevel, keep } = options
  const hashless = peopleWithoutHash(plan)
  return {
    floor: keep(await startFloor(folder)),
    library: keep(await startLibrary(folder)),
    foyer: keep(await startFoyer({ folder, logLevel, people: peopleOf(plan) })),
    foyerWithoutHash:
      hashless === undefined
        ? undefined
        : keep(await startFoyer({ folder, logLevel, people: hashless, preload: withoutHash })),
  }
}

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
  { rounds, seconds, warmUp }: Effort,
): Promise<Row[]> {
  const cells = new Map<Scenario, Cells>(chosen.map((scenario) => [scenario, {}]))
  for (let round = 1; round <= rounds; round += 1) {
    for (const [scenario, found] of cells) {
      const wanted = warmUpOf(warmUp, { round, share: scenario.warmUpShare })
      for (const target of targetsOf(scenario, servers)) {
        place(target, scenario.cores)
        const cell = await measure(scenario, target, { seconds, warmUp: wanted })
        found[target.name] = [...(found[target.name] ?? []), cell]
        const isCold = cell.warmUpOperations < wanted.operations
        say(
          `round ${round}  ${describe(scenario, target, cell)}${isCold ? ', which the cap cut short' : ''}\n`,
        )
      }
    }
  }
  return [...cells].map(([scenario, found]) => rowOf(scenario, found))
}

function describe({ name }: Scenario, target: Target, cell: Cell): string {
  const { microseconds, perSecond, warmUpOperations, warmUpSeconds } = cell
  const figures = `${microseconds.toFixed(1).padStart(8)} µs ${perSecond.toFixed(0).padStart(7)}/s`
  const warmth = `warmed up by ${warmUpOperations} in ${warmUpSeconds.toFixed(1)} s`
  return `${name.padEnd(26)} ${target.name.padEnd(8)} ${figures}  ${warmth}`
}

async function run(options: Options): Promise<void> {
  const { effort, logLevel } = options
  const plan = planRun(options)
  say(`${lengthTableOf(stagesOf(plan, effort), effort)}\n\n`)
  if (!canCount())
    say('CPU is counted in /proc, which this system lacks: only requests per second are measured.\n')
  if (canPin()) pin(process.pid, loadCore)
  else say('Server and load share the cores: it takes two of them and taskset to keep them apart.\n')

  const folder = mkdtempSync(join(tmpdir(), 'foyer-bench-'))
  // The embedded database may run as another user.
  chmodSync(folder, 0o755)
  const running: { stop(): Promise<void> }[] = []
  const keep: Keep = (server) => {
    running.push(server)
    return server
  }
  try {
    const servers = await startServers(plan, { folder, logLevel, keep })
    const findings = await measureAll(plan, servers, effort)
    const { rows, refreshForms } = findings
    const goals = goalsOf(findings)
    const parts = [
      ...(rows.length > 0 ? [tableOf(rows)] : []),
      ...(refreshForms ? [summaryOf(refreshForms)] : []),
      `${goalTableOf(goals)}\n\n${definitions}`,
      `For README.md:\n\n${figuresOf({ rows, goals, effort })}`,
    ]
    process.stdout.write(`\n${parts.join('\n\n')}\n`)
    save(options.json, { machine: machine(), effort, ...findings, goals })
  } finally {
    await Promise.all(running.map((server) => server.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measureAll({ chosen, forms, beside }: Plan, servers: Servers, effort: Effort) {
  // First, since nobody gets a low priority back: beside the busy database it would make the answers look late.
  const besideSignIns = beside && (await measureBesideSignIns(servers.foyer, effort, say))
  const rest = stayAwake()
  try {
    const rows = await runRounds(chosen, servers, effort)
    const refreshForms = forms && (await measureRefreshForms(servers.foyer, effort, say))
    return { rows, refreshForms, besideSignIns }
  } finally {
    rest()
  }
}

const machine = () => ({
  node: process.version,
  cores: cpus().length,
  processor: cpus()[0]?.model,
  pinned: canPin(),
})

function save(file: string, results: object): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
  say(`\nWritten to ${file}\n`)
}

const options = readOptions(process.argv.slice(2))
if (options.help) process.stdout.write(usage)
else await run(options)
