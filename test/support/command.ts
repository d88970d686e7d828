// Runs the built command line from outside, beside whatever else uses its database.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { ensureBuilt, environment, type ProductOptions } from './process.ts'

export type CommandOptions = ProductOptions & { stdin?: string | Uint8Array }
export type Ran = { code: number | null; stdout: string; stderr: string }

const entry = join(import.meta.dirname, '..', '..', 'dist', 'src', 'cli', 'main.js')

/** Starts a command; whoever does ends it. */
export function startCommand(
  args: readonly string[],
  options: ProductOptions = {},
): ChildProcessWithoutNullStreams {
  ensureBuilt()
  return spawn(process.execPath, [entry, ...args], { env: environment(options), stdio: 'pipe' })
}

export async function runCommand(
  args: readonly string[],
  { stdin, ...options }: CommandOptions = {},
): Promise<Ran> {
  const child = startCommand(args, options)
  child.stdin.on('error', () => undefined).end(stdin)
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code: code as number | null, stdout, stderr }
}
