// The process: configuration, the server, and one sentence when it cannot start.
import { readEnvironment, sizeThreadPool } from './config/load.ts'
import { assertRuntime } from './kernel/runtime.ts'
import { keepYoungSmall } from './kernel/young-generation.ts'

/** What Foyer refuses it says in a sentence; anything else is a defect, and its stack helps to find it. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const isSentence = error.name === 'Error' || error.name === 'ConfigError' || error.name === 'AppError'
  return isSentence ? error.message : (error.stack ?? error.message)
}

try {
  assertRuntime()
  sizeThreadPool()
  keepYoungSmall()
  // Loaded only now: on a Node too old for it the sentence above must come first.
  const { runServer } = await import('./server.ts')
  await runServer(readEnvironment())
} catch (error) {
  process.stderr.write(`${wordsOf(error)}\n`)
  process.exit(1)
}
