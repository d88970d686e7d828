import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseEmail } from '../../src/features/accounts/email.ts'

const long = (letters: number) => 'a'.repeat(letters)
const longestDomain = `${long(63)}.${long(63)}.${long(59)}.b`

const good: [text: string, address: string][] = [
  ['ada@example.test', 'ada@example.test'],
  ['Ada@example.test', 'Ada@example.test'],
  ['ADA@EXAMPLE.TEST', 'ADA@example.test'],
  ['a@b.co', 'a@b.co'],
  ['1@2.de', '1@2.de'],
  ['ada.lovelace@example.test', 'ada.lovelace@example.test'],
  ['ada+news@example.test', 'ada+news@example.test'],
  ['ada_l@example.test', 'ada_l@example.test'],
  ['ada-l@example.test', 'ada-l@example.test'],
  ["o'brien@example.test", "o'brien@example.test"],
  ['a/b=c@example.test', 'a/b=c@example.test'],
  ['!#$%&*@example.test', '!#$%&*@example.test'],
  ['{ada}@example.test', '{ada}@example.test'],
  ['`ada`@example.test', '`ada`@example.test'],
  ['ada|grace@example.test', 'ada|grace@example.test'],
  ['~ada@example.test', '~ada@example.test'],
  ['ada^2@example.test', 'ada^2@example.test'],
  ['ada?@example.test', 'ada?@example.test'],
  ['a.b.c.d.e@example.test', 'a.b.c.d.e@example.test'],
  ['-@example.test', '-@example.test'],
  ['_@example.test', '_@example.test'],
  ['ada@mail.example.test', 'ada@mail.example.test'],
  ['ada@a.b.c.d.e.example.test', 'ada@a.b.c.d.e.example.test'],
  ['ada@my-company.test', 'ada@my-company.test'],
  ['ada@1and1.test', 'ada@1and1.test'],
  ['ada@123.test', 'ada@123.test'],
  ['ada@x--y.test', 'ada@x--y.test'],
  ['ada@bücher.test', 'ada@xn--bcher-kva.test'],
  ['ada@BÜCHER.test', 'ada@xn--bcher-kva.test'],
  ['ada@xn--bcher-kva.test', 'ada@xn--bcher-kva.test'],
  ['ada@münchen.de', 'ada@xn--mnchen-3ya.de'],
  ['ada@例え.テスト', 'ada@xn--r8jz45g.xn--zckzah'],
  ['ada@пример.испытание', 'ada@xn--e1afmkfd.xn--80akhbyknj4f'],
  ['ada@παράδειγμα.δοκιμή', 'ada@xn--hxajbheg2az3al.xn--jxalpdlp'],
  ['ada@उदाहरण.परीक्षा', 'ada@xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g'],
  ['ada@faß.test', 'ada@xn--fa-hia.test'],
  ['ada@example.museum', 'ada@example.museum'],
  ['ada＠example.test', 'ada@example.test'],
  ['ada@ｅｘａｍｐｌｅ.test', 'ada@example.test'],
  ['ａｄａ@example.test', 'ada@example.test'],
  [`${long(64)}@example.test`, `${long(64)}@example.test`],
  [`ada@${long(63)}.test`, `ada@${long(63)}.test`],
  [`${long(64)}@${longestDomain}`, `${long(64)}@${longestDomain}`],
]

const bad: [why: string, text: string][] = [
  ['nothing', ''],
  ['no @', 'ada'],
  ['only an @', '@'],
  ['no local part', '@example.test'],
  ['no domain', 'ada@'],
  ['two @', 'ada@grace@example.test'],
  ['two @ beside each other', 'ada@@example.test'],
  ['a second, full-width @', 'ada@example.test＠evil.test'],
  ['a first, full-width @', 'ada＠grace@example.test'],
  ['a second, small @', 'ada@example.test﹫evil.test'],
  ['a quoted local part', '"ada"@example.test'],
  ['a quoted address inside', '"ada@example.test"@evil.test'],
  ['a quoted space', '"ada lovelace"@example.test'],
  ['an escaped @', 'ada\\@grace@example.test'],
  ['a comment before', '(Ada)ada@example.test'],
  ['a comment after', 'ada@example.test(work)'],
  ['a comment inside', 'ada(x)@example.test'],
  ['a display name', 'Ada <ada@example.test>'],
  ['angle brackets', '<ada@example.test>'],
  ['a source route', '@relay.test:ada@example.test'],
  ['two addresses with a comma', 'ada@example.test,grace@example.test'],
  ['two addresses with a semicolon', 'ada@example.test;grace@example.test'],
  ['two addresses with a space', 'ada@example.test grace@example.test'],
  ['a full-width comma', 'ada@example.test，grace'],
  ['a comma in the local part', 'a,da@example.test'],
  ['a colon in the local part', 'mailto:ada@example.test'],
  ['a leading space', ' ada@example.test'],
  ['a trailing space', 'ada@example.test '],
  ['a space in the local part', 'ada lovelace@example.test'],
  ['a tab', 'ada\t@example.test'],
  ['a line feed at the end', 'ada@example.test\n'],
  ['a carriage return and line feed', 'ada@example.test\r\nBcc: grace@example.test'],
  ['a line feed in the local part', 'a\nda@example.test'],
  ['a vertical tab', 'ada\v@example.test'],
  ['a NUL', 'ada\0@example.test'],
  ['a NUL at the end', 'ada@example.test\0'],
  ['a DEL', 'ada\x7f@example.test'],
  ['a C1 control', 'ada\x85@example.test'],
  ['a no-break space', 'ada\u00a0@example.test'],
  ['an ideographic space', 'ada\u3000@example.test'],
  ['a line separator', 'ada\u2028@example.test'],
  ['a zero-width space', 'ada\u200b@example.test'],
  ['a zero-width joiner', 'ada@exam\u200dple.test'],
  ['a soft hyphen', 'ada@exam\u00adple.test'],
  ['a variation selector', 'ada@exam\ufe0fple.test'],
  ['a byte order mark', '\ufeffada@example.test'],
  ['a right-to-left override', 'ada\u202e@example.test'],
  ['a tag character', 'ada\u{e0061}@example.test'],
  ['a lone high surrogate', 'ada\ud800@example.test'],
  ['a lone low surrogate in the domain', 'ada@exam\udc00ple.test'],
  ['a private-use character', 'ada@exam\ue000ple.test'],
  ['a letter beyond ASCII before the @', 'ådа@example.test'],
  ['an emoji before the @', '🦉@example.test'],
  ['a dot first', '.ada@example.test'],
  ['a dot last', 'ada.@example.test'],
  ['two dots', 'ada..lovelace@example.test'],
  ['two dots by a look-alike', 'ada‥lovelace@example.test'],
  ['a dot first in the domain', 'ada@.example.test'],
  ['a dot last in the domain', 'ada@example.test.'],
  ['two dots in the domain', 'ada@example..test'],
  ['a domain without a dot', 'ada@localhost'],
  ['a hyphen first in a label', 'ada@-example.test'],
  ['a hyphen last in a label', 'ada@example-.test'],
  ['an underscore in the domain', 'ada@my_host.test'],
  ['an IPv4 address', 'ada@127.0.0.1'],
  ['an IPv4 address in brackets', 'ada@[127.0.0.1]'],
  ['an IPv6 address in brackets', 'ada@[IPv6:::1]'],
  ['a short IPv4 address', 'ada@127.1'],
  ['a hexadecimal IPv4 address', 'ada@0x7f.0x1'],
  ['a last label of digits', 'ada@example.123'],
  ['an ideographic full stop', 'ada@example。test'],
  ['a port', 'ada@example.test:25'],
  ['a path', 'ada@example.test/x'],
  ['a look-alike of a slash', 'ada@example.test／x'],
  ['a fraction that folds into a slash', 'ada@exam½ple.test'],
  ['a query', 'ada@example.test?x'],
  ['a fragment', 'ada@example.test#x'],
  ['a percent escape in the domain', 'ada@ex%61mple.test'],
  ['an asterisk in the domain', 'ada@*.example.test'],
  ['a plus in the domain', 'ada@exam+ple.test'],
  ['an exclamation mark in the domain', 'ada@exam!ple.test'],
  ['punycode that decodes to nothing', 'ada@xn--.test'],
  ['punycode of plain ASCII', 'ada@xn--example-.test'],
  ['broken punycode', 'ada@xn--zzzzzzzz99999.test'],
  ['a local part of 65 letters', `${long(65)}@example.test`],
  ['a label of 64 letters', `ada@${long(64)}.test`],
  ['255 characters in all', `${long(64)}@${longestDomain}b`],
  ['a thousand characters', `${long(1000)}@example.test`],
  ['a million characters', long(1_000_000)],
]

describe('parseEmail', () => {
  it('has a table of at least 40 good and 60 bad addresses', () => {
    expect(good.length).toBeGreaterThanOrEqual(40)
    expect(bad.length).toBeGreaterThanOrEqual(60)
  })

  it.each(good)('accepts %s', (text, address) => {
    expect(parseEmail(text)).toEqual({ address, canonical: address.toLowerCase() })
  })

  it.each(bad)('refuses %s', (_, text) => {
    expect(parseEmail(text)).toBeNull()
  })

  it('reads back what it wrote, and never writes more than one plain address', () => {
    const pieces = fc.constantFrom(...'aA1.@"<>(),;: -_+%\\＠。．ß\u00ad\n\0', 'xn--', '.test', 'é', '½')
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 24 }), (parts) => {
        const parsed = parseEmail(parts.join(''))
        if (!parsed) return
        expect(parsed.address).toMatch(/^[!-?A-~]+@[a-z0-9.-]+$/)
        expect(parseEmail(parsed.address)).toEqual(parsed)
        expect(parseEmail(parsed.canonical)?.canonical).toBe(parsed.canonical)
      }),
      { numRuns: 2_000 },
    )
  })
})
