// Owns Foyer's own format: one JSON object a line, each name in it once.
import { parseJson } from '../../kernel/input.ts'
import type { Item } from './item.ts'
import { linesOf } from './lines.ts'
import { reasonOf } from './outcome.ts'

export async function* readJsonLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Item> {
  for await (const line of linesOf(bytes)) yield 'refused' in line ? line : itemOf(line)
}

function itemOf({ line, text }: { line: number; text: string }): Item {
  try {
    return { line, value: parseJson(text) }
  } catch (error) {
    return { line, refused: reasonOf(error) }
  }
}
