// Owns the way from a view model to a page: its headline and title, the layout around it, its headers, its language.
// Pages leave uncompressed on purpose: some hold a secret (a set-up token, an xsrf value) beside text the
// visitor chose, and compressing the two together tells their lengths apart (BREACH). They are small instead;
// what is big and public, style and script, is compressed in web/assets.ts.
import type Koa from 'koa'
import { type Messages, type Translator, withoutDirectionMarks } from '../platform/i18n.ts'
import type { Templates } from '../platform/templates.ts'
import { accountHeads } from './account-views.ts'
import { askHeads } from './ask-views.ts'
import type { Assets } from './assets.ts'
import { deviceHeads } from './device-views.ts'
import { pageHeaders } from './headers.ts'
import { invitationHeads } from './invitation-views.ts'
import { joinHeads } from './join-views.ts'
import { teamHeads } from './team-views.ts'
import { type AppOnPage, type PageError, type PageName, type Pages, type Said, say } from './views.ts'

export type RendererDeps = {
  templates: Templates
  assets: Pick<Assets, 'url'>
  messages: Pick<Messages, 'translator' | 'languages'>
  /** How the operator calls this installation. */
  product?: string
}

export type PageOptions = {
  status?: number
  /** Origins, or schemes of native apps, that an answer to this page's form may lead to. */
  formAction?: string[]
  /** Origins that the page may show inside itself. */
  frameSrc?: string[]
  /** Instead of the language of the request. */
  lang?: string
}

export type Renderer = {
  /** Answers with the page; the view model is the one that views.ts names for it. */
  page<Name extends PageName>(ctx: Koa.Context, name: Name, view: Pages[Name], options?: PageOptions): void
}

type Head = { heading: string; title?: string; app?: AppOnPage }

type Say = Translator['t']
type HeadOf<View> = (view: View, t: Say) => Head

const signInTo = (t: Say, app?: AppOnPage) =>
  app ? t('interaction.sign_in_to', { app: app.name }) : t('interaction.sign_in')

const headOf: { [Name in PageName]: HeadOf<Pages[Name]> } = {
  'interaction/identifier': ({ app }, t) => ({ heading: signInTo(t, app), app }),
  'interaction/password': ({ app }, t) => ({
    heading: signInTo(t, app),
    title: t('interaction.password_title', { page: signInTo(t, app) }),
    app,
  }),
  'interaction/sign-in': ({ app }, t) => ({ heading: signInTo(t, app), app }),
  'interaction/consent': ({ app }, t) => ({ heading: t('consent.heading', { app: app.name }), app }),
  'interaction/no-access': ({ app }, t) => ({ heading: t('access.heading', { app: app.name }), app }),
  'interaction/choose': ({ app }, t) => ({ heading: t('choose.heading', { app: app.name }), app }),
  'interaction/code': ({ app }, t) => ({ heading: t('interaction.code_heading'), app }),
  'interaction/link-sent': ({ app }, t) => ({ heading: t('interaction.link_sent_heading'), app }),
  'interaction/link': ({ app }, t) => ({ heading: signInTo(t, app), app }),
  'interaction/link-code': ({ app }, t) => ({ heading: t('interaction.link_code_heading'), app }),
  'interaction/sign-up': ({ app }, t) => ({
    heading: app ? t('interaction.sign_up_heading_app', { app: app.name }) : t('interaction.sign_up_heading'),
    app,
  }),
  'interaction/recover': ({ app }, t) => ({ heading: t('interaction.recover_heading'), app }),
  'interaction/new-password': ({ app }, t) => ({ heading: t('interaction.new_password_heading'), app }),
  'interaction/recovered': (_, t) => ({ heading: t('interaction.recovered_heading') }),
  'interaction/profile': ({ app }, t) => ({ heading: t('interaction.profile_heading'), app }),
  'interaction/expired': ({ app, over }, t) => ({
    heading: t(over ? `interaction.${over}_heading` : 'interaction.expired_heading'),
    app,
  }),
  'interaction/return': ({ app }, t) => ({
    heading: app ? t('interaction.return_heading_app', { app: app.name }) : t('interaction.return_heading'),
    app,
  }),
  'logout/question': (_, t) => ({ heading: t('logout.question_heading') }),
  'logout/apps': (_, t) => ({ heading: t('logout.done_heading') }),
  'logout/done': (_, t) => ({ heading: t('logout.done_heading') }),
  error: ({ title }) => ({ heading: title }),
  'setup/start': ({ purpose, over }, t) => ({
    heading: t(
      over ? 'setup.over_heading' : purpose === 'set_password' ? 'setup.heading_password' : 'setup.heading',
    ),
  }),
  'setup/done': (_, t) => ({ heading: t('setup.done_heading') }),
  'dev/mail': () => ({ heading: 'Mails' }),
  'dev/api': () => ({ heading: 'Management API' }),
  ...accountHeads,
  ...askHeads,
  ...deviceHeads,
  ...invitationHeads,
  ...joinHeads,
  ...teamHeads,
}

/** One or two letters that stand for an app, as its name begins. */
function initialsOf(name: string): string {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? []
  return words
    .slice(0, 2)
    .map((word) => Array.from(word)[0] ?? '')
    .join('')
    .toUpperCase()
}

const inWords = (text: string | Said, { t }: Translator): string =>
  typeof text === 'string' ? text : t(text.key, text.values)

function errorsOf(errors: PageError[], translator: Translator) {
  return errors.map(({ field, text, beside }) => ({
    field,
    text: inWords(text, translator),
    beside: beside === undefined ? undefined : inWords(beside, translator),
  }))
}

function problemsOf(view: Pages[PageName], translator: Translator) {
  const given = 'errors' in view ? (view.errors ?? []) : []
  const retryAt = 'retryAt' in view ? view.retryAt : undefined
  const retryAfterSeconds = 'retryAfterSeconds' in view ? view.retryAfterSeconds : undefined
  const errors = given.length === 0 && retryAt ? [say.tooManyTries()] : given
  return { errors: errorsOf(errors, translator), retryAt, retryAfterSeconds }
}

/** Pages that are shown once: whoever asks again at their address gets another answer. */
const shownOnce = new Set<PageName>(['interaction/return', 'logout/apps', 'setup/done'])
const isForDevelopers = (name: PageName) => name.startsWith('dev/')

/** Where the page is shown again in another language; nowhere, when only a form led to it. */
function stayAt(ctx: Koa.Context, name: PageName): string | undefined {
  if (shownOnce.has(name) || isForDevelopers(name)) return undefined
  const { stayAt } = ctx.state
  return stayAt ?? (ctx.method === 'GET' ? ctx.originalUrl : undefined)
}

export function createRenderer({ templates, assets, messages, product = 'Foyer' }: RendererDeps): Renderer {
  type Shown<Name extends PageName> = { name: Name; view: Pages[Name]; stay?: string | undefined }

  function htmlOf<Name extends PageName>({ name, view, stay }: Shown<Name>, translator: Translator): string {
    const { lang, dir, t, rich } = translator
    const words = { lang, dir, t, rich }
    const { heading, title = heading, app } = headOf[name](view, t)
    const problems = problemsOf(view, translator)
    const { errors } = problems
    const wholeTitle = `${withoutDirectionMarks(title)} – ${product}`
    const layout = {
      wide: isForDevelopers(name),
      heading: withoutDirectionMarks(heading),
      title: errors.length > 0 ? t('common.error_title', { title: wholeTitle }) : wholeTitle,
      app,
      initials: app ? initialsOf(app.name) : '',
      product,
      ...problems,
      stay,
      languages: stay === undefined ? [] : messages.languages(),
      css: assets.url('app.css'),
      script: assets.url('login.js'),
      icon: assets.url('favicon.svg'),
      body: templates.render(
        name,
        { ...view, errors, goOn: assets.url('return.js'), leave: assets.url('leave.js') },
        words,
      ),
    }
    return templates.render('layout', layout, words)
  }

  /** Tools of development speak English only. */
  function translatorOf(ctx: Koa.Context, name: PageName, lang?: string): Translator {
    if (isForDevelopers(name)) return messages.translator('en')
    const asked: Translator | undefined = ctx.state.translator
    return lang === undefined && asked ? asked : messages.translator(lang ?? 'en')
  }

  return {
    page(ctx, name, view, { status = 200, formAction = [], frameSrc = [], lang } = {}) {
      const translator = translatorOf(ctx, name, lang)
      ctx.state.page = name
      ctx.status = status
      ctx.type = 'html'
      ctx.set('Content-Language', translator.lang)
      pageHeaders(ctx, { formAction, frameSrc })
      ctx.body = htmlOf({ name, view, stay: stayAt(ctx, name) }, translator)
    },
  }
}
