// Owns the dispatcher: GET shows the next step of a stored interaction, POST adds one answer to it and comes back.
// Which step is next is decided in features/authn/next-step.ts and by oidc-provider's prompts.
import type Router from '@koa/router'
import type Koa from 'koa'
import type { Provider } from 'oidc-provider'
import { readForm } from '../web/input.ts'
import { otherMethods } from '../web/methods.ts'
import { type AccessPagesDeps, createAccessPages } from './access-pages.ts'
import { type ChoosePagesDeps, createChoosePages } from './choose-pages.ts'
import { type ConsentPagesDeps, createConsentPages } from './consent-pages.ts'
import { createRunning, page } from './interactions-running.ts'
import { accessPrompt, selectPrompt } from './policy.ts'
import { createSignIn, type SignInDeps } from './sign-in.ts'
import { type AddressPagesDeps, addressPaths, createAddressPages } from './sign-in-address.ts'
import { createLinkPages, type LinkPagesDeps } from './sign-in-links.ts'
import { createMailPages, type MailPagesDeps } from './sign-in-mail.ts'
import { createProfilePages, type ProfilePagesDeps } from './sign-in-profile.ts'
import { createMailProof } from './sign-in-proof.ts'
import { createRecoveryPages, type RecoveryPagesDeps } from './sign-in-recovery.ts'
import { createWaysBack, type WaysBackDeps } from './sign-in-ways-back.ts'

type PartsDeps = SignInDeps &
  AccessPagesDeps &
  ChoosePagesDeps &
  ConsentPagesDeps &
  MailPagesDeps &
  AddressPagesDeps &
  RecoveryPagesDeps &
  ProfilePagesDeps &
  LinkPagesDeps &
  WaysBackDeps

/** What the parts are handed besides one another. */
export type InteractionsDeps = Omit<
  PartsDeps,
  'running' | 'mail' | 'newPassword' | 'profile' | 'waysBack' | 'prove'
> & {
  router: Router
  provider: () => Provider
  sameOrigin: Koa.Middleware
  /** For a form that carries a secret of its own instead of the cookie of an interaction. */
  sameOriginByToken: Koa.Middleware
}

export function mountInteractions(deps: InteractionsDeps): void {
  const { router, restart, sameOrigin } = deps
  const running = createRunning(deps)
  const prove = createMailProof(deps)
  const waysBack = createWaysBack(deps)
  const mail = createMailPages({ ...deps, running, prove })
  const newPassword = createRecoveryPages({ ...deps, running, prove, waysBack })
  const address = createAddressPages({ ...deps, running, mail })
  const links = createLinkPages({ ...deps, prove, waysBack })
  const profile = createProfilePages({ ...deps, running })
  const signIn = createSignIn({ ...deps, running, mail, newPassword, profile })
  const access = createAccessPages({ ...deps, running })
  const choose = createChoosePages({ ...deps, running })
  const consent = createConsentPages({ ...deps, running })

  async function show(ctx: Koa.Context): Promise<void> {
    const current = await running.of(ctx)
    if (!current) return restart.show(ctx, String(ctx.params.uid))
    if (current.interaction.prompt.name === accessPrompt) return access.show(ctx, current)
    if (current.interaction.prompt.name === 'consent') return consent.show(ctx, current)
    if (current.interaction.prompt.name === selectPrompt && (await choose.show(ctx, current))) return
    return signIn.show(ctx, current)
  }

  async function submitRestart(ctx: Koa.Context): Promise<void> {
    await readForm(ctx)
    await restart.restart(ctx, String(ctx.params.uid))
  }

  router.get('/interaction/:uid', page(show))
  router.all('/interaction/:uid', otherMethods('GET', 'HEAD'))
  router.post('/interaction/:uid/identifier', sameOrigin, page(signIn.submitIdentifier))
  router.post('/interaction/:uid/password', sameOrigin, page(signIn.submitPassword))
  router.post('/interaction/:uid/account', sameOrigin, page(choose.submit))
  router.post('/interaction/:uid/access', sameOrigin, page(access.submit))
  router.post('/interaction/:uid/consent', sameOrigin, page(consent.submit))
  router.post('/interaction/:uid/restart', sameOrigin, page(submitRestart))
  router.post('/interaction/:uid/code', sameOrigin, page(mail.submitCode))
  router.post('/interaction/:uid/new-password', sameOrigin, page(newPassword.submitInside))
  router.post('/interaction/:uid/profile', sameOrigin, page(profile.submit))
  for (const [kind, path] of addressPaths) {
    router.get(`/interaction/:uid/${path}`, page(address.show(kind)))
    router.post(`/interaction/:uid/${path}`, sameOrigin, page(address.submit(kind)))
    router.all(`/interaction/:uid/${path}`, otherMethods('GET', 'HEAD', 'POST'))
  }
  router.all('/interaction/:uid/:answer', otherMethods('POST'))

  // Where mails lead.
  router.get('/link', page(links.show))
  router.post('/link', deps.sameOriginByToken, page(links.submit))
  router.all('/link', otherMethods('GET', 'HEAD', 'POST'))
  router.get('/recover', page(newPassword.showFromLink))
  router.post('/recover', deps.sameOriginByToken, page(newPassword.submitFromLink))
  router.all('/recover', otherMethods('GET', 'HEAD', 'POST'))
}
