// A process of its own that holds an embedded PostgreSQL, for tests that kill it. Says where the database is as one
// line of JSON, holds on until SIGTERM, and ignores Ctrl-C. Arguments: data directory, role.
import { openEmbedded } from '../../src/platform/embedded.ts'
import { createLog } from '../../src/platform/log.ts'

const [dataDir = '', role] = process.argv.slice(2)

try {
  const embedded = await openEmbedded({
    dataDir,
    role: role === 'guest' ? 'guest' : 'server',
    log: createLog({ level: 'silent', color: false }),
  })
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', async () => {
    await embedded.stop()
    process.exit(0)
  })
  process.stdout.write(`${JSON.stringify({ host: embedded.connection.host, pid: embedded.pid() })}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
