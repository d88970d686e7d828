// Owns the way from a view model to a page: its headline and title, the layout around it, its headers.
// Pages leave uncompressed on purpose: some hold a secret (a set-up token, an xsrf value) beside text the
// visitor chose, and compressing the two together tells their lengths apart (BREACH). They are small instead;
// what is big and public, style and script, is compressed in web/assets.ts.
import type Koa from 'koa'
import type { Templates } from '../platform/templates.ts'
import type { Assets } from './assets.ts'
import { pageHeaders } from './headers.ts'
import { type AppOnPage, type PageName, type Pages, say } from './views.ts'

export type RendererDeps = {
  templates: Templates
  assets: Pick<Assets, 'url'>
  /** How the operator calls this installation. */
  product?: string
}

export type PageOptions = {
  status?: number
  /** Origins, or schemes of native apps, that an answer to this page's form may lead to. */
  formAction?: string[]
  lang?: string
}

export type Renderer = {
  /** Answers with the page; the view model is the one that views.ts names for it. */
  page<Name extends PageName>(ctx: Koa.Context, name: Name, view: Pages[Name], options?: PageOptions): void
}

type Head = { heading: string; title?: string; app?: AppOnPage }

const signInTo = (app?: AppOnPage) => (app ? `Sign in to ${app.name}` : 'Sign in')

const headOf: { [Name in PageName]: (view: Pages[Name]) => Head } = {
  'interaction/identifier': ({ app }) => ({ heading: signInTo(app), app }),
  'interaction/password': ({ app }) => ({
    heading: signInTo(app),
    title: `Your password: ${signInTo(app)}`,
    app,
  }),
  'interaction/sign-in': ({ app }) => ({ heading: signInTo(app), app }),
  'interaction/consent': ({ app }) => ({ heading: `Allow access for ${app.name}?`, app }),
  'interaction/expired': ({ app }) => ({ heading: 'This page expired', app }),
  'interaction/return': ({ app }) => ({ heading: app ? `Back to ${app.name}` : 'On the way back', app }),
  'logout/question': () => ({ heading: 'Sign out?' }),
  'logout/done': () => ({ heading: 'You are signed out' }),
  error: ({ title }) => ({ heading: title }),
  'setup/start': ({ purpose }) => ({
    heading: purpose === 'set_password' ? 'Choose your password' : 'Set up this installation',
  }),
  'setup/done': () => ({ heading: 'All set' }),
  'dev/mail': () => ({ heading: 'Mails' }),
}

const rightToLeft = new Set(['ar', 'fa', 'he', 'ur'])
const directionOf = (lang: string) => (rightToLeft.has(lang.split('-')[0] ?? lang) ? 'rtl' : 'ltr')

// An app's name may not turn the words around it: explicit marks of direction are dropped (Trojan Source).
const withoutDirectionMarks = (text: string) =>
  text.replace(/[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g, '')

/** One or two letters that stand for an app, as its name begins. */
function initialsOf(name: string): string {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? []
  return words
    .slice(0, 2)
    .map((word) => Array.from(word)[0] ?? '')
    .join('')
    .toUpperCase()
}

function problemsOf(view: Pages[PageName]) {
  const given = 'errors' in view ? (view.errors ?? []) : []
  const retryAt = 'retryAt' in view ? view.retryAt : undefined
  const retryAfterSeconds = 'retryAfterSeconds' in view ? view.retryAfterSeconds : undefined
  return { errors: given.length === 0 && retryAt ? [say.tooManyTries()] : given, retryAt, retryAfterSeconds }
}

export function createRenderer({ templates, assets, product = 'Foyer' }: RendererDeps): Renderer {
  function htmlOf<Name extends PageName>(name: Name, view: Pages[Name], lang: string): string {
    const { heading, title = heading, app } = headOf[name](view)
    const problems = problemsOf(view)
    const { errors } = problems
    return templates.render('layout', {
      lang,
      dir: directionOf(lang),
      wide: name.startsWith('dev/'),
      heading: withoutDirectionMarks(heading),
      title: `${errors.length > 0 ? 'Error: ' : ''}${withoutDirectionMarks(title)} – ${product}`,
      initials: app ? initialsOf(app.name) : '',
      product,
      ...problems,
      css: assets.url('app.css'),
      script: assets.url('login.js'),
      icon: assets.url('favicon.svg'),
      body: templates.render(name, { ...view, errors, goOn: assets.url('return.js') }),
    })
  }

  return {
    page(ctx, name, view, { status = 200, formAction = [], lang = 'en' } = {}) {
      ctx.state.page = name
      ctx.status = status
      ctx.type = 'html'
      pageHeaders(ctx, { formAction })
      ctx.body = htmlOf(name, view, lang)
    },
  }
}
