// Owns the process of the embedded PostgreSQL: whether it runs, starting it, ending it. Who may do so when is
// embedded.ts.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, isAlive, serverEnvironment, serverPort, turnLog } from './embedded-cluster.ts'

/** For a small machine; nothing here trades safety for speed. Messages repeat no rows and no statements. */
const settings = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '60',
  shared_buffers: '32MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  min_wal_size: '32MB',
  max_wal_size: '256MB',
  synchronous_commit: 'on',
  jit: 'off',
  io_method: 'sync',
  max_parallel_workers_per_gather: '0',
  client_connection_check_interval: '1s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
} as const

export type Settings = Readonly<Record<string, string>>

type Postmaster = { pid: number; socketFolder: string }

/** What PostgreSQL notes about itself while it runs, and leaves behind when it is killed. */
function readPidFile(path: string): Postmaster | undefined {
  try {
    const [pid, , , , socketFolder = ''] = readFileSync(path, 'utf8').split('\n')
    return Number(pid) > 0 ? { pid: Number(pid), socketFolder } : undefined
  } catch {
    return undefined
  }
}

const pidFile = (cluster: Cluster) => join(cluster.folder, 'postmaster.pid')

/** Process ids are given out again: a living process is the server only if it was started for this folder. */
function isServerOf(cluster: Cluster, pid: number): boolean {
  if (!isAlive(pid)) return false
  try {
    return commandOf(pid).includes(cluster.folder)
  } catch {
    return isAlive(pid)
  }
}

function commandOf(pid: number): string {
  if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
}

/** The server that runs on this cluster now, whoever started it. */
export function findServer(cluster: Cluster): Postmaster | undefined {
  const noted = readPidFile(pidFile(cluster))
  return noted && isServerOf(cluster, noted.pid) ? noted : undefined
}

/** PostgreSQL takes any living process with the noted id for itself: such a note is removed, an id that is gone is its own affair. */
function removeStrangersNote(cluster: Cluster, path: string): void {
  const noted = readPidFile(path)
  if (noted && isAlive(noted.pid) && !isServerOf(cluster, noted.pid)) rmSync(path, { force: true })
}

export type Launch = {
  child: ChildProcess
  hasEnded(): boolean
  /** What it wrote to the log since it was launched. */
  words(): string
}

/** In a session of its own, so that Ctrl-C on a terminal reaches Foyer alone. */
export function launch(cluster: Cluster, overrides: Settings): Launch {
  removeStrangersNote(cluster, pidFile(cluster))
  removeStrangersNote(cluster, join(cluster.socketFolder, `.s.PGSQL.${serverPort}.lock`))
  turnLog(cluster)
  const logFile = openSync(cluster.logPath, 'a', 0o600)
  const logStart = statSync(cluster.logPath).size
  const chosen = Object.entries({ ...settings, ...overrides }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ])
  let ended = false
  try {
    const child = spawn(
      cluster.programs.postgres,
      ['-D', cluster.folder, '-k', cluster.socketFolder, '-p', String(serverPort), ...chosen],
      {
        ...cluster.user,
        cwd: cluster.folder,
        env: serverEnvironment,
        detached: true,
        stdio: ['ignore', logFile, logFile],
      },
    )
    const end = () => {
      ended = true
    }
    child.once('exit', end).once('error', end)
    child.unref()
    return {
      child,
      hasEnded: () => ended,
      words: () => readFileSync(cluster.logPath).subarray(logStart).toString('utf8').trim(),
    }
  } finally {
    closeSync(logFile)
  }
}

const pollMs = 10

async function hasGone(cluster: Cluster, pid: number, withinMs: number): Promise<boolean> {
  for (let waited = 0; waited < withinMs; waited += pollMs) {
    if (!isServerOf(cluster, pid)) return true
    await sleep(pollMs)
  }
  return false
}

/** Politely at first, so that the next start needs no recovery; SIGQUIT is what a power cut would be. */
export async function shutDown(cluster: Cluster): Promise<void> {
  const server = findServer(cluster)
  if (!server) return
  process.kill(server.pid, 'SIGINT')
  if (await hasGone(cluster, server.pid, 6_000)) return
  process.kill(server.pid, 'SIGQUIT')
  await hasGone(cluster, server.pid, 2_000)
}

/**
 * A killed server leaves workers that hold its memory for as long as they are busy, and no new server may start
 * beside them. Nothing they do can be acknowledged any more.
 */
export function endOrphans(cluster: Cluster): number {
  if (process.platform !== 'linux' || findServer(cluster)) return 0
  const orphans = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isWorkerOf(cluster, pid))
  for (const pid of orphans) process.kill(Number(pid), 'SIGKILL')
  return orphans.length
}

function isWorkerOf(cluster: Cluster, pid: string): boolean {
  try {
    const title = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return title.startsWith('postgres') && readlinkSync(`/proc/${pid}/cwd`) === cluster.folder
  } catch {
    return false
  }
}
