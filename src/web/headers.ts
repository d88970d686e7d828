// Owns the security headers of every answer, and what a page may load, post to and be framed by.
// Caching of what may be cached (assets, JWKS, discovery) is said by who answers it.
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import helmet from 'helmet'
import type Koa from 'koa'
import type { Config } from '../config/schema.ts'
import { days } from '../kernel/time.ts'
import { isSteady, renderFields } from './steady-response.ts'

const twoYearsInSeconds = (2 * days(365)) / 1000

// Nothing that Foyer answers with JSON may load, run or frame anything when a browser opens it as a page.
const dataPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

const noFeatures = ['camera', 'geolocation', 'microphone', 'payment', 'usb', 'browsing-topics']
const permissions = noFeatures.map((feature) => `${feature}=()`).join(', ')

/** An origin, or the scheme of a native app; nothing that would end the source and begin something else. */
const isSource = (text: string): boolean =>
  /^(?:https?:\/\/[a-z0-9._[\]:-]+|[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+:)$/.test(text)

function pagePolicy(formAction: readonly string[], frameSrc: readonly string[] = []): string {
  // Chromium and WebKit hold the whole redirect chain after a POST to form-action, so the place to which
  // the answer leads is named too.
  const targets = ["'self'", ...sourcesOf(formAction)].join(' ')
  const shown = sourcesOf(frameSrc)
  const frames = shown.length === 0 ? '' : `frame-src ${shown.join(' ')}; `
  return (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
    `${frames}form-action ${targets}; frame-ancestors 'none'; base-uri 'none'`
  )
}

const sourcesOf = (named: readonly string[]): string[] => [...new Set(named.filter(isSource))]

const plainPagePolicy = pagePolicy([])

/**
 * Every answer leaves with these; what is not a page gets the policy of data. They are set last, where nobody has
 * said otherwise: on the way there the protocol looks through all headers set so far.
 */
export function securityHeaders({ config }: { config: Pick<Config, 'insecureIssuer'> }): Koa.Middleware {
  const ofData = headersUnlessSet({ ...constantHeaders(config), 'content-security-policy': dataPolicy })
  const ofPages = headersUnlessSet(constantHeaders(config))
  const { 'x-frame-options': _, ...withoutFrames } = constantHeaders(config)
  const ofFramed = headersUnlessSet(withoutFrames)
  return async function securityHeaders({ res, state }, next) {
    try {
      await next()
    } finally {
      if (isPage(res)) (state.framed ? ofFramed : ofPages)(res)
      else {
        res.removeHeader('content-security-policy')
        ofData(res)
      }
    }
  }
}

/** Gives a response those of the headers that it does not have yet. */
function headersUnlessSet(headers: Record<string, string>): (res: ServerResponse) => void {
  const all = Object.entries(headers)
  // By which of them are missing: mostly all, or all but what the protocol says about caches
  const rendered = new Map<number, string>()

  function fieldsFor(missing: number): string {
    let fields = rendered.get(missing)
    if (fields === undefined) {
      fields = renderFields(Object.fromEntries(all.filter((_, index) => missing & (1 << index))))
      rendered.set(missing, fields)
    }
    return fields
  }

  return (res) => {
    if (!isSteady(res)) {
      for (const [name, value] of all) if (!res.hasHeader(name)) res.setHeader(name, value)
      return
    }
    let missing = 0
    all.forEach(([name], index) => {
      if (!res.hasHeader(name)) missing |= 1 << index
    })
    res.steadyFields = fieldsFor(missing)
  }
}

/** Whether the answer is a page so far; koa would parse the whole header for it. */
export const isPage = (res: ServerResponse): boolean =>
  String(res.getHeader('content-type') ?? '').startsWith('text/html')

// Helmet decides once, at start; a request only copies what it said.
function constantHeaders({ insecureIssuer }: Pick<Config, 'insecureIssuer'>): Record<string, string> {
  const request = new IncomingMessage(new Socket())
  const response = new ServerResponse(request)
  const apply = helmet({
    contentSecurityPolicy: false,
    strictTransportSecurity: insecureIssuer ? false : { maxAge: twoYearsInSeconds, includeSubDomains: true },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  })
  apply(request, response, () => undefined)
  const decided = Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)])
  return {
    ...Object.fromEntries(decided),
    'cache-control': 'no-store',
    'content-security-policy': plainPagePolicy,
    'permissions-policy': permissions,
  }
}

/** The headers of an answer that is no page, for what is answered before koa. */
export const dataHeaders = (config: Pick<Config, 'insecureIssuer'>): Record<string, string> => ({
  ...constantHeaders(config),
  'content-security-policy': dataPolicy,
})

export type PageHeaders = {
  /** Origins, or schemes of native apps, that an answer to this page's form may lead to. */
  formAction?: readonly string[]
  /** Origins that the page may show inside itself. */
  frameSrc?: readonly string[]
}

export function pageHeaders(ctx: Koa.Context, { formAction = [], frameSrc = [] }: PageHeaders = {}): void {
  const isPlain = formAction.length === 0 && frameSrc.length === 0
  ctx.set('Content-Security-Policy', isPlain ? plainPagePolicy : pagePolicy(formAction, frameSrc))
  ctx.set('Cache-Control', 'no-store')
}

/** For the one page that another origin may frame: it has nothing to click, and runs the one script that is named. */
export function framedHeaders(
  ctx: Koa.Context,
  { origin, scriptHash }: { origin: string; scriptHash: string },
): void {
  const ancestors = /^https?:/.test(origin) && isSource(origin) ? origin : "'none'"
  ctx.state.framed = true
  ctx.set(
    'Content-Security-Policy',
    `default-src 'none'; script-src 'sha256-${scriptHash}'; form-action 'none'; ` +
      `frame-ancestors ${ancestors}; base-uri 'none'`,
  )
  ctx.set('Cache-Control', 'no-store')
}

/** For what apps on other origins fetch: JWKS, discovery, tokens. */
export function allowCrossOrigin(ctx: Koa.Context): void {
  ctx.set('Cross-Origin-Resource-Policy', 'cross-origin')
}

/** How form-action names the place a validated redirect URI leads to: its origin, or a native app's scheme. */
export function originOf(redirectUri: string): string {
  const { protocol, origin } = new URL(redirectUri)
  return protocol === 'https:' || protocol === 'http:' ? origin : protocol
}
