// Owns what a command finds in a real process. Modules are loaded when a command needs them, so that help and a
// check of the configuration come at once.
import { createReadStream, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { stderr, stdin, stdout } from 'node:process'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import { describeEnvironment, readEnvironment } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { keepYoungSmall } from '../kernel/young-generation.ts'
import type { Connection } from '../platform/connection.ts'
import { listenOnLoopback } from './loopback.ts'
import { postForm } from './post-form.ts'
import type { CliEnvironment, CliServices, Probes } from './services.ts'

async function openServices(config: Config): Promise<CliServices> {
  const { openServices: open } = await import('../services.ts')
  const { createTransfer } = await import('../transfer.ts')
  const services = await open(quiet(config), { role: 'guest' })
  const { keyRotation, keyImport, db } = services
  const keys = { ...keyRotation, ...keyImport }
  // Nobody waits in front of a browser here, so a statement may take its time.
  return { ...services, ...createTransfer(services), keys, unhurried: db.unhurried }
}

/** Commands speak on stderr themselves; only what went wrong is logged there. */
const quiet = (config: Config): Config => ({
  ...config,
  log: { ...config.log, level: config.log.level === 'info' ? 'warn' : config.log.level },
})

async function withDatabase<T>(
  config: Config,
  work: (connection: Connection, directory: string) => Promise<T>,
): Promise<T> {
  const { connectDatabase } = await import('../platform/database.ts')
  const { migrationsDirectory } = await import('../platform/migrate.ts')
  const { createLog } = await import('../platform/log.ts')
  const database = await connectDatabase({ config, role: 'guest', log: createLog(quiet(config).log) })
  try {
    return await work(database.connection, migrationsDirectory())
  } finally {
    await database.close()
  }
}

async function migrate(config: Config): Promise<string[]> {
  const { migrateUp } = await import('../platform/migrate.ts')
  return withDatabase(config, migrateUp)
}

async function migrateDown(config: Config): Promise<string | null> {
  const { migrateDown: down } = await import('../platform/migrate.ts')
  const reverted = await withDatabase(config, (connection, directory) => down(connection, directory))
  return reverted[0] ?? null
}

async function serve(): Promise<void> {
  keepYoungSmall()
  const { runServer } = await import('../server.ts')
  await runServer(readEnvironment())
}

const probes: Probes = {
  database: async (config) => {
    const { examineDatabase } = await import('../platform/diagnosis.ts')
    return withDatabase(config, examineDatabase)
  },
  mail: async (smtpUrl) => (await import('../platform/mailer.ts')).verifyMailServer(smtpUrl),
  redis: async (url) => (await import('../platform/redis.ts')).pingRedis(url),
  modeOf: (path) => {
    if (process.platform === 'win32') return undefined
    const found = statSync(path, { throwIfNoEntry: false })
    return found && found.mode & 0o777
  },
}

function openFile(path: string): ReturnType<CliEnvironment['openFile']> {
  if (path === '-') return { bytes: stdin, size: undefined }
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) throw new Error(`There is no file ${path}.`)
  if (found.isDirectory()) throw new Error(`${path} is a folder.`)
  return { bytes: createReadStream(path), size: found.isFile() ? found.size : undefined }
}

/** The environment of this process. */
export const createEnvironment = (): CliEnvironment => ({
  readConfig: readEnvironment,
  describeConfig: describeEnvironment,
  openServices,
  migrate,
  migrateDown,
  serve,
  probes,
  postForm,
  listenOnLoopback,
  openFile,
  pause: (seconds) => setTimeout(seconds * 1000),
  readStdin: () => text(stdin),
  readFile: (path) => readFile(path, 'utf8'),
  writeOut: (words) => stdout.write(words),
  streamOut: (texts) => pipeline(texts, stdout, { end: false }),
  writeError: (words) => stderr.write(words),
  showsProgress: stderr.isTTY === true,
})
