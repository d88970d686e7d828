// Owns the bar that shows on a terminal how far a long command is. It is drawn on stderr and wiped away at the end.
import type { CliEnvironment } from './services.ts'

const width = 30

export type Progress = ReturnType<typeof createProgress>

/** Without a size, as of a pipe, it counts lines alone. */
export function createProgress(
  { writeError, showsProgress }: Pick<CliEnvironment, 'writeError' | 'showsProgress'>,
  size: number | undefined,
) {
  let read = 0
  let shown = false

  /** Passes the bytes on and counts them. */
  async function* over(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      read += chunk.length
      yield chunk
    }
  }

  function show(line: number): void {
    if (!showsProgress) return
    const share = size === undefined || size === 0 ? undefined : Math.min(1, read / size)
    const bar = share === undefined ? '' : `${'#'.repeat(Math.round(share * width)).padEnd(width, '.')} `
    writeError(`\r${bar}line ${line}`)
    shown = true
  }

  function end(): void {
    if (shown) writeError('\r\u001B[K')
  }

  return { over, show, end }
}
