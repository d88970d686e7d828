// Owns how a process is told to end.
import { stopwatch } from './kernel/time.ts'

/** Resolves at the first SIGTERM or SIGINT; another one, a second later or more, ends the process at once. */
export function onSignal() {
  let askedAt: (() => number) | undefined
  let ask: () => void = () => undefined
  const asked = new Promise<void>((resolve) => {
    ask = resolve
  })
  function handle(): void {
    // A terminal and npm both send the same Ctrl-C.
    if (askedAt && askedAt() > 1) process.exit(1)
    askedAt ??= stopwatch()
    ask()
  }
  process.on('SIGTERM', handle)
  process.on('SIGINT', handle)
  return { asked, isAsked: () => askedAt !== undefined }
}
