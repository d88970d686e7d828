// Owns the pages about one's own account: profile here, the rest beside it. Whose they are is account-session.ts.
import type Koa from 'koa'
import { ChangeAccount } from '../features/accounts/schema.ts'
import type { Accounts } from '../features/accounts/service.ts'
import { askPage } from '../features/crossdevice/ask-service.ts'
import { AppError } from '../kernel/errors.ts'
import { parse, readForm } from '../web/input.ts'
import { otherMethods } from '../web/methods.ts'
import type { PageError, Said } from '../web/views.ts'
import { type DataPagesDeps, mountDataPages } from './account-data-pages.ts'
import { changeOf, valuesOf } from './account-profile.ts'
import { type AccountRoutes, backTo, ownOf } from './account-routes.ts'
import type { Visitor } from './account-session.ts'
import { mountSignInPages, type SignInPagesDeps } from './account-sign-in-pages.ts'
import { requestPage } from './device-pages.ts'
import { invitationPage } from './invitation-pages.ts'
import { joinPage } from './join-pages.ts'
import { isTeamPage } from './team-routes.ts'

export type AccountPagesDeps = AccountRoutes &
  DataPagesDeps &
  SignInPagesDeps & {
    accounts: Pick<Accounts, 'update'>
    languages: () => { tag: string; name: string }[]
  }

const path = '/account'
/** Pages that somebody may be sent back to after signing in. */
const returnable = new Set([
  path,
  invitationPage,
  joinPage,
  requestPage,
  askPage,
  ...['sign-in', 'email', 'sessions', 'apps', 'data', 'data/export', 'delete'].map(
    (name) => `${path}/${name}`,
  ),
])

const isReturnable = (state: string): boolean => returnable.has(state) || isTeamPage(state)

export function mountAccountPages(deps: AccountPagesDeps): void {
  const { router, renderer, session, sameOrigin } = deps

  function showProfile(ctx: Koa.Context, visitor: Visitor, trouble?: Trouble): void {
    const values = { ...valuesOf(visitor.account), ...trouble?.typed }
    const view = { ...ownOf(ctx, visitor), values, languages: deps.languages(), errors: trouble?.errors }
    renderer.page(ctx, 'account/profile', view, { status: trouble ? 422 : 200 })
  }

  async function saveProfile(ctx: Koa.Context, visitor: Visitor): Promise<void> {
    const form = await readForm(ctx)
    const { account } = visitor
    try {
      const change = changeOf(form, account)
      if (change) {
        await deps.accounts.update(
          { kind: 'account', id: account.id },
          account.id,
          parse(ChangeAccount, change),
          account,
        )
      }
      backTo(ctx, path, 'saved')
    } catch (error) {
      showProfile(ctx, visitor, { errors: profileErrorsOf(error), typed: form })
    }
  }

  /** The way back from sign-in. The code is left to expire: the session is there, or the person said no. */
  function arrive(ctx: Koa.Context): void {
    ctx.state.wants = 'page'
    const { state, error } = ctx.query
    if (typeof state === 'string' && error === undefined && isReturnable(state)) backTo(ctx, state)
    else renderer.page(ctx, 'account/signed-out', {}, { status: error === undefined ? 400 : 200 })
  }

  /** Whoever opens the bare address of the issuer gets somewhere. */
  function begin(ctx: Koa.Context): void {
    ctx.status = 303
    ctx.redirect(path)
  }

  router.get('/', begin)
  router.all('/', otherMethods('GET', 'HEAD'))
  router.get(path, session.guarded({ page: path }, showProfile))
  router.post(path, sameOrigin, session.guarded({ page: path }, saveProfile))
  router.all(path, otherMethods('GET', 'HEAD', 'POST'))
  router.get(`${path}/callback`, arrive)
  mountSignInPages(deps)
  mountDataPages(deps)
}

type Trouble = { errors: PageError[]; typed: Readonly<Record<string, string>> }

const sentences = {
  username: { key: 'account.invalid_username' },
  birthdate: { key: 'account.invalid_birthdate' },
  phone_number: { key: 'account.invalid_phone_number' },
  profile: { key: 'account.invalid_url' },
  picture: { key: 'account.invalid_url' },
  website: { key: 'account.invalid_url' },
} as const satisfies Record<string, Said>

const isSpecial = (field: string): field is keyof typeof sentences => Object.hasOwn(sentences, field)

function profileErrorsOf(error: unknown): PageError[] {
  if (!(error instanceof AppError)) throw error
  if (error.code === 'username_taken') {
    return [{ field: 'username', text: { key: 'account.username_taken' } }]
  }
  if (error.kind !== 'invalid') throw error
  return (error.details.errors ?? []).map(({ pointer }) => {
    const field = pointer.split('/').at(-1) ?? ''
    return { field, text: isSpecial(field) ? sentences[field] : { key: 'account.invalid_text' } }
  })
}
