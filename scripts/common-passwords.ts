// Writes wordlists/common-passwords.br, the passwords that are refused, from a list that has the commonest first, one a
// line: `npm run common-passwords -- FILE`. Where that list comes from is in wordlists/README.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import { foldPassword } from '../src/features/accounts/password-list.ts'

/** OWASP ASVS 6.2.4 speaks of those that the policy would let pass otherwise: shorter ones count for nothing. */
const wanted = 100_000
const shortest = 8

function commonest(words: readonly string[]): string[] {
  let longEnough = 0
  const end = words.findIndex((word) => {
    if (word.length >= shortest) longEnough += 1
    return longEnough === wanted
  })
  if (end < 0) throw new Error(`only ${longEnough} of these have ${shortest} characters`)
  return words.slice(0, end + 1)
}

const [source] = process.argv.slice(2)
if (source === undefined) throw new Error('usage: npm run common-passwords -- FILE')

const given = readFileSync(source, 'utf8').split(/\r?\n/).filter(Boolean).map(foldPassword)
const words = commonest([...new Set(given)])
// In the order of their bytes, in which password-list.ts looks them up
const lines = words.map((word) => Buffer.from(`${word}\n`)).sort(Buffer.compare)
const text = Buffer.concat(lines)
const packed = brotliCompressSync(text, {
  params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: text.length },
})
writeFileSync(join(import.meta.dirname, '..', 'wordlists', 'common-passwords.br'), packed)
process.stdout.write(`${words.length} words, ${text.length} bytes, packed ${packed.length}\n`)
