// Owns the pages that oidc-provider asks for by itself: errors, the sign-out question, signed out.
import type Koa from 'koa'
import type { Client, Configuration, ErrorOut, KoaContextWithOIDC, Provider } from 'oidc-provider'
import { errors } from 'oidc-provider'
import type { Artifacts } from '../features/artifacts/service.ts'
import type { Translator } from '../platform/i18n.ts'
import type { ErrorView } from '../web/problem.ts'
import { isProblemCode } from '../web/problem-words.ts'
import type { Renderer } from '../web/render.ts'
import type { AppOnPage, ErrorPage } from '../web/views.ts'
import type { FrontChannelLogout } from './front-channel-logout.ts'
import { createPostedAnswers } from './posted-answers.ts'
import type { Restart } from './restart.ts'
import { appsLetIn, endSession, isProvenByHint, leave } from './sign-out.ts'

export type ScreensDeps = {
  renderer: Renderer
  restart: Restart
  artifacts: Pick<Artifacts, 'accountOf'>
  findApp: (clientId: string) => Promise<AppOnPage | undefined>
  frontChannel: FrontChannelLogout
  /** How a client knows a person. */
  subjectFor: (clientId: string, accountId: string) => Promise<string>
}

const routesOfPrograms = new Set([
  'token',
  'introspection',
  'revocation',
  'userinfo',
  'pushed_authorization_request',
  'device_authorization',
  'backchannel_authentication',
])

const isWebUri = (uri: string | undefined): uri is string => uri !== undefined && /^https?:/.test(uri)

function backToOf(client: Client | undefined): ErrorPage['backTo'] {
  const uri = client?.clientUri
  return isWebUri(uri) ? { name: client?.clientName ?? client?.clientId ?? uri, uri } : undefined
}

type Wording = Pick<ErrorPage, 'title' | 'explanation' | 'fault' | 'advice'>

function wordsOf({ t }: Translator, status: number, error: string): Wording {
  const [cause, fault] =
    status >= 500
      ? (['server', 'us'] as const)
      : error === 'access_denied'
        ? (['denied', 'you'] as const)
        : (['app', 'app'] as const)
  return {
    title: t(`error.page.${cause}.title`),
    explanation: t(`error.page.${cause}.explanation`),
    fault,
    advice: t(`error.page.${cause}.advice`),
  }
}

function adviceFor({ t }: Translator, status: number): string {
  if (status === 404) return t('error.page.advice.missing')
  if (status >= 500) return t('error.page.advice.wait')
  return t('error.page.advice.again')
}

export function createScreens(deps: ScreensDeps) {
  const { renderer, restart, artifacts, findApp, frontChannel } = deps

  async function renderError(ctx: KoaContextWithOIDC, out: ErrorOut, error: Error): Promise<void> {
    // RFC 6749 §5.2: JSON, whatever the program said it would like to read.
    if (routesOfPrograms.has(ctx.oidc.route)) {
      ctx.body = out
      return
    }
    const uid = /^\/oauth2\/authorize\/([^/]+)$/.exec(ctx.path)?.[1]
    // The interaction is over, or belongs to another browser: that has a way on.
    if (error instanceof errors.SessionNotFound && uid) return restart.show(ctx, uid)
    if (ctx.status >= 500) ctx.state.failure = error

    const status = ctx.status
    const backTo = backToOf(ctx.oidc.entities.Client)
    renderer.page(
      ctx,
      'error',
      {
        status,
        ...wordsOf(ctx.state.translator, status, out.error),
        error: out.error,
        ...(out.error_description && { errorDescription: out.error_description }),
        reference: ctx.state.requestId,
        ...(backTo && { backTo }),
      },
      { status },
    )
  }

  async function appsOf(ctx: KoaContextWithOIDC): Promise<AppOnPage[]> {
    const apps = await Promise.all(appsLetIn(ctx).map(({ clientId }) => findApp(clientId)))
    return apps.filter((app) => app !== undefined)
  }

  async function isProven(ctx: KoaContextWithOIDC): Promise<boolean> {
    const { session, client } = ctx.oidc
    if (!session?.accountId || !client) return false
    return isProvenByHint(ctx, await deps.subjectFor(client.clientId, session.accountId))
  }

  async function logoutSource(ctx: KoaContextWithOIDC): Promise<void> {
    if (await isProven(ctx)) {
      await endSession(ctx)
      return leave(ctx)
    }
    const { session } = ctx.oidc
    const account = session?.accountId ? await artifacts.accountOf(session.accountId) : undefined
    const apps = await appsOf(ctx)
    const after = session?.state?.postLogoutRedirectUri
    renderer.page(
      ctx as Koa.Context,
      'logout/question',
      {
        action: new URL(ctx.oidc.urlFor('end_session_confirm')).pathname,
        xsrf: String(session?.state?.secret),
        ...(apps.length > 0 && { apps }),
        ...(account && { account: { email: account.email } }),
      },
      { formAction: typeof after === 'string' ? [new URL(after).origin] : [] },
    )
  }

  async function postLogoutSuccessSource(ctx: KoaContextWithOIDC): Promise<void> {
    // Whoever chose to stay comes by here too, and is not told the contrary.
    const { accountId } = await ctx.oidc.provider.Session.get(ctx)
    if (accountId) {
      ctx.status = 303
      return ctx.redirect('/account')
    }
    const signIn = backToOf(ctx.oidc.entities.Client)
    renderer.page(ctx as Koa.Context, 'logout/done', { ...(signIn && { signIn }) })
  }

  /** A resume that another tab had finished: the same way on as for one that expired. */
  async function showFinished(ctx: Koa.Context): Promise<void> {
    await restart.show(ctx, /^\/oauth2\/authorize\/([^/]+)$/.exec(ctx.path)?.[1] ?? '')
  }

  /** What went wrong outside the protocol, for a person. */
  function renderProblem(ctx: Koa.Context, view: ErrorView): void {
    const { status, code, reference } = view
    const { translator } = ctx.state
    const { t } = translator
    const [title, detail] = isProblemCode(code)
      ? [t(`error.${code}.title`), t(`error.${code}.detail`)]
      : [view.title, view.detail]
    const fault = status >= 500 ? 'us' : 'you'
    const isNotThere = status === 404 || status === 410
    const page = {
      status,
      title,
      explanation: detail,
      fault,
      advice: adviceFor(translator, status),
      error: code,
      reference,
      ...(isNotThere && { account: '/account' }),
    } as const
    renderer.page(ctx, 'error', page, { status })
  }

  const posted = createPostedAnswers({ renderer })

  /** In the order in which they see an answer on its way in; the first sees it last on its way out. */
  function attach(provider: Provider): void {
    frontChannel.attach(provider)
    posted.attach(provider)
  }

  return { renderError, logoutSource, postLogoutSuccessSource, showFinished, renderProblem, attach }
}

export type Screens = ReturnType<typeof createScreens>

export function logoutFeature(screens: Screens): NonNullable<Configuration['features']>['rpInitiatedLogout'] {
  return {
    enabled: true,
    logoutSource: screens.logoutSource,
    postLogoutSuccessSource: screens.postLogoutSuccessSource,
  }
}
