// Owns taking bytes apart into lines. Each is bounded and read by itself, so that neither a long line nor one that is
// no UTF-8 harms the lines beside it.
export type Line = { line: number; text: string } | { line: number; refused: string }

export const longestLine = 256 * 1024
const newline = 10

/** Every line that is not blank, with its number counted from 1. */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let parts: Uint8Array[] = []
  let length = 0
  let line = 1

  /** What is over the limit is counted and let go of. */
  function keep(part: Uint8Array): void {
    length += part.length
    if (length <= longestLine) parts.push(part)
    else parts = []
  }

  function read(): Line | undefined {
    if (length > longestLine) return { line, refused: `is longer than ${longestLine / 1024} KiB` }
    try {
      const text = decoder.decode(Buffer.concat(parts))
      return text.trim() === '' ? undefined : { line, text }
    } catch {
      return { line, refused: 'is not UTF-8' }
    }
  }

  for await (const chunk of bytes) {
    let from = 0
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      keep(chunk.subarray(from, at))
      const found = read()
      if (found) yield found
      parts = []
      length = 0
      line += 1
      from = at + 1
    }
    // A copy, since whoever sent the chunk may write over it
    keep(chunk.slice(from))
  }
  const last = read()
  if (last) yield last
}
