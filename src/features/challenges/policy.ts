// Owns the pure rules of mailed codes: how they are read, how long one waits for the next guess or the next mail,
// and how an address is shown to somebody who may not be its owner.
import { limits } from '../../config/limits.ts'

export const codeLength = 6

// A whole mail may be pasted; what is longer holds no code that is worth looking for.
const longestInput = 2_000
const anyDigit = /\p{Nd}/u
// Dashes and blanks that people, keyboards and mail programs put between the digits; control characters of
// right-to-left text stand among them unseen.
const between = String.raw`[\s\p{Pd}\u2212\u00b7._\p{Cf}]*`
const group = new RegExp(String.raw`\d(?:${between}\d)*`, 'gu')
const spacers = /\D/gu

/**
 * The six ASCII digits somebody meant, or null. Digits of any script count (NFKC folds full-width ones), and so does
 * a pasted sentence as long as exactly one group of six digits stands in it.
 */
export function readCode(text: string): string | null {
  if (text.length > longestInput) return null
  const folded = inAsciiDigits(text)
  const whole = folded.replace(new RegExp(between, 'gu'), '')
  if (/^\d{6}$/.test(whole)) return whole
  return onlyGroupOf(wordsOf(folded))
}

/** In a sentence, numbers that stand apart are numbers of their own unless only they together make a code. */
function onlyGroupOf(text: string): string | null {
  const apart = text.match(/\d+/g) ?? []
  const codes = apart.filter((digits) => digits.length === codeLength)
  if (codes.length === 1) return codes[0] ?? null
  if (codes.length > 1) return null
  const joined = (text.match(group) ?? []).map((digits) => digits.replace(spacers, ''))
  const meant = joined.filter((digits) => digits.length === codeLength)
  return meant.length === 1 ? (meant[0] ?? null) : null
}

// Times and dates, 04:50 and 2026-11-21, are no codes.
const wordsOf = (text: string): string =>
  text.replace(/\d{1,2}:\d{2}(?::\d{2})?/g, ' x ').replace(/\d{4}-\d{2}-\d{2}/g, ' x ')

/** Numbers as other scripts and other widths write them, in digits that `Number` reads. */
export const inAsciiDigits = (text: string): string => [...text.normalize('NFKC')].map(asciiDigit).join('')

/** Decimal digits stand in runs of ten, from zero on (Unicode §4.6): the distance to the run's start is the value. */
function asciiDigit(character: string): string {
  if (!anyDigit.test(character)) return character
  const point = character.codePointAt(0) ?? 0
  let first = point
  while (anyDigit.test(String.fromCodePoint(first - 1))) first -= 1
  // Two runs may touch
  return String((point - first) % 10)
}

/**
 * How long after so many failures in a row the next confirmation is not read: nothing before the second, then
 * min(base · 2^retries, cap), the retries being the failures after the first.
 */
export function cooldownMs(failures: number): number {
  const { baseMs, capMs } = limits.confirmationCooldown
  return failures < 2 ? 0 : Math.min(baseMs * 2 ** (failures - 1), capMs)
}

/** The cool-down after 1, 2, 3 … failures, the last for all that follow. */
export function cooldownTable(): number[] {
  const { capMs } = limits.confirmationCooldown
  const table = [0]
  while (table.at(-1) !== capMs) table.push(cooldownMs(table.length + 1))
  return table
}

/** How long after the mail of this number the next one may be asked for. */
export function resendWaitMs(sends: number): number {
  const waits = limits.resendWaitsMs
  return waits[Math.min(Math.max(sends, 1), waits.length) - 1] ?? 0
}

/** `a•••@example.test`: enough for its owner to know it again. */
export function maskEmail(address: string): string {
  const at = address.lastIndexOf('@')
  const [first = ''] = address
  return at < 1 ? '•••' : `${first}•••${address.slice(at)}`
}
