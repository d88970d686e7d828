// Owns the measurement at size: `npm run scale` imports 100,000 users and 1,000 teams by the built command into an
// embedded PostgreSQL of its own, then asks for the long lists and has PostgreSQL explain each statement they sent.
// Fails when the import takes more than a minute, or a list reads a large table from end to end.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { openEmbedded } from '../src/platform/embedded.ts'
import { createLog } from '../src/platform/log.ts'
import { startApp } from '../test/support/app.ts'
import { createManagement } from '../test/support/management.ts'
import { ensureBuilt, environment } from '../test/support/process.ts'

const { values: asked } = parseArgs({
  options: { users: { type: 'string', default: '100000' }, teams: { type: 'string', default: '1000' } },
})
const [users, teams] = [Number(asked.users), Number(asked.teams)]
const longestSeconds = 60
const largeTables = /Seq Scan on (accounts|team_members|teams|audit_events\w*)\b/
const scopes = 'users:read teams:read clients:read sessions:read audit:read'

const say = (line: string) => process.stdout.write(`${line}\n`)
const elapsedSince = (start: number) => (performance.now() - start) / 1000

/** Everybody has a hash and is in one team. */
function* lines(): Generator<string> {
  const hash = '$2b$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
  for (let index = 0; index < users; index += 1) {
    const name = `${['Ada', 'Grace', 'Mary', 'Emmy'][index % 4]} Number${index}`
    const user = {
      type: 'user',
      email: `person${index}@example.test`,
      email_verified: true,
      name,
      password_hash: hash,
    }
    yield `${JSON.stringify(user)}\n`
  }
  const size = Math.floor(users / teams)
  for (let index = 0; index < teams; index += 1) {
    const members = Array.from({ length: size }, (_, at) => ({
      user: `person${index * size + at}@example.test`,
      role: at === 0 ? 'owner' : 'member',
    }))
    yield `${JSON.stringify({ type: 'team', slug: `team-${index}`, name: `Team Number${index}`, members })}\n`
  }
}

async function importAll(databaseUrl: string): Promise<number> {
  ensureBuilt()
  const entry = join(import.meta.dirname, '..', 'dist', 'src', 'cli', 'main.js')
  const start = performance.now()
  const child = spawn(process.execPath, [entry, 'import', '-', '--json'], {
    env: environment({ databaseUrl }),
  })
  const ended = once(child, 'close')
  const [said, wrong] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    pipeline(Readable.from(lines()), child.stdin),
  ])
  await ended
  const report = JSON.parse(said || '{}')
  if (report.created !== users + teams) throw new Error(`${said.slice(0, 1000)} ${wrong.slice(0, 1000)}`)
  return elapsedSince(start)
}

/** Each statement that was sent, with its plan for any values; what is no query has none. */
async function explain(client: pg.Client, statements: readonly string[]): Promise<string[]> {
  const plans: string[] = []
  for (const statement of statements) {
    if (!/^\s*(SELECT|WITH)/i.test(statement)) continue
    const { rows } = await client.query(`EXPLAIN (GENERIC_PLAN) ${statement}`)
    plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'))
  }
  return plans
}

async function measureLists(databaseUrl: string): Promise<boolean> {
  const sent = noteStatements()
  const app = await startApp({ databaseUrl })
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query('ANALYZE')
  try {
    const { ask, machineToken } = createManagement(app.issuer)
    const as = await machineToken(scopes)
    const team = (await app.services.teams.getBySlug(`team-${teams - 1}`)).id
    const paths = [
      '/users?limit=100',
      '/users?search=person9999&limit=100',
      '/users?search=number777&limit=100',
      '/users?status=disabled&limit=100',
      '/teams?limit=100',
      '/teams?search=number77',
      `/teams/${team}/members?limit=100`,
      `/teams/${team}/invitations?limit=100`,
      `/teams/${team}/join-codes?limit=100`,
      '/clients?limit=100',
      '/sessions?limit=100',
      '/audit?limit=100',
      '/audit?type=account.imported&limit=100',
    ]
    let isFine = true
    for (const path of paths) {
      await ask('GET', path, { as })
      sent.length = 0
      const start = performance.now()
      const { status } = await ask('GET', path, { as })
      const milliseconds = elapsedSince(start) * 1000
      const seen = [...sent]
      const bad = (await explain(client, seen)).filter((plan) => largeTables.test(plan))
      isFine &&= status === 200 && bad.length === 0 && seen.length <= 3
      const verdict = bad.length > 0 ? 'reads a whole table' : 'by index'
      say(
        `${path.padEnd(66)} ${seen.length} statements  ${milliseconds.toFixed(0).padStart(4)} ms  ${verdict}`,
      )
      for (const plan of bad) say(plan)
    }
    return isFine
  } finally {
    await client.end()
    await app.close()
  }
}

type Sent = string | { text: string }

/** What the clockwork of a process sends by itself, and what begins and ends transactions. */
const clockwork =
  /^(SELECT 1|BEGIN|COMMIT|LISTEN|DEALLOCATE|DISCARD|EXPLAIN)|graphile_worker|(FROM|UPDATE) instance\b|audit_(unsealed|seals)/

/** The text of each statement that any connection of this process sends from now on. */
function noteStatements(): string[] {
  const sent: string[] = []
  const original: CallableFunction = pg.Client.prototype.query
  Reflect.set(pg.Client.prototype, 'query', function noting(this: pg.Client, ...args: [Sent, ...unknown[]]) {
    const [statement] = args
    const said = typeof statement === 'string' ? statement : statement.text
    if (!clockwork.test(said)) sent.push(said)
    return Reflect.apply(original, this, args)
  })
  return sent
}

const folder = mkdtempSync(join(tmpdir(), 'foyer-scale-'))
// Started by root, the database belongs to somebody else, who must get through
chmodSync(folder, 0o711)
const log = createLog({ level: 'warn', color: false })
const embedded = await openEmbedded({ dataDir: join(folder, 'data'), role: 'guest', log })
try {
  const { host, database } = embedded.connection
  const databaseUrl = `postgres://postgres@localhost/${database}?host=${encodeURIComponent(String(host))}`
  const [before = 0] = loadavg()
  const seconds = await importAll(databaseUrl)
  const [after = 0] = loadavg()
  const load = `load ${before.toFixed(1)} before, ${after.toFixed(1)} after`
  say(`${users} users and ${teams} teams with everybody in them: ${seconds.toFixed(1)} s, ${load}`)
  const isFine = await measureLists(databaseUrl)
  if (!isFine || seconds > longestSeconds) process.exitCode = 1
} finally {
  await embedded.stop()
  rmSync(folder, { recursive: true, force: true })
}
