// Runs the examples as the processes that `npm run example:…` starts, each with its data in a folder of its own.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './ports.ts'

export type Example = {
  origin: string
  child: ChildProcessWithoutNullStreams
  /** Everything it said so far, both streams. */
  output(): string
  stop(): Promise<void>
}

export type ExampleOptions = {
  issuer: string
  port?: number
  env?: Record<string, string>
}

const root = join(import.meta.dirname, '..', '..')
const startPatienceMs = 20_000

/** What npm would run, without npm in between. */
function commandOf(name: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const [program, ...args] = (scripts[`example:${name}`] ?? '').split(' ')
  if (program !== 'node') throw new Error(`npm run example:${name} starts no node`)
  return args
}

/** Starts it and waits until it answers over HTTP. Whoever starts it ends it. */
export async function startExample(name: string, options: ExampleOptions): Promise<Example> {
  const example = await launchExample(name, options)
  try {
    await untilItAnswers(example)
  } catch (error) {
    await example.stop()
    throw error
  }
  return example
}

/** Starts one that is spoken to by its terminal. */
export async function launchExample(name: string, options: ExampleOptions): Promise<Example> {
  const port = options.port ?? (await freePort())
  const dataDir = mkdtempSync(join(tmpdir(), 'foyer-example-'))
  const { PATH, HOME, PYTHON } = process.env
  const child = spawn(process.execPath, commandOf(name), {
    cwd: root,
    env: {
      PATH,
      HOME,
      ...(PYTHON && { PYTHON }),
      PORT: String(port),
      FOYER_ISSUER: options.issuer,
      EXAMPLE_DATA_DIR: dataDir,
      ...options.env,
    },
  })
  let words = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      words = (words + chunk).slice(-100_000)
    })
  }
  const ended = once(child, 'close')
  return {
    origin: `http://localhost:${port}`,
    child,
    output: () => words,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function untilItAnswers({ origin, child, output }: Example): Promise<void> {
  const deadline = performance.now() + startPatienceMs
  while (!(await answers(origin))) {
    if (child.exitCode !== null) throw new Error(`the example ended while starting:\n${output()}`)
    if (performance.now() > deadline) throw new Error(`the example was not ready in time:\n${output()}`)
    await sleep(20)
  }
}

const answers = (origin: string): Promise<boolean> =>
  fetch(origin, { redirect: 'manual', signal: AbortSignal.timeout(2_000) }).then(
    async (response) => {
      await response.arrayBuffer()
      return true
    },
    () => false,
  )
