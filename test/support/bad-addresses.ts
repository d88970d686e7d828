// Owns texts that are no plain address: more than three hundred, each of them something that somebody could send.

const bases = ['ada', 'ada.lovelace', 'ada+news', 'ADA', '1', "o'brien", 'a_b', 'a-b', 'x', 'grace.hopper']
const host = 'example.test'
const long = (letters: number) => 'a'.repeat(letters)

/** Each turns the local part of a plain address into something that is none. */
const spoilt: ((local: string) => string)[] = [
  (local) => local,
  (local) => `${local}@`,
  (local) => `@${local}.test`,
  (local) => `${local}@localhost`,
  (local) => `${local}@127.0.0.1`,
  (local) => `${local}@[127.0.0.1]`,
  (local) => `${local}@[IPv6:::1]`,
  (local) => `${local}@${host}@${host}`,
  (local) => `${local}＠${host}＠evil.test`,
  (local) => `${local}@${host},eve@evil.test`,
  (local) => `${local}@${host};eve@evil.test`,
  (local) => `${local}@${host} eve@evil.test`,
  (local) => `${local}@${host}\r\nBcc: eve@evil.test`,
  (local) => `${local}@${host}\u0000`,
  (local) => `${local}\u0000@${host}`,
  (local) => `${local}\u200b@${host}`,
  (local) => `${local}@exam\u202eple.test`,
  (local) => `"${local}"@${host}`,
  (local) => `"${local}@evil.test"@${host}`,
  (local) => `<${local}@${host}>`,
  (local) => `Ada <${local}@${host}>`,
  (local) => `mailto:${local}@${host}`,
  (local) => `${local}(comment)@${host}`,
  (local) => `.${local}@${host}`,
  (local) => `${local}.@${host}`,
  (local) => `${local}..b@${host}`,
  (local) => `${local}@-${host}`,
  (local) => `${local}@example-.test`,
  (local) => `${local}@.${host}`,
  (local) => `${local}@example..test`,
  (local) => `${local}@exam_ple.test`,
  (local) => `${local}@exam%70le.test`,
  (local) => `${local}@xn--zzzzzz.test`,
  (local) => `${local}@${long(64)}.test`,
  (local) => `${local}${long(64)}@${host}`,
  (local) => `${local}@${`${long(60)}.`.repeat(5)}test`,
  (local) => `${local}ä@${host}`,
  (local) => `${local}😀@${host}`,
  (local) => `${local}@${host}/path`,
  (local) => `${local}@${host}:25`,
  (local) => `${local}!relay@evil.test!x@${host}`,
  (local) => `${local}\\@evil.test@${host}`,
]
export const badAddresses: readonly string[] = [
  ...new Set(bases.flatMap((local) => spoilt.map((spoil) => spoil(local)))),
]
