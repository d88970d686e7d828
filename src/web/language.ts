// Owns which language a request is answered in: what the browser, the app and the person say about it, in the order
// of LanguageWishes, and the form at the foot of every page with which they choose. The words are platform/i18n.ts.
import type Router from '@koa/router'
import type Koa from 'koa'
import { languages } from '../config/languages.ts'
import { invalidInput } from '../kernel/errors.ts'
import { days } from '../kernel/time.ts'
import type { LanguageWishes, Messages, Translator } from '../platform/i18n.ts'
import type { CookiePolicy } from './cookies.ts'
import { sameOriginPosts } from './csrf.ts'
import { readForm } from './input.ts'
import { otherMethods } from './methods.ts'

declare module 'koa' {
  interface DefaultState {
    /** Says things in the language of this answer. */
    translator: Translator
    /** Told what the request has turned out to be about: the running interaction's `ui_locales`, the account's language. */
    speakTo(wishes: Pick<LanguageWishes, 'ui_locales' | 'account'>): void
    /** Where the page is shown again after a choice of language, when that is not the address it was asked at. */
    stayAt?: string
  }
}

export type LanguageDeps = {
  messages: Pick<Messages, 'translator' | 'choose'>
  /** FOYER_LOCALE: when nothing tells a better one. */
  fallback: string
  cookies: CookiePolicy
}

const path = '/locale'
const cookieMs = days(365)
const cookieName = (cookies: CookiePolicy) => cookies.name('foyer_locale', 'host')

/** Chooses the language of each answer; programs, which say nothing about it, cost next to nothing. */
export function chooseLanguage({ messages, fallback, cookies }: LanguageDeps): Koa.Middleware {
  const name = cookieName(cookies)

  return function chooseLanguage(ctx, next) {
    const { cookie, 'accept-language': acceptLanguage } = ctx.req.headers
    const asked = ctx.querystring.includes('ui_locales') ? ctx.query.ui_locales : undefined
    const known: LanguageWishes = {
      ui_locales: typeof asked === 'string' ? asked : undefined,
      cookie: cookie?.includes(name) ? ctx.cookies.get(name, { signed: false }) : undefined,
      acceptLanguage,
      fallback,
    }
    ctx.state.translator = messages.translator(messages.choose(known))
    ctx.state.speakTo = ({ ui_locales = known.ui_locales, account = known.account }) => {
      known.ui_locales = ui_locales
      known.account = account
      ctx.state.translator = messages.translator(messages.choose(known))
    }
    return next()
  }
}

export type LanguageChoiceDeps = { router: Router; issuer: string; cookies: CookiePolicy }

/** The form at the foot of a page: keeps the choice in a cookie and shows the same page again. */
export function mountLanguageChoice({ router, issuer, cookies }: LanguageChoiceDeps): void {
  const { origin } = new URL(issuer)

  router.post(path, sameOriginPosts({ issuer, cookies: [] }), async (ctx) => {
    ctx.state.wants = 'page'
    const { locale = '', to = '' } = await readForm(ctx)
    const target = URL.parse(to, origin)
    if (
      !languages.some((tag) => tag === locale) ||
      target?.origin !== origin ||
      target.protocol === 'blob:'
    ) {
      throw invalidInput([
        { pointer: '/locale', code: 'invalid_value', detail: 'must be a language we speak' },
      ])
    }
    ctx.cookies.set(cookieName(cookies), locale, {
      httpOnly: true,
      sameSite: 'lax',
      secure: cookies.secure,
      signed: false,
      path: '/',
      maxAge: cookieMs,
    })
    ctx.status = 303
    // With its origin: a path may begin with two slashes and would lead to another host.
    ctx.redirect(target.href)
  })
  router.all(path, otherMethods('POST'))
}
