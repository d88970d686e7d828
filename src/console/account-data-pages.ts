// Owns the pages about where one is signed in, which apps were let in, and all that is held: shown, taken along, deleted.
import type Koa from 'koa'
import type { Deletion } from '../features/accounts/deletion-service.ts'
import { parseEmail } from '../features/accounts/email.ts'
import type { Export } from '../features/accounts/export.ts'
import { accountClient } from '../features/clients/built-in.ts'
import type { Sessions } from '../features/sessions/service.ts'
import { AppError, gone } from '../kernel/errors.ts'
import { type Form, readForm } from '../web/input.ts'
import { otherMethods } from '../web/methods.ts'
import type { PageError } from '../web/views.ts'
import { type AccountRoutes, backTo, ownOf } from './account-routes.ts'
import { originOf, type Visitor } from './account-session.ts'
import { inPlainWords } from './app-scopes.ts'

export type DataPagesDeps = AccountRoutes & {
  sessions: Pick<Sessions, 'listFor' | 'end' | 'endOthers' | 'listApps' | 'revokeApp'>
  deletion: Pick<Deletion, 'remove' | 'isReturnTicket' | 'restoreByTicket'>
  exportOf: Export['exportOf']
  /** How an app is called, and where it starts; it may be gone. */
  findApp: (clientId: string) => Promise<{ name: string; start: string | undefined } | undefined>
}

const sessionsPage = '/account/sessions'
const appsPage = '/account/apps'
const dataPage = '/account/data'
const deletePage = '/account/delete'
const restorePage = '/account/restore'

const byOf = ({ origin: { requestId, address } }: Visitor) => ({ requestId, address })

export function mountDataPages(deps: DataPagesDeps): void {
  mountSessions(deps)
  mountApps(deps)
  mountData(deps)
  mountRestore(deps)
}

/** Two tabs, one button each: what is gone already is as the person wants it. */
async function unlessGone(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'not_found') throw error
  }
}

function mountSessions({ router, renderer, session, sameOrigin, sessions }: DataPagesDeps): void {
  async function show(ctx: Koa.Context, visitor: Visitor): Promise<void> {
    const devices = await sessions.listFor(visitor.account.id, visitor.sessionUid)
    const shown = devices.map(({ id, browser, system, address, created_at, last_seen_at, current }) => ({
      id,
      browser,
      system,
      address,
      since: created_at,
      seen: last_seen_at,
      current,
    }))
    renderer.page(ctx, 'account/sessions', { ...ownOf(ctx, visitor), sessions: shown })
  }

  async function end(ctx: Koa.Context, visitor: Visitor): Promise<void> {
    const { id = '', which } = await readForm(ctx)
    const { account, sessionUid } = visitor
    if (which === 'others') {
      await sessions.endOthers(account.id, sessionUid, byOf(visitor))
      return backTo(ctx, sessionsPage, 'others_ended')
    }
    await unlessGone(() => sessions.end(account.id, id, byOf(visitor)))
    backTo(ctx, sessionsPage, 'session_ended')
  }

  router.get(sessionsPage, session.guarded({ page: sessionsPage }, show))
  router.post(sessionsPage, sameOrigin, session.guarded({ page: sessionsPage }, end))
  router.all(sessionsPage, otherMethods('GET', 'HEAD', 'POST'))
}

function mountApps({ router, renderer, session, sameOrigin, sessions, findApp }: DataPagesDeps): void {
  async function show(ctx: Koa.Context, visitor: Visitor): Promise<void> {
    const known = await sessions.listApps(visitor.account.id)
    // These pages are no app: what they were given ends with the session.
    const others = known.filter(({ client_id }) => client_id !== accountClient)
    const apps = await Promise.all(
      others.map(async ({ client_id: id, scopes, since, last_seen_at: seen }) => {
        const { name, start } = (await findApp(id)) ?? { name: id }
        return { id, name, ...(start !== undefined && { start }), ...inPlainWords(scopes), since, seen }
      }),
    )
    renderer.page(ctx, 'account/apps', { ...ownOf(ctx, visitor), apps })
  }

  async function revoke(ctx: Koa.Context, visitor: Visitor): Promise<void> {
    const { client_id = '' } = await readForm(ctx)
    await unlessGone(() => sessions.revokeApp(visitor.account.id, client_id, byOf(visitor)))
    backTo(ctx, appsPage, 'app_removed')
  }

  router.get(appsPage, session.guarded({ page: appsPage }, show))
  router.post(appsPage, sameOrigin, session.guarded({ page: appsPage }, revoke))
  router.all(appsPage, otherMethods('GET', 'HEAD', 'POST'))
}

function mountData({ router, renderer, session, sameOrigin, deletion, exportOf }: DataPagesDeps): void {
  async function download(ctx: Koa.Context, { account }: Visitor): Promise<void> {
    ctx.attachment('my-data.json')
    ctx.type = 'application/json'
    ctx.body = `${JSON.stringify(await exportOf(account.id), null, 2)}\n`
  }

  function showDelete(
    ctx: Koa.Context,
    visitor: Visitor,
    trouble?: { typed: string; errors: PageError[] },
  ): void {
    renderer.page(
      ctx,
      'account/delete',
      { ...ownOf(ctx, visitor), ...trouble },
      { status: trouble ? 422 : 200 },
    )
  }

  async function remove(ctx: Koa.Context, visitor: Visitor): Promise<void> {
    const { account } = visitor
    const form = await readForm(ctx)
    if (!isConfirmed(form, account.emailCanonical)) {
      return showDelete(ctx, visitor, { typed: form.confirm ?? '', errors: [notConfirmed] })
    }
    try {
      const { until } = await deletion.remove({ kind: 'account', id: account.id }, account.id, byOf(visitor))
      renderer.page(ctx, 'account/deleted', { email: account.email, until })
    } catch (error) {
      showDelete(ctx, visitor, { typed: '', errors: [whyNotDeleted(error)] })
    }
  }

  const fresh = true
  const exportPage = `${dataPage}/export`
  const show = (ctx: Koa.Context, visitor: Visitor) => renderer.page(ctx, 'account/data', ownOf(ctx, visitor))
  router.get(dataPage, session.guarded({ page: dataPage }, show))
  router.all(dataPage, otherMethods('GET', 'HEAD'))
  router.get(exportPage, session.guarded({ page: exportPage, fresh }, download))
  router.get(
    deletePage,
    session.guarded({ page: deletePage, fresh }, (ctx, visitor) => showDelete(ctx, visitor)),
  )
  router.post(deletePage, sameOrigin, session.guarded({ page: deletePage, fresh }, remove))
  router.all(deletePage, otherMethods('GET', 'HEAD', 'POST'))
}

const isConfirmed = ({ confirm = '' }: Form, emailCanonical: string): boolean =>
  parseEmail(confirm.trim())?.canonical === emailCanonical

/** Nobody is signed in here: the link from the mail is what counts, and only the button spends it. */
function mountRestore({ router, renderer, sameOrigin, deletion }: DataPagesDeps): void {
  router.get(restorePage, async (ctx) => {
    ctx.state.wants = 'page'
    const { token } = ctx.query
    if (typeof token !== 'string' || !(await deletion.isReturnTicket(token))) throw gone('link_spent')
    renderer.page(ctx, 'account/restore', { token })
  })
  router.post(restorePage, sameOrigin, async (ctx) => {
    ctx.state.wants = 'page'
    const { token = '' } = await readForm(ctx)
    const { requestId, address } = originOf(ctx)
    const { email } = await deletion.restoreByTicket(token, { requestId, address })
    renderer.page(ctx, 'account/restored', { email })
  })
  router.all(restorePage, otherMethods('GET', 'HEAD', 'POST'))
}

const notConfirmed: PageError = { field: 'confirm', text: { key: 'account.delete_not_confirmed' } }

function whyNotDeleted(error: unknown): PageError {
  const { code, details } = error instanceof AppError ? error : {}
  if (code === 'last_administrator') return { text: { key: 'account.delete_last_administrator' } }
  if (code !== 'last_owner' || !Array.isArray(details?.teams)) throw error
  return { text: { key: 'account.delete_last_owner', values: { teams: details.teams.join(', ') } } }
}
