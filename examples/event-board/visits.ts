// Owns what every request begins with: the headers of every answer, whose session this is, and whether a form is ours.
import type Koa from 'koa'
import { type Fields, readForm } from './forms.ts'
import { messagePage, type Viewer } from './pages.ts'
import type { Person } from './person.ts'
import { isFormToken, type Session, type Sessions } from './sessions.ts'
import type { Settings } from './settings.ts'

export type Posted = { session: Session; person: Person; fields: Fields }
export type Visits = ReturnType<typeof createVisits>

export function createVisits(sessions: Sessions, { origin, issuer }: Pick<Settings, 'origin' | 'issuer'>) {
  const isSecure = origin.startsWith('https:')
  // On plain http some browsers drop cookies with that prefix
  const prefix = isSecure ? '__Host-' : ''
  const names = { session: `${prefix}event_board`, pending: `${prefix}event_board_sign_in` }
  // The answer to a form may lead to Foyer: form-action holds for redirects as well
  const policy = `default-src 'none'; style-src 'self'; form-action 'self' ${new URL(issuer).origin}; base-uri 'none'; frame-ancestors 'none'`

  const headers: Koa.Middleware = async (ctx, next) => {
    ctx.set({
      'Content-Security-Policy': policy,
      'Referrer-Policy': 'same-origin',
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-store',
    })
    await next()
  }

  const cookieOptions = { httpOnly: true, sameSite: 'lax', secure: isSecure, path: '/' } as const

  function setCookie(ctx: Koa.Context, name: keyof typeof names, value: string | null): void {
    // The proxy in front ended TLS, which koa does not see
    if (isSecure) ctx.cookies.secure = true
    ctx.cookies.set(names[name], value, cookieOptions)
  }

  const cookie = (ctx: Koa.Context, name: keyof typeof names): string | undefined =>
    ctx.cookies.get(names[name])

  function viewerOf(ctx: Koa.Context, session: Session | undefined): Viewer {
    const flash = session?.flash
    if (session) session.flash = undefined
    return { person: session?.person, formToken: session?.formToken ?? '', flash, path: ctx.path }
  }

  /** For pages that one looks at. While Foyer is away people go on as who they were. */
  async function view(ctx: Koa.Context): Promise<Viewer> {
    const session = sessions.find(cookie(ctx, 'session'))
    const outcome = session && (await sessions.freshen(session))
    return viewerOf(ctx, outcome === 'ended' ? undefined : session)
  }

  /** For what changes something: a person whose rights are known now, and a form that this board made for them. */
  async function posted(ctx: Koa.Context): Promise<Posted | undefined> {
    const session = sessions.find(cookie(ctx, 'session'))
    if (!session) return refuse(ctx, 401, 'Sign in first', 'You are not signed in, or no longer.')
    const fields = await readForm(ctx.req)
    if (!fields)
      return refuse(ctx, 413, 'That was too much', 'The form is too long, or no form of this board.')
    if (!isFormToken(session, fields.get('form_token') ?? ''))
      return refuse(ctx, 403, 'That form is too old', 'Go back, load the page anew and try again.')
    const outcome = await sessions.freshen(session)
    if (outcome === 'ended') return refuse(ctx, 401, 'Sign in first', 'Foyer has signed you out.')
    if (outcome === 'unreachable') {
      ctx.set('Retry-After', '10')
      return refuse(
        ctx,
        503,
        'Not now',
        'Foyer does not answer, so nobody knows what you may do. Try again soon.',
      )
    }
    return { session, person: session.person, fields }
  }

  function refuse(ctx: Koa.Context, status: number, title: string, words: string): undefined {
    const session = sessions.find(cookie(ctx, 'session'))
    ctx.status = status
    ctx.type = 'html'
    ctx.body = messagePage(viewerOf(ctx, session), title, words)
  }

  return { headers, view, posted, refuse, cookie, setCookie }
}
