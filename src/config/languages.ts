// Owns which languages there are: pages and mails have words in each of them. The words are in locales/.

/** Tags of BCP 47; the first is the source that the others are translated from. */
export const languages = [
  'en',
  'ru',
  'de',
  'fr',
  'es',
  'pt-BR',
  'it',
  'pl',
  'uk',
  'ja',
  'zh-Hans',
  'ar',
] as const

export type LanguageTag = (typeof languages)[number]
