// Owns the list of passwords that attackers try first, and how a password is recognised in it through the usual
// disguises. The words come with @zxcvbn-ts/language-common (MIT): 49,000 of them, by how often they were leaked.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// No word holds a line break, so one long text serves as the list: a tenth of what a set of strings would weigh.
const separator = '\n'

/** Read at the first question. Takes passwords in lower case and compatibility form (NFKC). */
export function createCommonPasswords(): (folded: string) => boolean {
  let list: string | undefined
  return (folded) => {
    list ??= readList()
    if (hasFewTurns(folded)) return true
    return disguisesOf(folded).some((word) => holds(list ?? '', word))
  }
}

function readList(): string {
  const path = createRequire(import.meta.url).resolve('@zxcvbn-ts/language-common/src/passwords.json')
  const words: string[] = JSON.parse(readFileSync(path, 'utf8'))
  return `${separator}${words.join(separator)}${separator}`
}

const holds = (list: string, word: string): boolean =>
  word !== '' && !word.includes(separator) && list.includes(`${separator}${word}${separator}`)

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
