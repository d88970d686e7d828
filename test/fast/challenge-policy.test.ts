// Mailed codes: how they are read, and how long one waits.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rates } from '../../src/config/limits.ts'
import {
  codeLength,
  cooldownMs,
  cooldownTable,
  maskEmail,
  readCode,
  resendWaitMs,
} from '../../src/features/challenges/policy.ts'

describe('a code is read', () => {
  it.each([
    ['plain', '123456'],
    ['with a space', '123 456'],
    ['with a no-break space', '123\u00a0456'],
    ['with a hyphen', '123-456'],
    ['with an en dash', '123–456'],
    ['with spaces all around and between', ' 1 2 3 4 5 6 '],
    ['over two lines', '123\n456\n'],
    ['full-width', '１２３４５６'],
    ['Arabic-Indic', '١٢٣٤٥٦'],
    ['Persian', '۱۲۳۴۵۶'],
    ['Devanagari', '१२३४५६'],
    ['mathematical bold', '𝟏𝟐𝟑𝟒𝟓𝟔'],
    ['Adlam, outside the first plane', '𞥑𞥒𞥓𞥔𞥕𞥖'],
    [
      'Eastern Pwo Karen, whose run of digits follows another',
      '\u{116db}\u{116dc}\u{116dd}\u{116de}\u{116df}\u{116e0}',
    ],
    ['between marks of direction', '\u2066123456\u2069'],
    ['in a subject', '123456 is your Foyer code'],
    ['in a sentence', 'Your code is 123456.'],
    ['behind a label', 'code:123456'],
    ['behind a full-width label', 'コード：１２３４５６'],
    [
      'in a mail with other numbers',
      'Your code is 123 456. It lapses at 14:05 on 2026-11-21, in 10 minutes.',
    ],
    ['in a German mail', 'Ihr Code lautet 123456. Er gilt 10 Minuten.'],
  ])('%s', (_, text) => {
    expect(readCode(text)).toBe('123456')
  })

  it.each([
    ['nothing', ''],
    ['words', 'my code'],
    ['five digits', '12345'],
    ['seven digits', '1234567'],
    ['eight digits in pairs', '12 34 56 78'],
    ['two codes', '123456 654321'],
    ['Roman numerals', 'ⅠⅡⅢⅣⅤⅥ'],
    ['circled digits in words', 'a①②③④⑤b'],
    ['a whole novel', '123456'.padEnd(100_000)],
    ['NUL bytes', '\0\0\0\0\0\0'],
    ['a lone surrogate', '\ud800'],
  ])('but not %s', (_, text) => {
    expect(readCode(text)).toBeNull()
  })
})

describe('whatever is typed', () => {
  it('is six ASCII digits or nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 200 }), (points) => {
        const text = String.fromCodePoint(...points)
        expect(readCode(text) ?? '000000').toMatch(/^[0-9]{6}$/)
      }),
    )
  })

  it('is the same code, however its digits are written and kept apart', () => {
    const zeros = ['0', '٠', '०', '０', '۰', '০', '\u{1d7ce}', '\u{1e950}']
    const written = (code: string, zero: string) =>
      [...code].map((digit) => String.fromCodePoint((zero.codePointAt(0) ?? 0) + Number(digit)))
    const apart = fc.constantFrom('', ' ', '-', '\u00a0', '–', '\u2007', '.')
    fc.assert(
      fc.property(
        fc.stringMatching(/^[0-9]{6}$/),
        fc.constantFrom(...zeros),
        apart,
        (code, zero, between) => {
          expect(readCode(written(code, zero).join(between))).toBe(code)
        },
      ),
    )
  })

  it('is read in no time, also where somebody means it to take long', () => {
    for (const text of [
      '1.'.repeat(1_000),
      `1${'.'.repeat(1_999)}`,
      '1\u200b'.repeat(1_000),
      '1:'.repeat(1_000),
    ]) {
      expect(readCode(text)).toBeNull()
    }
  })
})

describe('the cool-down of confirmations', () => {
  it.each([
    [0, 0],
    [1, 0],
    [2, 60],
    [3, 120],
    [4, 240],
    [5, 480],
    [6, 960],
    [7, 1920],
    [8, 3600],
    [9, 3600],
    [12, 3600],
    [2_000, 3600],
  ])('after %i failures in a row lasts %i seconds', (failures, seconds) => {
    expect(cooldownMs(failures)).toBe(seconds * 1000)
  })

  it('is a table that ends where it no longer grows', () => {
    expect(cooldownTable()).toEqual([0, 60, 120, 240, 480, 960, 1920, 3600].map((seconds) => seconds * 1000))
  })
})

it('lets no more than a hundred of a million codes be guessed for an account in any day', () => {
  const day = 24 * 3_600_000
  let now = 0
  let confirmed = 0
  // As fast as the cool-down lets anybody
  for (; now < day; confirmed += 1) now += cooldownMs(confirmed + 1)
  const { burst, periodMs } = rates['code.email']
  const compared = burst + day / (periodMs / burst)
  expect(confirmed).toBeLessThanOrEqual(31)
  expect(compared).toBe(30)
  expect((confirmed + compared) / 10 ** codeLength).toBeLessThanOrEqual(1e-4)
})

it('another mail may be asked for after 30, 60, 120 and then every 300 seconds', () => {
  expect([1, 2, 3, 4, 5, 50].map((sends) => resendWaitMs(sends) / 1000)).toEqual([30, 60, 120, 300, 300, 300])
})

it.each([
  ['ada@example.test', 'a•••@example.test'],
  ['x@example.test', 'x•••@example.test'],
  ['nonsense', '•••'],
])('%s is shown as %s', (address, shown) => {
  expect(maskEmail(address)).toBe(shown)
})
