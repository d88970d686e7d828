// `npm test`: lint, types, and every suite that this machine can run. Says by name what it leaves out and why;
// with CI=true a left-out suite is a failure, and so is a coverage of src below the bar.
// The last line of its output is the count: `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findPython } from '../examples/quest-api/python.ts'
import { lineCoverage } from './coverage.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const isCi = process.env.CI === 'true'
const coverageBar = 85

const say = (line) => process.stdout.write(`${line}\n`)

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const onPath = (name) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable)

function findChromium() {
  const given = process.env.CHROMIUM_PATH
  if (given) return isExecutable(given) ? given : undefined
  return ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].map(onPath).find(Boolean)
}

const chromium = findChromium()
const redis = onPath('redis-server')
const python = findPython()

// Tests of Redis, of memory and of the quest API are parts of others and leave themselves out; they are listed so that
// nobody misses them silently.
const suites = [
  { name: 'fast', about: 'units, contracts of modules, the web edge' },
  { name: 'flows', about: 'journeys through the running product' },
  { name: 'races', about: 'parallel redemptions, at two processes' },
  { name: 'faults', about: 'crashes, kill -9, a database that goes away' },
  { name: 'ui', about: 'Chromium', missing: chromium ? undefined : 'no chromium (set CHROMIUM_PATH)' },
  { name: 'examples', about: 'the apps in examples/ against the running product' },
  { name: 'quest API', about: 'part of examples', missing: python.missing, part: true },
  {
    name: 'Redis',
    about: 'part of fast',
    missing: redis ? undefined : 'no redis-server on the PATH',
    part: true,
  },
  {
    name: 'memory',
    about: 'part of faults',
    missing: process.platform === 'linux' ? undefined : 'only Linux tells of it in /proc',
    part: true,
  },
]

function step(name, args) {
  const { status } = spawnSync('npm', ['run', '-s', name, ...args], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  say(status === 0 ? `${name}: ok` : `${name}: FAILED`)
  return status === 0
}

function runVitest(projects, folder) {
  const report = join(folder, 'report.json')
  const childCoverage = join(folder, 'children')
  const args = [
    'run',
    ...projects.flatMap((name) => ['--project', name]),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    '--passWithNoTests',
    ...(isCi ? ['--coverage.enabled', '--coverage.reporter=json', '--coverage.reportOnFailure'] : []),
  ]
  const env = {
    ...process.env,
    ...(chromium ? { CHROMIUM_PATH: chromium } : {}),
    // The test kit hands this to the product's processes as NODE_V8_COVERAGE
    ...(isCi ? { CHILD_COVERAGE: childCoverage } : {}),
  }
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const { status } = spawnSync(process.execPath, [vitest, ...args], { cwd: root, env, stdio: 'inherit' })
  return { status, childCoverage, ...totals(report) }
}

// A file that could not even be loaded has no tests in the report, and counts as one failure.
function totals(path) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8'))
    const unloaded = report.testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
    )
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + unloaded.length,
      skipped: report.numPendingTests + report.numTodoTests,
    }
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
}

// Without a report there was no run to speak of, which is a failure of its own.
function isCovered(childCoverage) {
  const report = join(root, 'coverage', 'coverage-final.json')
  if (!existsSync(report)) return false
  const { covered, total, inTests } = lineCoverage(root, report, childCoverage)
  const percent = (count) => ((100 * count) / Math.max(1, total)).toFixed(1)
  say(
    `coverage of src: ${percent(covered)} % of ${total} lines (${percent(inTests)} % by the tests' own process)`,
  )
  if ((100 * covered) / Math.max(1, total) >= coverageBar) return true
  say(`coverage of src is below ${coverageBar} %`)
  return false
}

for (const { name, about, missing } of suites)
  say(missing ? `left out: ${name}, ${missing}` : `runs: ${name} (${about})`)
const leftOut = suites.filter(({ missing }) => missing)
const broken = ['lint', 'types'].filter((name) => !step(name, []))

const folder = mkdtempSync(join(tmpdir(), 'foyer-test-'))
rmSync(join(root, 'coverage'), { recursive: true, force: true })
const projects = suites.filter(({ missing, part }) => !missing && !part).map(({ name }) => name)
const result = runVitest(projects, folder)
const uncovered = isCi && !isCovered(result.childCoverage)
rmSync(folder, { recursive: true, force: true })

for (const { name, missing } of leftOut) say(`${isCi ? 'FAILED' : 'left out'}: ${name}, ${missing}`)
const others = broken.length + (isCi ? leftOut.length : 0) + (uncovered ? 1 : 0)
// Something failed that no test accounts for: an error outside of tests, or vitest itself
const unexplained = result.status !== 0 && result.failed === 0 ? 1 : 0
const failed = result.failed + others + unexplained
say(`${result.passed} passed, ${failed} failed${result.skipped > 0 ? `, ${result.skipped} skipped` : ''}`)
process.exitCode = failed > 0 ? 1 : 0
