// What is said in each language is complete and fits its values; what a page says comes from there.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { IntlMessageFormat } from 'intl-messageformat'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { languages } from '../../src/config/languages.ts'
import { createMessages } from '../../src/platform/i18n.ts'
import { localesDir, startPageApp } from '../support/page-app.ts'
import { samples } from '../support/page-samples.ts'
import { spell, withPseudoLocales } from '../support/pseudo-locales.ts'

const areas = [
  'account',
  'common',
  'consent',
  'error',
  'interaction',
  'invitation',
  'logout',
  'mail',
  'setup',
]
const translated = languages.filter((tag) => tag !== 'en')

function read(tag: string): Record<string, string> {
  const words: Record<string, string> = {}
  for (const area of areas) {
    const messages = JSON.parse(readFileSync(join(localesDir, tag, `${area}.json`), 'utf8')) as object
    for (const [key, text] of Object.entries(messages)) words[`${area}.${key}`] = String(text)
  }
  return words
}

type Element = ReturnType<IntlMessageFormat['getAst']>[number]

/** What a message takes: `name:kind` of every placeholder and tag, and the cases of its plurals. */
function shapeOf(text: string, tag: string) {
  const takes = new Set<string>()
  const cases: string[][] = []
  const walk = (elements: Element[]) => {
    for (const element of elements) {
      // A literal and the `#` of a plural take nothing.
      if (element.type === 0 || element.type === 7) continue
      takes.add(`${element.value}:${element.type}`)
      if ('children' in element) walk(element.children)
      if (!('options' in element)) continue
      if (element.type === 6) cases.push(Object.keys(element.options).filter((name) => !name.startsWith('=')))
      for (const { value } of Object.values(element.options)) walk(value)
    }
  }
  walk(new IntlMessageFormat(text, tag).getAst())
  return { takes: [...takes].sort(), cases }
}

const english = read('en')

describe('every language', () => {
  it.each(translated)('%s says all that English says, and nothing else', (tag) => {
    const words = read(tag)
    expect(Object.keys(english).filter((key) => !(key in words))).toEqual([])
    expect(Object.keys(words).filter((key) => !(key in english))).toEqual([])
    expect(Object.entries(words).filter(([, text]) => text.trim() === '')).toEqual([])
  })

  it.each(languages)('%s takes the same values as English, and has each case of its plurals', (tag) => {
    const rules = new Intl.PluralRules(tag)
    const known = rules.resolvedOptions().pluralCategories
    // What no number of minutes or characters comes to, the millions of French, needs no case.
    const wanted = new Set(['other', ...Array.from({ length: 200 }, (_, number) => rules.select(number))])
    for (const [key, text] of Object.entries(read(tag))) {
      const { takes, cases } = shapeOf(text, tag)
      expect(takes, `${tag} ${key}`).toEqual(shapeOf(english[key] ?? '', 'en').takes)
      for (const names of cases) {
        expect(known, `${tag} ${key}`).toEqual(expect.arrayContaining(names))
        expect(names, `${tag} ${key}`).toEqual(expect.arrayContaining([...wanted]))
      }
    }
  })

  it.each(translated)('%s says next to nothing in the very words of English', (tag) => {
    const words = read(tag)
    const same = Object.keys(english).filter(
      (key) => words[key] === english[key] && /[a-z]{4} [a-z]{2}/i.test(english[key] ?? ''),
    )
    expect(same).toEqual([])
  })
})

describe('every message', () => {
  const sources = [...globSync('src/**/*.ts'), ...globSync('views/**/*.ejs')]
    .filter((path) => !path.includes('generated'))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n')
  const areaNames = areas.join('|')
  const named = [...sources.matchAll(new RegExp(`['"\`]((?:${areaNames})\\.[\\w.]+)['"\`]`, 'g'))]
  const begun = [...sources.matchAll(new RegExp(`\`((?:${areaNames})\\.[\\w.]*)\\$\\{`, 'g'))]
  const keys = new Set(named.map(([, key = '']) => key))
  const prefixes = begun.map(([, prefix = '']) => prefix).filter((prefix) => prefix !== 'error.')

  it('that a page names is there', () => {
    const inViews = globSync('views/**/*.ejs').flatMap((path) => [
      ...readFileSync(path, 'utf8').matchAll(/'([a-z]+\.[\w.]+)'/g),
    ])
    const missing = inViews
      .map(([, key = '']) => key)
      .filter((key) => areas.includes(key.split('.')[0] ?? '') && !(key in english))
    expect(missing).toEqual([])
  })

  it('is said somewhere', () => {
    const said = (key: string) =>
      keys.has(key) ||
      prefixes.some((prefix) => key.startsWith(prefix)) ||
      // The words of a problem are found by its code.
      /^error\.\w+\.(title|detail)$/.test(key)
    expect(Object.keys(english).filter((key) => !said(key))).toEqual([])
  })
})

describe('a message', () => {
  const messages = createMessages(localesDir)
  const { t, rich } = messages.translator('en')
  const hostile = `<img src=x onerror=alert(1)> "&' {b} <b>`

  it('takes its values as text, whatever stands in them', () => {
    expect(t('interaction.sign_in_to', { app: hostile })).toBe(`Sign in to ${hostile}`)
  })

  it('is HTML only where it says so itself', () => {
    const html = rich('logout.signed_in_as', { email: hostile })
    expect(html).toMatch(/^You are signed in as <b><bdi>[^<]*<\/bdi><\/b>$/)
    expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;')
    expect(t('logout.signed_in_as', { email: 'a' })).toBe('You are signed in as a')
  })

  it('says a moment in a way that a script can turn into local time', () => {
    const at = new Date('2026-03-01T14:32:00Z')
    expect(rich('common.retry_at', { at })).toBe(
      'You can try again at <time datetime="2026-03-01T14:32:00.000Z" data-local>14:32 UTC</time>.',
    )
    expect(t('common.moment', { at })).toBe('Mar 1, 2026, 14:32 UTC')
    expect(messages.translator('de').t('common.moment', { at })).toMatch(/^1\. März 2026.*14:32 UTC$/)
  })

  it('counts as its language counts', () => {
    const minutes = (tag: string, count: number) =>
      messages.translator(tag).t('common.retry_at_minutes', { at: new Date(0), minutes: count })
    expect([1, 2, 5, 21].map((count) => minutes('ru', count).match(/минут\S?/)?.[0])).toEqual([
      'минуту',
      'минуты',
      'минут.',
      'минуту',
    ])
  })

  it('keeps a value from turning the words around it', () => {
    expect(t('interaction.sign_in_to', { app: '\u202Eemca' })).toBe('Sign in to emca')
    expect(t('interaction.sign_in_to', { app: 'مهام' })).toBe('Sign in to \u2068مهام\u2069')
    expect(messages.translator('ar').t('interaction.sign_in_to', { app: 'Acme' })).toContain(
      '\u2068Acme\u2069',
    )
  })

  it('that nobody wrote is an error, not an empty page', () => {
    expect(() => t('interaction.unheard_of' as 'interaction.sign_in')).toThrow('interaction.unheard_of')
  })
})

describe('the language', () => {
  const { choose, translator } = createMessages(localesDir)
  const fallback = 'en'

  it('is taken from the app, else from what was chosen, the account, the browser, the installation', () => {
    const all = { ui_locales: 'fr', cookie: 'de', account: 'it', acceptLanguage: 'pl', fallback: 'ja' }
    expect(choose(all)).toBe('fr')
    expect(choose({ ...all, ui_locales: undefined })).toBe('de')
    expect(choose({ ...all, ui_locales: 'tlh', cookie: 'xx' })).toBe('it')
    expect(choose({ acceptLanguage: 'pl', fallback: 'ja' })).toBe('pl')
    expect(choose({ account: null, fallback: 'ja' })).toBe('ja')
  })

  it.each([
    ['de-AT,de;q=0.9', 'de'],
    ['pt-PT, en;q=0.1', 'pt-BR'],
    ['zh-CN,zh;q=0.9,en;q=0.8', 'zh-Hans'],
    ['zh-TW,ja;q=0.5', 'ja'],
    ['en;q=0.2, uk', 'uk'],
    ['fr;q=0, es', 'es'],
    ['*', 'en'],
    ['ar-EG', 'ar'],
    ['tlh, nn', 'en'],
    ['', 'en'],
    [';;q=,,-;q=x,\u0000', 'en'],
    ['a'.repeat(10_000), 'en'],
  ])('of a browser that says %j is %s', (acceptLanguage, tag) => {
    expect(choose({ acceptLanguage, fallback })).toBe(tag)
  })

  it('is one there are words for, whatever is asked', () => {
    for (const tag of ['de-CH', 'zz', '', '../../etc', '__proto__']) {
      expect(languages).toContain(translator(tag).lang)
    }
    expect([translator('ar').dir, translator('de').dir]).toEqual(['rtl', 'ltr'])
  })
})

describe('in a language nobody speaks', () => {
  const pseudo = withPseudoLocales()
  let app: Awaited<ReturnType<typeof startPageApp>>
  beforeAll(async () => {
    app = await startPageApp(pseudo.dir)
  })
  afterAll(async () => {
    await app.close()
    pseudo.remove()
  })

  const names = Object.keys(samples).filter((name) => !samples[name]?.page.startsWith('dev/'))
  /** The words that people and apps brought along. */
  const wordsIn = (value: unknown): string[] =>
    typeof value === 'string'
      ? (value.match(/[A-Za-z]{2,}/g) ?? [])
      : typeof value === 'object' && value !== null
        ? Object.values(value).flatMap(wordsIn)
        : []
  // Intl knows no month in these languages; a time zone and a code are the same in all of them.
  const examples = ['Europe', 'London', 'BCDF', 'GHJK', 'LMNP']
  const ofUs = new Set(['Foyer', 'UTC', 'GMT', 'Feb', 'Mar', 'March', ...examples])

  it('keeps what is no word', () => {
    expect(spell('{n, plural, one {# day} other {# days}} of <b>{app}</b>', [...'0123456789'])).toBe(
      '{n, plural, one {# 30y} other {# 30ys}} o5 <b>{app}</b>',
    )
  })

  it.each(names)('%s: no page says anything in plain letters', async (name) => {
    const known = new Set([...wordsIn(samples[name]?.view), ...ofUs])
    for (const tag of ['en-XA', 'ar-XB']) {
      const html = await (await fetch(`${app.url(name)}?lang=${tag}`)).text()
      const shown = html
        .replace(/<option .*?<\/option>|<span class="tile\b.*?<\/span>/gs, '')
        .replace(/\s(?:data-reveal|data-copy|aria-label|alt|title)="([^"]*)"/g, '>$1<')
        .replace(/<[^>]*>/gs, ' ')
        .replace(/&#?\w+;/g, ' ')
      const words = shown.match(/[A-Za-z]{2,}/g) ?? []
      expect(
        words.filter((word) => !known.has(word)),
        tag,
      ).toEqual([])
      expect(html).toContain(`<html lang="${tag}" dir="${tag === 'ar-XB' ? 'rtl' : 'ltr'}">`)
    }
  })
})
