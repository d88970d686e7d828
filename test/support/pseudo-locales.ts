// Owns the two languages that nobody speaks: en-XA, English with accents, and ar-XB, English in Arabic letters from
// right to left. Whatever stands on a page in plain letters has not come from a message.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listFolder, readFolderFile } from '../../src/platform/folder.ts'
import { localesDir } from './page-app.ts'

const plain = 'abcdefghijklmnopqrstuvwxyz'
const accented = [...'áƀçđéƒĝĥíĵķļɱñóþǫŕšŧúṽŵẋýž']
const arabic = [...'ابتثجحخدذرزسشصضطظعغفقكلمنه']

const spelled = (letters: string[]) => (text: string) =>
  [...text.toLowerCase()].map((letter) => letters[plain.indexOf(letter)] ?? letter).join('')

/** Spells what a message says, and leaves alone its placeholders, keywords and tags. */
export function spell(message: string, letters: string[]): string {
  const inWords = spelled(letters)
  let depth = 0
  let out = ''
  for (const [piece] of message.matchAll(/[{}]|<\/?b>|[^{}<]+|</g)) {
    if (piece === '{') depth += 1
    if (piece === '}') depth -= 1
    // An odd number of open braces is inside a placeholder, an even one inside a case of it.
    out += depth % 2 === 1 || piece.startsWith('<') ? piece : inWords(piece)
  }
  return out
}

/** A copy of locales/ with both of them in it; to be removed by whoever asked for it. */
export function withPseudoLocales(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'foyer-locales-'))
  cpSync(localesDir, dir, { recursive: true })
  for (const [tag, letters] of [['en-XA', accented] as const, ['ar-XB', arabic] as const]) {
    mkdirSync(join(dir, tag))
    for (const path of listFolder(join(localesDir, 'en'))) {
      const english = JSON.parse(readFolderFile(join(localesDir, 'en'), path).toString()) as object
      const pseudo = Object.entries(english).map(([key, text]) => [key, spell(String(text), letters)])
      writeFileSync(join(dir, tag, path), JSON.stringify(Object.fromEntries(pseudo)))
    }
  }
  return { dir, remove: () => rmSync(dir, { recursive: true }) }
}
