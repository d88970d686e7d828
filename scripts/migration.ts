// Owns the writing of migrations: `npm run migration NAME` drafts the next one from prisma/schema.prisma,
// `npm run migration -- --again` drafts the latest one anew, keeping what was written by hand.
// Applying them is src/platform/migrate.ts.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClock } from '../src/kernel/time.ts'
import { openEmbedded } from '../src/platform/embedded.ts'
import { createLog } from '../src/platform/log.ts'
import { migrateUp, migrationsDirectory } from '../src/platform/migrate.ts'
import { readMigrations } from '../src/platform/migration-files.ts'
import { schemaDiff } from './schema-diff.ts'

/** What stands below this line in migration.sql, and above it in down.sql, was written by hand. */
const byHand = '-- By hand:'
const fromHere = `${byHand} what the schema file cannot say. Kept when this migration is drafted anew.`
const upToHere = `${byHand} what stands above this line is kept when this migration is drafted anew.`

type Draft = { forward: string; backward: string }

/** Compares on a database of its own that has the given migrations, and nothing else. */
async function draft(names: string[]): Promise<Draft> {
  const workplace = mkdtempSync(join(tmpdir(), 'foyer-migration-'))
  // Started by root, the database belongs to somebody else, who must get through
  chmodSync(workplace, 0o711)
  const log = createLog({ level: 'warn', color: false })
  const migrations = join(workplace, 'migrations')
  mkdirSync(migrations)
  for (const { name, sql } of readMigrations(migrationsDirectory())) {
    if (!names.includes(name)) continue
    mkdirSync(join(migrations, name))
    writeFileSync(join(migrations, name, 'migration.sql'), sql)
  }

  const embedded = await openEmbedded({ dataDir: join(workplace, 'data'), role: 'server', log })
  try {
    await migrateUp(embedded.connection, migrations)
    return await schemaDiff(embedded.connection)
  } finally {
    await embedded.stop()
    rmSync(workplace, { recursive: true, force: true })
  }
}

const partByHand = (path: string, side: 'below' | 'above'): string => {
  if (!existsSync(path)) return ''
  const text = readFileSync(path, 'utf8')
  const at = text.indexOf(byHand)
  if (at < 0) return ''
  return side === 'above' ? text.slice(0, at) : text.slice(text.indexOf('\n', at) + 1)
}

function write(folder: string, { forward, backward }: Draft): void {
  const up = join(folder, 'migration.sql')
  const down = join(folder, 'down.sql')
  const below = partByHand(up, 'below')
  const above = partByHand(down, 'above')
  mkdirSync(folder, { recursive: true })
  writeFileSync(up, below ? `${forward}\n\n${fromHere}\n${below}` : `${forward}\n`)
  writeFileSync(down, above ? `${above}${upToHere}\n\n${backward}\n` : `${backward}\n`)
}

const stamp = (now: Date) => now.toISOString().replace(/\D/g, '').slice(0, 14)

async function main(argument: string | undefined): Promise<string> {
  const directory = migrationsDirectory()
  const names = readMigrations(directory).map(({ name }) => name)
  const again = argument === '--again' ? names.at(-1) : undefined
  if (!again && !/^[a-z][a-z0-9_]*$/.test(argument ?? '')) {
    throw new Error(
      'Name the migration in lower case: npm run migration add_teams (or -- --again for the latest)',
    )
  }

  const difference = await draft(names.filter((name) => name !== again))
  if (difference.forward === '') return 'The migrations and prisma/schema.prisma agree: nothing to write.'
  const folder = join(directory, again ?? `${stamp(createClock().now())}_${argument}`)
  write(folder, difference)
  return `Wrote ${folder}: read both files, mend down.sql where data would be lost, then run the tests.`
}

try {
  process.stdout.write(`${await main(process.argv[2])}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
