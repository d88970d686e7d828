// Owns the files of the embedded PostgreSQL: its cluster, its socket folder, its log. Running it is
// embedded-server.ts.
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Programs } from './embedded-install.ts'
import { assertReachable, handOver, openForPassage, type ServerUser, serverUser } from './embedded-user.ts'

export const serverPort = 5432
const version = '18'
/** sun_path holds 104 bytes on some systems, its final NUL included. */
const longestSocketPath = 103
const longestLog = 1024 * 1024

export type Cluster = {
  dataDir: string
  /** PostgreSQL's own data directory. */
  folder: string
  socketFolder: string
  logPath: string
  programs: Programs
  user: ServerUser
}

const isPrivate = (folder: string, user: ServerUser) => {
  const found = lstatSync(folder, { throwIfNoEntry: false })
  const owner = user?.uid ?? process.getuid?.()
  return found?.isDirectory() === true && found.uid === owner && (found.mode & 0o077) === 0
}

function makePrivate(folder: string, user: ServerUser): string {
  // A link would hand some other folder over
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new Error(
      `${folder} is a link; the database needs a real folder there. Remove it, then start again.`,
    )
  }
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o700)
  handOver(folder, user)
  return folder
}

const fits = (folder: string) =>
  Buffer.byteLength(join(folder, `.s.PGSQL.${serverPort}`)) <= longestSocketPath

/**
 * Beside the data, or, where that path is too long, in a private temporary folder noted there for the next start.
 * Where a server already runs, its own word counts: see embedded-server.ts.
 */
function socketFolderOf(dataDir: string, user: ServerUser): string {
  const beside = join(dataDir, 'socket')
  if (fits(beside)) return makePrivate(beside, user)

  const note = join(dataDir, 'socket-folder')
  const noted = existsSync(note) ? readFileSync(note, 'utf8').trim() : ''
  if (noted !== '' && isPrivate(noted, user)) return noted
  const base = fits(join(tmpdir(), 'foyer-XXXXXX')) ? tmpdir() : '/tmp'
  const made = makePrivate(mkdtempSync(join(base, 'foyer-')), user)
  writeFileSync(note, made)
  return made
}

function explain(error: unknown, dataDir: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOSPC') return diskFull(dataDir, error)
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new Error(
      `Foyer may not write to its data directory ${dataDir}. Give it to the user Foyer runs as.`,
      {
        cause: error,
      },
    )
  }
  return error
}

export const diskFull = (dataDir: string, cause?: unknown) =>
  new Error(`The disk that holds ${dataDir} is full. Free some space (100 MB at least), then start again.`, {
    cause,
  })

/** An initdb that was killed leaves a draft behind; one that is under way has a living maker. */
function removeAbandonedDrafts(dataDir: string): void {
  for (const name of readdirSync(dataDir)) {
    const maker = /^postgres\.new-(\d+)-/.exec(name)?.[1]
    if (maker && !isAlive(Number(maker))) rmSync(join(dataDir, name), { recursive: true, force: true })
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

const initdbArguments = [
  '--username=postgres',
  '--auth-local=trust',
  '--auth-host=reject',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--no-instructions',
]

function runInitdb(cluster: Cluster, draft: string): Promise<void> {
  const { programs, user, dataDir } = cluster
  return new Promise((resolve, reject) => {
    const child = spawn(programs.initdb, [...initdbArguments, `--pgdata=${draft}`], {
      ...user,
      cwd: draft,
      env: serverEnvironment,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let words = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      words += chunk
    })
    child.on('error', (cause) => reject(cannotRun(cause)))
    child.on('close', (code) => {
      if (code === 0) return resolve()
      if (/No space left on device/.test(words)) return reject(diskFull(dataDir))
      reject(new Error(`The database could not be created in ${dataDir}: ${words.trim()}`))
    })
  })
}

export const cannotRun = (cause: Error) =>
  new Error(
    `The embedded PostgreSQL cannot be run on this machine: ${cause.message}. Set DATABASE_URL instead.`,
    {
      cause,
    },
  )

/** Nothing of Foyer's own environment reaches PostgreSQL, and its messages stay readable to us. */
export const serverEnvironment = { LC_ALL: 'C', PATH: '/usr/bin:/bin', TZ: 'UTC' }

/** Made under another name first: a folder named `postgres` is whole, whatever happened while it was made. */
async function createCluster(cluster: Cluster): Promise<void> {
  const { dataDir, folder, user } = cluster
  removeAbandonedDrafts(dataDir)
  const draft = makePrivate(mkdtempSync(join(dataDir, `postgres.new-${process.pid}-`)), user)
  try {
    await runInitdb(cluster, draft)
    renameSync(draft, folder)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    // Somebody else was faster: theirs is as good
    if (!existsSync(join(folder, 'PG_VERSION'))) throw error
  }
}

function assertVersion(folder: string): void {
  const found = readFileSync(join(folder, 'PG_VERSION'), 'utf8').trim()
  if (found === version) return
  throw new Error(
    `${folder} was made by PostgreSQL ${found}, and this Foyer brings PostgreSQL ${version}. Start the Foyer that ` +
      'made it and export the data, or run that PostgreSQL yourself and set DATABASE_URL.',
  )
}

/** The cluster of this data directory, made when there is none. */
export async function prepareCluster(path: string, programs: Programs): Promise<Cluster> {
  try {
    const dataDir = makeDataDir(path)
    const folder = join(dataDir, 'postgres')
    const user = serverUser({ dataDir, cluster: folder })
    openForPassage(dataDir, user)
    assertReachable(dataDir, user)
    assertReachable(dirname(programs.postgres), user)
    const socketFolder = socketFolderOf(dataDir, user)
    const cluster = { dataDir, folder, socketFolder, logPath: join(dataDir, 'postgres.log'), programs, user }
    if (!existsSync(folder)) await createCluster(cluster)
    assertVersion(folder)
    return cluster
  } catch (error) {
    throw explain(error, path)
  }
}

/** By its one true name, so that every process recognises a server by it, whatever links lead there. */
function makeDataDir(path: string): string {
  mkdirSync(path, { recursive: true })
  return realpathSync(path)
}

/** One older log is kept. */
export function turnLog({ logPath }: Cluster): void {
  const size = statSync(logPath, { throwIfNoEntry: false })?.size ?? 0
  if (size > longestLog) renameSync(logPath, `${logPath}.1`)
}
