// Owns the playground: a relying party of its own on another origin, which shows a sign-in from the app's side.
// It talks to Foyer as any app does, over HTTP; nothing here reaches into Foyer. Development only.
import { Router } from '@koa/router'
import Koa from 'koa'
import { isLoopbackHost } from '../config/hosts.ts'
import { AppError } from '../kernel/errors.ts'
import { newId } from '../kernel/secrets.ts'
import type { Clock } from '../kernel/time.ts'
import type { Log } from '../platform/log.ts'
import type { Templates } from '../platform/templates.ts'
import type { Assets } from '../web/assets.ts'
import { sameOriginPosts } from '../web/csrf.ts'
import { securityHeaders } from '../web/headers.ts'
import { readForm } from '../web/input.ts'
import { type ErrorView, errorBoundary } from '../web/problem.ts'
import { createActions, isActionName } from './playground-actions.ts'
import { type DemoClient, spaClient, thirdPartyClient, webClient } from './playground-clients.ts'
import { createIssuer } from './playground-issuer.ts'
import { createPlaygroundPages } from './playground-pages.ts'
import { createSignIn, type SignIn } from './playground-sign-in.ts'
import {
  createVisitors,
  type Notice,
  type Visitor,
  type Visitors,
  visitorCookie,
} from './playground-visitors.ts'
import { createWire } from './playground-wire.ts'

export type PlaygroundDeps = {
  /** Foyer's issuer. */
  issuer: string
  /** Where the playground itself is reached; its redirect URIs begin with it. */
  origin: string
  log: Log
  clock: Clock
  /** Shared with Foyer's own pages. */
  templates: Templates
  assets: Assets
}

export function createPlayground(deps: PlaygroundDeps): Koa {
  const { issuer, origin, log, clock, templates, assets } = deps

  function show(ctx: Koa.Context, page: string, view: { title: string; script?: string }): void {
    ctx.type = 'html'
    ctx.set('Content-Security-Policy', policyOf(issuer))
    ctx.body = templates.render('dev/layout', {
      title: view.title,
      css: [assets.url('app.css'), assets.url('playground.css')],
      scripts: [assets.url('login.js'), ...(view.script ? [assets.url(view.script)] : [])],
      icon: assets.url('favicon.svg'),
      issuer,
      body: templates.render(page, view),
    })
  }

  const app = new Koa()
  app.use(async (ctx, next) => {
    ctx.state.requestId = newId(clock.now())
    await next()
  })
  app.use(securityHeaders({ config: { insecureIssuer: true } }))
  app.use(
    errorBoundary({
      log,
      renderPage: (ctx, view: ErrorView) => show(ctx, 'dev/playground-problem', view),
    }),
  )
  app.use(oneOrigin(origin))
  app.use(assets.middleware)
  app.use(createRoutes(deps, show).routes())
  app.on('error', (err: Error) => log.debug({ event: 'playground.failed', err }))
  return app
}

type Show = (ctx: Koa.Context, page: string, view: { title: string; script?: string }) => void
type Desk = { issuerUrl: string; signIn: SignIn; visitors: Visitors; router: Router }

function createRoutes({ issuer: issuerUrl, origin, clock }: PlaygroundDeps, show: Show): Router {
  const wire = createWire({ clock })
  const issuer = createIssuer({ issuer: issuerUrl, wire, clock })
  const signIn = createSignIn({ origin, wire, issuer, clock })
  const actions = createActions({ wire, issuer })
  const pages = createPlaygroundPages({ issuerUrl, origin, issuer, clock })
  const visitors = createVisitors()
  const ownPosts = sameOriginPosts({ issuer: origin, cookies: [visitorCookie] })
  const router = new Router()

  router.get('/', async (ctx) => {
    const visitor = visitors.of(ctx)
    if (ctx.query.state === 'signed-out') visitor.notice = { good: true, text: signedOut }
    show(ctx, 'dev/playground-home', { title: 'Playground', ...(await pages.home(visitor)) })
  })

  for (const client of [webClient, thirdPartyClient])
    mountSignIn({ issuerUrl, signIn, visitors, router }, client)

  router.post('/tokens/:action', ownPosts, async (ctx) => {
    const { action = '' } = ctx.params
    if (!isActionName(action)) throw new AppError('not_found', 'not_found')
    await actions[action](visitors.of(ctx))
    seeOther(ctx, '/')
  })

  router.post('/sign-out', ownPosts, async (ctx) => {
    const visitor = visitors.of(ctx)
    leave(ctx, visitor, (await signIn.end(visitor)) ?? noAnswer(issuerUrl))
  })

  router.get(['/spa/', spaClient.callbackPath], (ctx) => {
    const redirectUri = origin + spaClient.callbackPath
    const script = 'playground-spa.js'
    const view = { title: 'In the browser', script, issuer: issuerUrl, client: spaClient, redirectUri }
    show(ctx, 'dev/playground-spa', view)
  })

  return router
}

function mountSignIn({ issuerUrl, signIn, visitors, router }: Desk, client: DemoClient): void {
  const { callbackPath } = client

  router.get(callbackPath.replace(/callback$/, 'sign-in'), async (ctx) => {
    const visitor = visitors.of(ctx)
    const url = await signIn.begin(visitor, client, new URLSearchParams(ctx.querystring))
    leave(ctx, visitor, url ?? noAnswer(issuerUrl))
  })

  router.get(callbackPath, async (ctx) => {
    const parameters = new URLSearchParams(ctx.querystring)
    await signIn.complete(visitors.of(ctx), client, { method: 'GET', parameters })
    seeOther(ctx, '/')
  })

  // response_mode=form_post: this one post comes from Foyer's origin, and state vouches for it.
  router.post(callbackPath, async (ctx) => {
    const parameters = new URLSearchParams(await readForm(ctx))
    await signIn.complete(visitors.of(ctx), client, { method: 'POST', parameters })
    seeOther(ctx, '/')
  })
}

/** Off to Foyer; or back to the start with a notice when Foyer does not answer. */
function leave(ctx: Koa.Context, visitor: Visitor, where: string | Notice): void {
  const isUrl = typeof where === 'string'
  visitor.notice = isUrl ? undefined : where
  seeOther(ctx, isUrl ? where : '/')
}

const signedOut = 'You are signed out: this app has forgotten its tokens, and Foyer has ended its session.'
const noAnswer = (issuer: string): Notice => ({
  good: false,
  text: `Foyer does not answer at ${issuer}. Is it still running?`,
})

// POST, redirect, GET: reloading the page that follows repeats nothing.
function seeOther(ctx: Koa.Context, url: string): void {
  ctx.redirect(url)
  ctx.status = 303
}

// The page in the browser fetches from the issuer, and posts here lead there.
const policyOf = (issuer: string) =>
  `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src ${issuer}; ` +
  `form-action 'self' ${issuer}; frame-ancestors 'none'; base-uri 'none'`

/** Cookies and redirect URIs belong to one origin; other names of this machine lead to it, strangers get nothing. */
function oneOrigin(origin: string): Koa.Middleware {
  const { host } = new URL(origin)
  return async function oneOrigin(ctx, next) {
    if (ctx.host === host) return next()
    const isOurs = isLoopbackHost(URL.parse(`http://${ctx.host}`)?.hostname ?? '')
    if (!isOurs || ctx.method !== 'GET') throw new AppError('invalid', 'misdirected_request')
    seeOther(ctx, origin + ctx.path + ctx.search)
  }
}
