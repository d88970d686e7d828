// Owns the life of the embedded PostgreSQL: started or attached to, brought back when it dies, and stopped by
// whoever is attached last. Its files: embedded-cluster.ts. Its process: embedded-server.ts.
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { stopwatch } from '../kernel/time.ts'
import type { Connection } from './connection.ts'
import { isUnavailable } from './database-errors.ts'
import { type Cluster, diskFull, prepareCluster } from './embedded-cluster.ts'
import { findPrograms } from './embedded-install.ts'
import { AlreadyServed, connectionIn, isLastOne, type Role, takeLease } from './embedded-lease.ts'
import { endOrphans, findServer, type Launch, launch, type Settings, shutDown } from './embedded-server.ts'
import type { Log } from './log.ts'
import { endOf } from './patience.ts'

export type Embedded = { connection: Connection; stop(): Promise<void>; pid(): number | undefined }

export type EmbeddedOptions = {
  dataDir: string
  /** One server per data directory; guests, such as commands, attach beside it or start the database themselves. */
  role: Role
  log: Log
  /** PostgreSQL settings of test benches. */
  settings?: Settings
}

const startPatienceSeconds = 60
/** How long a stop waits for a server that is just starting. */
const stopPatienceSeconds = 3
const launchTries = 4
const pollMs = 15

/** One round of looking and, when nothing runs, launching. Undefined: not there yet. */
async function tryToAttach(cluster: Cluster, role: Role): Promise<pg.Client | undefined> {
  const running = findServer(cluster)
  if (running?.socketFolder) cluster.socketFolder = running.socketFolder
  try {
    return await takeLease(cluster.socketFolder, { role, dataDir: cluster.dataDir })
  } catch (error) {
    if (error instanceof AlreadyServed || !isUnavailable(error)) throw error
    return undefined
  }
}

function startFailure(cluster: Cluster, words: string): Error {
  if (/No space left on device/.test(words)) return diskFull(cluster.dataDir)
  const lastLines = words.split('\n').slice(-3).join(' ')
  return new Error(`The embedded PostgreSQL did not start; ${cluster.logPath} ends with: ${lastLines}`)
}

/**
 * Attaches to the server of this cluster, starting it when nobody has. A caller that stops meanwhile gets the server
 * it may have started, to end it, or undefined when there is none.
 */
async function attach(
  cluster: Cluster,
  { role, settings = {} }: EmbeddedOptions,
  isStopping: () => boolean,
): Promise<pg.Client | undefined> {
  const elapsed = stopwatch()
  let current: Launch | undefined
  let failures = 0
  let stopping: ReturnType<typeof stopwatch> | undefined
  while (elapsed() < startPatienceSeconds) {
    const client = await tryToAttach(cluster, role)
    if (client) return client

    if (isStopping()) {
      stopping ??= stopwatch()
      const isStarting = current?.hasEnded() === false || findServer(cluster) !== undefined
      if (!isStarting || stopping() > stopPatienceSeconds) return undefined
    } else if (current?.hasEnded()) {
      failures += 1
      const words = current.words()
      if (failures >= launchTries || /No space left on device/.test(words)) throw startFailure(cluster, words)
      if (/shared memory block/.test(words)) endOrphans(cluster)
      current = undefined
      await sleep(50 * 2 ** failures)
    } else if (!current && !findServer(cluster)) {
      current = launch(cluster, settings)
    }
    await sleep(pollMs)
  }
  throw new Error(
    `The embedded PostgreSQL in ${cluster.dataDir} did not answer within ${startPatienceSeconds} s; ` +
      `see ${cluster.logPath}.`,
  )
}

export async function openEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { log } = options
  const cluster = await prepareCluster(options.dataDir, findPrograms())
  let lease: pg.Client | undefined
  let stopping = false

  /** Never gives up: a service whose database is away answers 503 and waits. */
  async function bringBack(): Promise<void> {
    for (let pauseMs = 100; !stopping; pauseMs = Math.min(2 * pauseMs, 2_000)) {
      try {
        const client = await attach(cluster, options, () => stopping)
        keep(client)
        if (client) log.info({ event: 'database.back' }, 'the embedded PostgreSQL is back')
        return
      } catch (error) {
        log.error(
          { event: 'database.away', err: error },
          'the embedded PostgreSQL cannot be brought back yet',
        )
        await sleep(pauseMs)
      }
    }
  }

  let comingBack: Promise<void> = Promise.resolve()
  function keep(client: pg.Client | undefined): void {
    if (!client) return
    lease = client
    client.once('end', () => {
      lease = undefined
      if (stopping) return
      log.warn({ event: 'database.gone' }, 'the embedded PostgreSQL has gone and is brought back')
      comingBack = bringBack()
    })
  }

  keep(await attach(cluster, options, () => false))

  return {
    connection: connectionIn(cluster.socketFolder),
    pid: () => findServer(cluster)?.pid,
    stop: async () => {
      if (stopping) return
      stopping = true
      await comingBack
      const last = lease
      if (!last) return
      if (await isLastOne(last).catch(() => false)) await shutDown(cluster)
      await endOf(last)
    },
  }
}
