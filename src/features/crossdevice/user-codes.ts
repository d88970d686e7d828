// Owns how a person's typing becomes a user code (RFC 8628 §6.1): the alphabet has neither vowels nor digits, so that
// what is mistaken for one of its letters can only be that letter.

export const userCodeMask = '****-****'
const alphabet = 'BCDFGHJKLMNPQRSTVWXZ'
const userCodeLength = 8

/** What people read or type in place of a letter; the last ones are letters of other alphabets that look the same. */
const lookAlikes: Readonly<Record<string, string>> = {
  '0': 'Q',
  O: 'Q',
  '1': 'L',
  I: 'L',
  '2': 'Z',
  '5': 'S',
  '6': 'G',
  '8': 'B',
  U: 'V',
  В: 'B',
  С: 'C',
  Н: 'H',
  К: 'K',
  М: 'M',
  Р: 'P',
  Т: 'T',
  Х: 'X',
}

const isLetter = (character: string): boolean => alphabet.includes(character)

/** The code in its one spelling, or nothing when it can be none. */
export function readUserCode(typed: string): string | undefined {
  const characters = [...typed.slice(0, 100).normalize('NFKC').toUpperCase()]
    .filter((character) => /[\p{L}\p{N}]/u.test(character))
    .map((character) => lookAlikes[character] ?? character)
  const isCode = characters.length === userCodeLength && characters.every(isLetter)
  return isCode ? characters.join('') : undefined
}

/** As a device shows it. */
export const showUserCode = (code: string): string => `${code.slice(0, 4)}-${code.slice(4)}`
