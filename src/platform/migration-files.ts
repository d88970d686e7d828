// Owns the migrations as files: prisma/migrations/<timestamp>_<name>/{migration.sql,down.sql}.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export type Migration = {
  name: string
  sql: string
  /** What takes it back; absent only when nobody wrote one. */
  down: string | undefined
  checksum: string
}

/** The folder that ships with this program, whether it runs from src or from dist. */
export function migrationsDirectory(start = import.meta.dirname): string {
  const candidate = join(start, 'prisma', 'migrations')
  if (existsSync(candidate)) return candidate
  const parent = dirname(start)
  if (parent === start)
    throw new Error('The folder prisma/migrations is missing: this copy of Foyer is incomplete.')
  return migrationsDirectory(parent)
}

/** As Prisma computes it; line endings of a checkout make no difference. */
const checksumOf = (sql: string) => createHash('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex')

export function readMigrations(directory: string): Migration[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^\d{14}_/.test(entry.name))
    .map(({ name }) => {
      const downPath = join(directory, name, 'down.sql')
      const sql = readFileSync(join(directory, name, 'migration.sql'), 'utf8')
      const down = existsSync(downPath) ? readFileSync(downPath, 'utf8') : undefined
      return { name, sql, down, checksum: checksumOf(sql) }
    })
    .sort((left, right) => (left.name < right.name ? -1 : 1))
}

/** First line of a file that cannot run in a transaction, such as CREATE INDEX CONCURRENTLY. */
const optOut = /^\s*-- no transaction\b/

export const runsInTransaction = (sql: string): boolean => !optOut.test(sql)

/** Outside a transaction each statement is sent alone; a statement ends with a semicolon at the end of a line. */
export const statementsOf = (sql: string): string[] =>
  sql
    .split(/;[ \t]*(?:\r?\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement.replace(/^\s*--.*$/gm, '').trim() !== '')
