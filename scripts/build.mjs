// Builds what is missing: the Prisma client (src/generated) and the compiled program (dist).
// Plain JavaScript without dependencies, so that it runs on whatever Node started npm.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = (name) => join(root, 'node_modules', '.bin', name)
const flags = new Set(process.argv.slice(2))

function filesBelow(path) {
  const absolute = join(root, path)
  if (!existsSync(absolute)) return []
  if (statSync(absolute).isFile()) return [path]
  return readdirSync(absolute, { withFileTypes: true })
    .filter((entry) => entry.name !== 'generated')
    .flatMap((entry) => filesBelow(join(path, entry.name)))
    .sort()
}

function fingerprint(...paths) {
  const hash = createHash('sha256')
  for (const file of paths.flatMap(filesBelow)) {
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(root, file)))
      .update('\0')
  }
  return hash.digest('hex')
}

// A stamp beside the output says which sources it was made from.
function isFresh(stampPath, wanted) {
  const stamp = join(root, stampPath)
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
}

function stampAs(stampPath, value) {
  mkdirSync(dirname(join(root, stampPath)), { recursive: true })
  writeFileSync(join(root, stampPath), value)
}

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}

const clientSources = fingerprint('prisma/schema.prisma', 'prisma.config.ts', 'package-lock.json')
if (!isFresh('src/generated/.stamp', clientSources)) {
  rmSync(join(root, 'src/generated'), { recursive: true, force: true })
  // Generating needs only WebAssembly; naming any existing file keeps the CLI from downloading its engine.
  run(bin('prisma'), ['generate'], {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  })
  stampAs('src/generated/.stamp', clientSources)
}

if (!flags.has('--client-only')) {
  const sources = fingerprint(
    'src',
    'locales/en',
    'prisma/seed.ts',
    'prisma/schema.prisma',
    'tsconfig.json',
    'package-lock.json',
  )
  if (!flags.has('--if-stale') || !isFresh('dist/.stamp', sources)) {
    process.stderr.write('Building Foyer …\n')
    rmSync(join(root, 'dist'), { recursive: true, force: true })
    run(bin('tsc'), ['-p', 'tsconfig.json'])
    stampAs('dist/.stamp', sources)
  }
}
