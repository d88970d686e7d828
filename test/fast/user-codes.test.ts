import { describe, expect, it } from 'vitest'
import { readUserCode, showUserCode } from '../../src/features/crossdevice/user-codes.ts'

describe('a user code', () => {
  it.each([
    ['as it is shown', 'BCDF-GHJK'],
    ['in lower case', 'bcdf-ghjk'],
    ['without a dash', 'BCDFGHJK'],
    ['with spaces', ' bcdf ghjk '],
    ['with another dash', 'BCDF–GHJK'],
    ['letter by letter', 'b c d f - g h j k'],
    ['in full-width letters', 'ＢＣＤＦ－ＧＨＪＫ'],
    ['with a digit for a letter', '8CDF-6HJK'],
    ['with letters of Cyrillic', 'ВСDF-GНJК'],
    ['in quotes', '“BCDF-GHJK”'],
  ])('is read %s', (_, typed) => {
    expect(readUserCode(typed)).toBe('BCDFGHJK')
  })

  it('takes what is mistaken for a letter as that letter', () => {
    expect(readUserCode('0o1i-25uv')).toBe('QQLLZSVV')
  })

  it.each([
    ['nothing', ''],
    ['too short', 'BCDF-GHJ'],
    ['too long', 'BCDF-GHJK-L'],
    ['with a vowel that looks like nothing else', 'BCDF-GHJA'],
    ['in Chinese', '设备代码设备代码'],
    ['endless', 'B'.repeat(100_000)],
  ])('is none when it is %s', (_, typed) => {
    expect(readUserCode(typed)).toBeUndefined()
  })

  it('is shown in two halves', () => {
    expect(showUserCode('BCDFGHJK')).toBe('BCDF-GHJK')
  })
})
