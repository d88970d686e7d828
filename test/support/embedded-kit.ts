// Owns what the tests of the embedded PostgreSQL share: folders, holders in processes of their own, a question.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { onTestFinished } from 'vitest'
import { type Embedded, type EmbeddedOptions, openEmbedded } from '../../src/platform/embedded.ts'
import type { Connection } from '../../src/platform/postgres.ts'
import { silentLog } from './postgres.ts'

export const asRoot = process.getuid?.() === 0

/** A folder that goes with the test; others may pass through it, as through most homes. */
export function workplace(): string {
  const folder = mkdtempSync(join(tmpdir(), 'foyer-embedded-'))
  chmodSync(folder, 0o755)
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function newDataDir(...parts: string[]): string {
  const path = join(workplace(), ...parts, 'data')
  mkdirSync(join(path, '..'), { recursive: true })
  return path
}

/** Opened for the test, and stopped after it whatever happens. */
export async function open(dataDir: string, options: Partial<EmbeddedOptions> = {}): Promise<Embedded> {
  const embedded = await openEmbedded({ dataDir, role: 'server', log: silentLog(), ...options })
  onTestFinished(() => embedded.stop())
  return embedded
}

export async function ask<Row extends pg.QueryResultRow>(
  connection: Connection,
  sql: string,
): Promise<Row[]> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 3_000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}

/** Resolves as soon as the work succeeds; the limit is part of what is promised. */
export async function within<T>(milliseconds: number, work: () => Promise<T> | T): Promise<T> {
  const deadline = performance.now() + milliseconds
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await sleep(20)
    }
  }
}

export type Holder = {
  child: ChildProcess
  connection: Connection
  serverPid: number
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<void>
}

const program = join(import.meta.dirname, 'embedded-holder.ts')

type HolderOptions = { role?: 'server' | 'guest'; uid?: number; gid?: number }

/** Refused with what the process said on stderr. */
export async function hold(
  dataDir: string,
  { role = 'server', ...user }: HolderOptions = {},
): Promise<Holder> {
  const child = spawn(process.execPath, [program, dataDir, role], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...user,
  })
  const closed = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await closed
  })
  let words = ''
  child.stderr.on('data', (chunk) => {
    words += String(chunk)
  })
  const line: unknown[] = await Promise.race([
    once(child.stdout, 'data'),
    closed.then(() => Promise.reject(new Error(words.trim()))),
  ])
  const { host, pid } = JSON.parse(String(line[0])) as { host: string; pid: number }
  return {
    child,
    serverPid: pid,
    connection: { host, port: 5432, user: 'postgres', database: 'foyer', ssl: false },
    end: async (signal) => {
      child.kill(signal)
      await closed
    },
  }
}

/** Every PostgreSQL that was started for this data directory, known to it or not. */
export function serversOf(dataDir: string): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${dataDir}/postgres`)
    } catch {
      return false
    }
  })
}

/** A process that ended, but was not collected by its parent yet, does not run. */
export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
