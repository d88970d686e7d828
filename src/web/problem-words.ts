// Owns the words for every code a failure can have, for people who run into one: the English ones, which programs get.
// They are in locales/en/error.json, as CODE.title and CODE.detail; pages say the same in the reader's language.
// A test holds this table against the codes that the source raises.
import words from '../../locales/en/error.json' with { type: 'json' }

type Keys = keyof typeof words

/** A code that there are words for. */
export type ProblemCode = { [Key in Keys]: Key extends `${infer Code}.detail` ? Code : never }[Keys]

export type Words = { title: string; detail: string }

const suffix = '.detail'
const codes = Object.keys(words)
  .filter((key) => key.endsWith(suffix))
  .map((key) => key.slice(0, -suffix.length) as ProblemCode)

/** What each code means and what to do about it. */
export const problems: Record<string, Words> = Object.fromEntries(
  codes.map((code) => [code, { title: words[`${code}.title`], detail: words[`${code}.detail`] }]),
)

export const isProblemCode = (code: string): code is ProblemCode => Object.hasOwn(problems, code)
