// Runs the built product as processes of their own, for what one process cannot show: races between two of them,
// signals, kill -9. What can be seen inside the test process uses app.ts.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './ports.ts'

export type Product = {
  issuer: string
  port: number
  pid: number
  /** Everything it said so far, both streams. */
  output(): string
  /** SIGTERM, and how it ended. */
  stop(): Promise<number | null>
  /** SIGKILL. */
  kill(): Promise<void>
  /** Resolves with the exit code when the process is over, null when a signal ended it. */
  ended: Promise<number | null>
}

export type ProductOptions = {
  /** Without one the product runs its embedded database in `dataDir`. */
  databaseUrl?: string
  dataDir?: string
  port?: number
  /** That of another process which serves the same issuer. */
  issuer?: string
  env?: Record<string, string>
  /** false where memory is measured: counting what runs takes some. */
  coverage?: boolean
}

const root = join(import.meta.dirname, '..', '..')
const startPatienceMs = 30_000

let built = false

/** Once per test file: somebody may have started vitest without the build in front of it. */
export function ensureBuilt(): void {
  if (built) return
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs'), '--if-stale'], {
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error('the product does not build')
  built = true
}

/** Nothing of the tests' own settings reaches the product: it refuses FOYER_ names it does not know. */
export function environment({
  databaseUrl,
  dataDir,
  port,
  issuer,
  env,
  coverage = true,
}: ProductOptions): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, CHILD_COVERAGE } = process.env
  return {
    PATH,
    HOME,
    ...(TMPDIR && { TMPDIR }),
    ...(coverage && CHILD_COVERAGE && { NODE_V8_COVERAGE: CHILD_COVERAGE }),
    NODE_ENV: 'development',
    ...(port !== undefined && { PORT: String(port) }),
    FOYER_PLAYGROUND_PORT: '0',
    FOYER_DATA_DIR: dataDir,
    FOYER_KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    LOG_LEVEL: 'warn',
    ...(databaseUrl && { DATABASE_URL: databaseUrl }),
    ...(issuer && { FOYER_ISSUER: issuer }),
    ...env,
  }
}

export async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(1_000) })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}

async function untilReady(child: ChildProcess, port: number, output: () => string): Promise<void> {
  const deadline = performance.now() + startPatienceMs
  while (!(await isReady(port))) {
    if (child.exitCode !== null || child.signalCode !== null) {
      const how = child.exitCode ?? child.signalCode
      throw new Error(`the product ended while starting (${how}):\n${output()}`)
    }
    if (performance.now() > deadline) throw new Error(`the product was not ready in time:\n${output()}`)
    await sleep(15)
  }
}

/** Starts the product and waits until it is ready. Whoever starts it ends it. */
export async function startProduct(options: ProductOptions = {}): Promise<Product> {
  ensureBuilt()
  const port = options.port ?? (await freePort())
  const ownFolder = options.dataDir === undefined ? mkdtempSync(join(tmpdir(), 'foyer-product-')) : undefined
  const dataDir = options.dataDir ?? ownFolder ?? ''
  const child = spawn(process.execPath, [join(root, 'dist', 'src', 'main.js')], {
    cwd: root,
    env: environment({ ...options, port, dataDir }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let words = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      words = (words + chunk).slice(-100_000)
    })
  }
  const output = () => words
  const ended = once(child, 'close').then(([code]) => {
    if (ownFolder) rmSync(ownFolder, { recursive: true, force: true })
    return code as number | null
  })

  try {
    await untilReady(child, port, output)
  } catch (error) {
    child.kill('SIGKILL')
    await ended
    throw error
  }
  return {
    issuer: options.issuer ?? `http://localhost:${port}`,
    port,
    pid: child.pid ?? 0,
    output,
    ended,
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Two processes of one issuer on one database. The second is reached by its port, under the first one's name. */
export async function startPair(
  options: ProductOptions & { databaseUrl: string },
): Promise<[Product, Product]> {
  const first = await startProduct(options)
  const second = await startProduct({ ...options, issuer: first.issuer }).catch(async (error: unknown) => {
    await first.kill()
    throw error
  })
  return [first, second]
}
