// Owns what each page about one's own account needs to know, and how it is headed. Its words are locales/*/account.json.
import type { Translator } from '../platform/i18n.ts'
import type { PageError, PasswordStrength, Said } from './sentences.ts'

type Own = {
  /** Whose account it is. */
  email: string
  /** What has just been done, for the person to see that it was. */
  done?: Said
  errors?: PageError[]
}

/** What was typed, or stands there, by the name of the input. */
export type ProfilePage = Own & {
  values: Readonly<Record<string, string>>
  /** Languages by their own names; the first stands for none in particular. */
  languages: { tag: string; name: string }[]
}

export type SignInMethodsPage = Own & {
  verified: boolean
  hasPassword: boolean
  /** Mail to the address signs in as well, so the password can go. */
  mayRemove: boolean
  minLength: number
  strength?: PasswordStrength
  retryAt?: Date
  retryAfterSeconds?: number
}

export type NewEmailPage = Own & { typed?: string }

export type NewEmailCodePage = Own & {
  typed: string
  /** Names the change that is under way; whoever holds it may try codes for it. */
  flow: string
  retryAt?: Date
  retryAfterSeconds?: number
}

export type SessionOnPage = {
  id: string
  browser: string | null
  system: string | null
  address: string | null
  since: Date
  seen: Date
  current: boolean
}
export type SessionsPage = Own & { sessions: SessionOnPage[] }

export type AppWithAccess = {
  id: string
  name: string
  /** Where it begins a sign-in. */
  start?: string
  /** What it may see and do, in sentences; scopes of APIs by their names. */
  words: Said[]
  apiScopes: string[]
  since: Date
  seen: Date | null
}
export type AppsPage = Own & { apps: AppWithAccess[] }

export type DeletePage = Own & { typed?: string }
export type DeletedPage = { email: string; until: Date }
export type RestorePage = { token: string }

export type AccountPages = {
  'account/profile': ProfilePage
  'account/sign-in': SignInMethodsPage
  'account/email': NewEmailPage
  'account/email-code': NewEmailCodePage
  'account/sessions': SessionsPage
  'account/apps': AppsPage
  'account/data': Own
  'account/delete': DeletePage
  'account/deleted': DeletedPage
  'account/restore': RestorePage
  'account/restored': { email: string }
  'account/signed-out': Record<never, never>
}

type Heads = {
  [Name in keyof AccountPages]: (view: AccountPages[Name], t: Translator['t']) => { heading: string }
}

export const accountHeads: Heads = {
  'account/profile': (_, t) => ({ heading: t('account.profile_heading') }),
  'account/sign-in': (_, t) => ({ heading: t('account.sign_in_heading') }),
  'account/email': (_, t) => ({ heading: t('account.email_heading') }),
  'account/email-code': (_, t) => ({ heading: t('account.email_code_heading') }),
  'account/sessions': (_, t) => ({ heading: t('account.sessions_heading') }),
  'account/apps': (_, t) => ({ heading: t('account.apps_heading') }),
  'account/data': (_, t) => ({ heading: t('account.data_heading') }),
  'account/delete': (_, t) => ({ heading: t('account.delete_heading') }),
  'account/deleted': (_, t) => ({ heading: t('account.deleted_heading') }),
  'account/restore': (_, t) => ({ heading: t('account.restore_heading') }),
  'account/restored': (_, t) => ({ heading: t('account.restored_heading') }),
  'account/signed-out': (_, t) => ({ heading: t('account.signed_out_heading') }),
}
