// Owns the way past Foyer to its database, for what cannot be asked through the front door.
import { createClock } from '../src/kernel/time.ts'
import { connectDatabase } from '../src/platform/database.ts'
import { createLog } from '../src/platform/log.ts'
import { createDb, type Db } from '../src/platform/postgres.ts'
import type { Foyer } from './targets.ts'

export type Way = { foyer: Foyer; poolSize: number; searchPath?: string }

/** The pool of the product, so that its settings are those under which Foyer's statements run. */
export async function withDatabase<Result>(
  { foyer, poolSize, searchPath = 'public' }: Way,
  work: (db: Db) => Promise<Result>,
): Promise<Result> {
  const log = createLog({ level: 'silent', color: false })
  const config = { databaseUrl: undefined, dataDir: foyer.dataDir }
  const { connection, close } = await connectDatabase({ config, role: 'guest', log })
  const options = [connection.options, `-c search_path=${searchPath}`].filter(Boolean).join(' ')
  const db = createDb({ connection: { ...connection, options }, poolSize, clock: createClock(), log })
  try {
    return await db.unhurried(() => work(db))
  } finally {
    await db.close()
    await close()
  }
}
