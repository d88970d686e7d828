// Owns the list of passwords that attackers try first, and how a password is recognised in it through the usual
// disguises. The words lie in wordlists/, whose README says where they come from.
import { readFileSync } from 'node:fs'
import { brotliDecompressSync } from 'node:zlib'

/** Lower case and compatibility form: what somebody typed in capitals or in full-width letters is the same word. */
export const foldPassword = (password: string): string => password.normalize('NFKC').toLowerCase()

/** The file is read at the first question. Takes folded passwords. */
export function createCommonPasswords(file: string): (folded: string) => boolean {
  let read: Buffer | undefined
  return (folded) => {
    if (hasFewTurns(folded)) return true
    read ??= brotliDecompressSync(readFileSync(file))
    const lines = read
    return disguisesOf(folded).some((word) => hasLine(lines, word))
  }
}

const lineBreak = 0x0a

/**
 * Whether a word is one of the lines, which stand in the order of their bytes. They stay the bytes they are, since a
 * set of as many strings would weigh ten times as much.
 */
export function hasLine(lines: Buffer, text: string): boolean {
  const word = Buffer.from(text)
  let from = 0
  let to = lines.length
  while (from < to) {
    const middle = (from + to) >> 1
    const start = middle === from ? from : lines.lastIndexOf(lineBreak, middle - 1) + 1
    const end = lines.indexOf(lineBreak, middle)
    const order = word.compare(lines, start, end)
    if (order === 0) return true
    if (order < 0) to = start
    else from = end + 1
  }
  return false
}

const fewTurns = 2

const lookAlikes: Readonly<Record<string, string>> = {
  '@': 'a',
  '4': 'a',
  '3': 'e',
  '1': 'i',
  '!': 'i',
  '0': 'o',
  '5': 's',
  $: 's',
  '7': 't',
}

/** What is left of a password without the turns that guessing programs know as well. */
function disguisesOf(folded: string): string[] {
  const once = unrepeated(folded)
  const bare = once.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')
  // What stands around the word must be what people add to one: else it is a phrase, and the word a part of it.
  const isDressed = bare.length >= 5 && /^[\p{L}\p{N}]+$/u.test(bare)
  const words = isDressed ? [folded, once, bare] : [folded, once]
  const plain = words.map((word) => [...word].map((sign) => lookAlikes[sign] ?? sign).join(''))
  return [...words, ...plain].filter((word, at, all) => all.indexOf(word) === at)
}

/** `aaaaaaaa`, `abcdefgh` and `87654321` are no secret, however long. */
function hasFewTurns(text: string): boolean {
  const signs = [...unrepeated(text)]
  return text !== '' && signs.filter((_, at) => !continuesRun(signs, at)).length <= fewTurns
}

/** The same sign again, or the next one in a row. */
export function continuesRun(signs: readonly string[], at: number): boolean {
  const [sign, before] = [signs[at]?.codePointAt(0), signs[at - 1]?.codePointAt(0)]
  return sign !== undefined && before !== undefined && Math.abs(sign - before) <= 1
}

/** `abcabcabc` is `abc`. */
export function unrepeated(text: string): string {
  const again = `${text}${text}`.indexOf(text, 1)
  return again < text.length ? text.slice(0, again) : text
}
