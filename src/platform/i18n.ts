// Owns words in every language: the messages of locales/ (ICU MessageFormat), how their values are put in, and which
// language somebody gets. What a request says about its language is read by web/language.ts.
// Every file is read at the start, so that a deployment under a running process does not mix two versions; what
// stands in it is parsed when it is first said, since most languages are spoken by nobody for days.
import ejs from 'ejs'
import { IntlMessageFormat } from 'intl-messageformat'
import type { LanguageTag } from '../config/languages.ts'
import { folderCache, listFolder, readFolderFile } from './folder.ts'
import type { MessageKey } from './message-keys.ts'

/** A message names each value in braces; a Date in plain braces is a moment. */
export type Values = Readonly<Record<string, string | number | Date>>

export type Translator = {
  lang: LanguageTag
  dir: 'ltr' | 'rtl'
  /** The message as plain text. */
  t(key: MessageKey, values?: Values): string
  /**
   * The message as HTML: `<b>` of the message stays, everything else is escaped, values stand in `<bdi>`, and a Date
   * is a time of day in `<time>`, which a script turns into local time.
   */
  rich(key: MessageKey, values?: Values): string
}

/** What is known about somebody's language, in the order in which it counts. */
export type LanguageWishes = {
  /** Space-separated tags, the best one first (OpenID Connect Core §3.1.2.1). */
  ui_locales?: string | undefined
  /** Chosen on a page. */
  cookie?: string | undefined
  account?: string | null | undefined
  /** The header (RFC 9110 §12.5.4). */
  acceptLanguage?: string | undefined
  fallback: string
}

export type Messages = {
  /** All languages, each called by its own name. */
  languages: () => { tag: LanguageTag; name: string }[]
  /** For a tag that there are no words for: the nearest language, or English. */
  translator(tag: string): Translator
  choose(wishes: LanguageWishes): LanguageTag
}

const source = 'en'
const rightToLeft = new Set(['Arab', 'Hebr'])

const timeOfDay = {
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
  timeZone: 'UTC',
  timeZoneName: 'short',
} as const satisfies Intl.DateTimeFormatOptions
const day = { year: 'numeric', day: 'numeric', timeZone: 'UTC' } as const

// The server does not know where somebody is, so every time says that it is UTC.
const formats = {
  date: {
    short: { ...day, month: 'numeric' },
    medium: { ...day, month: 'short' },
    long: { ...day, month: 'long' },
    moment: { ...day, month: 'short', ...timeOfDay },
  },
  time: { short: timeOfDay },
} as const

/** Keeps the text around it from being turned by a value that is written the other way round (UAX #9). */
function isolated(value: string, dir: Translator['dir']): string {
  const turns = dir === 'rtl' ? /\p{Script=Latin}|\p{Nd}/u : /[\p{Script=Arabic}\p{Script=Hebrew}]/u
  const plain = withoutDirectionMarks(value)
  return turns.test(plain) ? `\u2068${plain}\u2069` : plain
}

/** A name may not turn the words around it: explicit marks of direction are dropped (Trojan Source). */
export const withoutDirectionMarks = (text: string): string =>
  text.replace(/[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g, '')

/** HTML that is safe as it is; a select or a plural still sees the text that it was made from. */
class Html {
  readonly html: string
  readonly #text: string
  constructor(html: string, text = '') {
    this.html = html
    this.#text = text
  }
  toString(): string {
    return this.#text
  }
}

type Part = string | Html | Date

function createTranslator(tag: LanguageTag, wordsOf: WordsOf): Translator {
  const dir = rightToLeft.has(new Intl.Locale(tag).maximize().script ?? '') ? 'rtl' : 'ltr'
  const compiled = new Map<string, IntlMessageFormat>()
  let clock: Intl.DateTimeFormat | undefined
  let moment: Intl.DateTimeFormat | undefined

  function sayTime(at: Date): string {
    clock ??= new Intl.DateTimeFormat(tag, timeOfDay)
    return clock.format(at)
  }

  function sayMoment(at: Date): string {
    moment ??= new Intl.DateTimeFormat(tag, formats.date.moment)
    return moment.format(at)
  }

  function messageOf(key: MessageKey): IntlMessageFormat {
    const known = compiled.get(key)
    if (known) return known
    const text = wordsOf(key)
    if (text === undefined) throw new Error(`There is no message named ${key}`)
    const message = new IntlMessageFormat(text, tag, formats)
    compiled.set(key, message)
    return message
  }

  function partsOf(key: MessageKey, values: Record<string, unknown>): Part[] {
    return [messageOf(key).format<Part>(values as Record<string, Part>)].flat()
  }

  function htmlOf(part: Part): string {
    if (part instanceof Html) return part.html
    if (typeof part === 'string') return ejs.escapeXML(part)
    return `<time datetime="${part.toISOString()}" data-local>${ejs.escapeXML(sayTime(part))}</time>`
  }

  function t(key: MessageKey, values: Values = {}): string {
    const given: Record<string, unknown> = { b: (inner: Part[]) => inner.join('') }
    for (const [name, value] of Object.entries(values)) {
      given[name] = typeof value === 'string' ? isolated(value, dir) : value
    }
    return partsOf(key, given)
      .map((part) => (part instanceof Date ? sayMoment(part) : String(part)))
      .join('')
  }

  function rich(key: MessageKey, values: Values = {}): string {
    const given: Record<string, unknown> = {
      b: (inner: Part[]) => new Html(`<b>${inner.map(htmlOf).join('')}</b>`),
    }
    for (const [name, value] of Object.entries(values)) {
      given[name] = typeof value === 'string' ? new Html(`<bdi>${ejs.escapeXML(value)}</bdi>`, value) : value
    }
    return partsOf(key, given).map(htmlOf).join('')
  }

  return { lang: tag, dir, t, rich }
}

/** The text of `area.key`. */
type WordsOf = (key: string) => string | undefined

/** Of one language, by its files: `area` and the JSON that stands there. */
function createWords(files: ReadonlyMap<string, Buffer>): WordsOf {
  const parsed = new Map<string, ReadonlyMap<string, string>>()

  function wordsIn(area: string): ReadonlyMap<string, string> {
    const known = parsed.get(area)
    if (known) return known
    const messages: Record<string, string> = JSON.parse(files.get(area)?.toString('utf8') ?? '{}')
    const words = new Map(Object.entries(messages))
    parsed.set(area, words)
    return words
  }

  return (key) => {
    const [area = '', ...name] = key.split('.')
    return wordsIn(area).get(name.join('.'))
  }
}

/** The files of each language, `area` to content. */
function readLocales(dir: string): Map<string, Map<string, Buffer>> {
  const locales = new Map<string, Map<string, Buffer>>()
  for (const path of listFolder(dir)) {
    const [tag = '', file = ''] = path.split('/')
    if (!file.endsWith('.json')) continue
    const files = locales.get(tag) ?? new Map<string, Buffer>()
    locales.set(tag, files.set(file.slice(0, -'.json'.length), readFolderFile(dir, path)))
  }
  return locales
}

/** What a language does not say yet is said in English. */
function readTranslators(dir: string): Map<string, Translator> {
  const locales = readLocales(dir)
  const english = createWords(locales.get(source) ?? new Map())
  return new Map(
    [...locales].map(([tag, files]) => {
      const own = createWords(files)
      const language = tag as LanguageTag
      return [tag, createTranslator(language, (key) => own(key) ?? english(key))]
    }),
  )
}

/** The tags of an Accept-Language header, the most wanted first. */
function tagsOf(acceptLanguage = ''): string[] {
  return acceptLanguage
    .slice(0, longestWish)
    .split(',')
    .map((range) => {
      const [tag = '', weight] = range.split(';').map((part) => part.trim())
      return { tag, weight: weight?.startsWith('q=') ? Number(weight.slice(2)) : 1 }
    })
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight)
    .map(({ tag }) => tag)
}

const longestWish = 200

function localeOf(tag: string): Intl.Locale | undefined {
  try {
    return new Intl.Locale(tag).maximize()
  } catch {
    return undefined
  }
}

/** The language in the same script, preferably of the same region: zh-CN is read by who reads zh-Hans. */
function nearestOf(tag: string, tags: Iterable<string>): LanguageTag | undefined {
  const wanted = localeOf(tag)
  if (!wanted) return undefined
  const near = [...tags].filter((each) => {
    const { language, script } = new Intl.Locale(each).maximize()
    return language === wanted.language && script === wanted.script
  })
  const same = near.find((each) => new Intl.Locale(each).maximize().region === wanted.region)
  return (same ?? near[0]) as LanguageTag | undefined
}

export function createMessages(dir: string, { reload = false }: { reload?: boolean } = {}): Messages {
  const current = folderCache(dir, readTranslators, reload)
  const nearest = new Map<string, LanguageTag | undefined>()

  function match(tag: string): LanguageTag | undefined {
    if (current().has(tag)) return tag as LanguageTag
    // What strangers send does not pile up.
    if (nearest.size > 1000) nearest.clear()
    if (!nearest.has(tag)) nearest.set(tag, nearestOf(tag, current().keys()))
    return nearest.get(tag)
  }

  function firstOf(tags: string[]): LanguageTag | undefined {
    for (const tag of tags) {
      const found = match(tag)
      if (found) return found
    }
    return undefined
  }

  function translator(tag: string): Translator {
    const found = current().get(match(tag) ?? source)
    if (!found) throw new Error(`There are no words in ${dir}`)
    return found
  }

  return {
    translator,
    languages: () =>
      [...current().values()].map(({ lang, t }) => ({ tag: lang, name: t('common.language_name') })),
    choose({ ui_locales, cookie, account, acceptLanguage, fallback }) {
      return (
        firstOf(ui_locales?.slice(0, longestWish).split(' ') ?? []) ??
        firstOf(cookie ? [cookie] : []) ??
        firstOf(account ? [account] : []) ??
        firstOf(tagsOf(acceptLanguage)) ??
        match(fallback) ??
        source
      )
    },
  }
}
