// Owns what is asked of the operating system: starting servers, pinning them to a core, and the CPU they used.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

export type Started = { child: ChildProcess; pid: number; output: string }

export type Program = {
  script: string
  env?: Record<string, string>
  /** Loaded before the script. */
  preload?: string
  /** What its stdout says once it listens. */
  sign: RegExp
  /** Where its stderr goes: to a file, so that no reader of a pipe holds it up. */
  log: string
}

export function start({ script, env = {}, preload, sign, log }: Program): Promise<Started> {
  const stderr = openSync(log, 'w')
  const child = spawn(process.execPath, [...(preload === undefined ? [] : ['--import', preload]), script], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', stderr],
  })
  closeSync(stderr)
  let output = ''
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (text) => {
      output += text
      if (sign.test(output) && child.pid !== undefined) resolve({ child, pid: child.pid, output })
    })
    child.once('exit', (code) =>
      reject(new Error(`${script} ended with ${code}\n${readFileSync(log, 'utf8').slice(-4000)}`)),
    )
  })
}

export async function stop({ child }: Started): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
}

/** Whether processes can be kept apart: two cores, and a tool to say so. */
export function canPin(): boolean {
  if (availableParallelism() < 2) return false
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** All threads of the process; those it makes later follow. */
export function pin(pid: number, ...cores: number[]): void {
  execFileSync('taskset', ['-acp', cores.join(','), String(pid)], { stdio: 'ignore' })
}

export const canCount = (): boolean => process.platform === 'linux'

// USER_HZ is 100 on every Linux that Node runs on: /proc counts in hundredths of a second.
const microsecondsPerTick = 10_000

type Stat = {
  pid: number
  parent: number
  microseconds: number
  /** Of children that have ended and were waited for. */
  endedMicroseconds: number
}

function readStat(path: string): Stat | undefined {
  try {
    const text = readFileSync(path, 'latin1')
    const open = text.indexOf('(')
    const close = text.lastIndexOf(')')
    const fields = text.slice(close + 2).split(' ')
    return {
      pid: Number(text.slice(0, open)),
      parent: Number(fields[1]),
      microseconds: (Number(fields[11]) + Number(fields[12])) * microsecondsPerTick,
      endedMicroseconds: (Number(fields[13]) + Number(fields[14])) * microsecondsPerTick,
    }
  } catch {
    // It ended between listing and reading.
    return undefined
  }
}

/** User and system time of the process with all its threads, the ended ones included. */
export const cpuOf = (pid: number): number => readStat(`/proc/${pid}/stat`)?.microseconds ?? 0

function listNumbers(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/** The process and everything below it. */
export function family(pid: number): number[] {
  const all = listNumbers('/proc').map((each) => readStat(`/proc/${each}/stat`))
  const members = [pid]
  for (const member of members) {
    for (const stat of all) if (stat?.parent === member) members.push(stat.pid)
  }
  return members
}

/** What a process and its children used, the ended ones included. */
export function familyCpu(pid: number): number {
  const ended = readStat(`/proc/${pid}/stat`)?.endedMicroseconds ?? 0
  return family(pid).reduce((sum, each) => sum + cpuOf(each), ended)
}
