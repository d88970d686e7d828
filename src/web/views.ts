// Owns what each page needs to know: one type per page, and the sentences that more than one caller says.
// How a page looks is in views/ and public/, its words are in locales/; when it is shown is for the features and
// src/oidc to decide.
import type { AccountPages } from './account-views.ts'
import type { AskPages } from './ask-views.ts'
import type { AppOnPage, ConsentPage } from './consent-views.ts'
import type { DevicePages } from './device-views.ts'
import type { InvitationPages } from './invitation-views.ts'
import type { JoinPages } from './join-views.ts'
import type { PageError, PasswordStrength } from './sentences.ts'
import type { TeamPages } from './team-views.ts'

export type { AppOnPage, ConsentApi, ConsentItem, ConsentPage } from './consent-views.ts'
export type { PageError, PasswordStrength, Said } from './sentences.ts'

export type DemoPerson = { name: string; email: string; password: string }

type SignInBase = {
  /** Where the form is posted to. */
  action: string
  app?: AppOnPage
  errors?: PageError[]
  /** Too many tries: when the next one is accepted. */
  retryAt?: Date
  retryAfterSeconds?: number
  /** Offers a link or a code by mail instead of the password. */
  emailMethods?: boolean
  /** Where the way to a new password begins, and where one signs up. */
  recover?: string
  signUp?: string
}

/**
 * Step one of two: who are you? What a password manager put into the hidden password field comes along;
 * an empty `password` means that nothing did. With `demoPeople` (development only) each gets a button.
 */
export type IdentifierPage = SignInBase & { email?: string; demoPeople?: DemoPerson[] }

/** Step two of two: the password of the person named in step one. */
export type PasswordPage = SignInBase & { email: string }

/** Both on one page (FOYER_LOGIN_LAYOUT=single). */
export type SignInPage = SignInBase & { email?: string; demoPeople?: DemoPerson[] }

/** The person is signed in, and the app is not for them. */
export type NoAccessPage = {
  action: string
  app: AppOnPage
  email: string
  /** Addresses of whoever runs the app, as it was registered. */
  contacts: readonly string[]
}

/** Which of the accounts known in this browser. */
export type ChoosePage = {
  action: string
  app: AppOnPage
  accounts: { id: string; email: string; name?: string; current: boolean }[]
}

/** A mail is on its way; its code is typed on the page that asked for it. */
export type MailCodePage = {
  action: string
  app?: AppOnPage
  via: 'code' | 'link' | 'sign_up' | 'recovery'
  /** Where the mail went, masked. */
  email: string
  sentAt: Date
  expiresAt: Date
  /** When another mail may be asked for, and whether that is now. */
  resendAt: Date
  mayResend: boolean
  /** A code may still be typed; else only another mail helps. */
  open: boolean
  /** After several mails the other ways come to the fore. */
  otherWaysFirst: boolean
  errors?: PageError[]
  retryAt?: Date
  retryAfterSeconds?: number
}

/** Where a mailed link leads in the browser that asked: one button. */
export type LinkPage = { action: string; token: string; email: string; app?: AppOnPage }

/** Where it leads anywhere else: the code, or a button that shows it. */
export type LinkCodePage =
  | { email: string; code: string; app?: AppOnPage }
  | { email: string; code?: undefined; action: string; token: string; app?: AppOnPage }

/** Asks for an address alone: to sign up, or because the password was forgotten. */
export type AddressPage = {
  action: string
  /** The sign-in it was opened from. */
  back: string
  app?: AppOnPage
  email?: string
  /** Nobody can sign up here by themselves. */
  closed?: boolean
  errors?: PageError[]
  retryAt?: Date
  retryAfterSeconds?: number
}

export type NewPasswordPage = {
  action: string
  app?: AppOnPage
  /** Whose password it is. */
  email: string
  minLength: number
  strength?: PasswordStrength
  errors?: PageError[]
}

/** Asks somebody new what they are called; an empty answer will do. */
export type NewcomerPage = { action: string; app: AppOnPage; name?: string; errors?: PageError[] }

/** A new password was set where no sign-in waits for it. */
export type RecoveredPage = { account: string }

/** A page that can no longer be used. With `action` it is started anew, else the person leaves by `backTo`. */
export type ExpiredPage = {
  /** What is over: a page when it is not said. */
  over?: 'link_expired' | 'link_used' | 'reset_expired' | 'reset_used'
  app?: AppOnPage
  action?: string
  backTo?: { name: string; uri: string }
  /** Where the person's own page is: for whoever comes from nowhere. */
  account?: string
}

export type ErrorPage = {
  status: number
  /** What happened, as a heading without a full stop. */
  title: string
  /** What happened, in a sentence. */
  explanation: string
  fault: 'you' | 'app' | 'us'
  /** What to do now. */
  advice: string
  error: string
  errorDescription?: string
  /** The request id, for whoever is asked for help. */
  reference: string
  backTo?: { name: string; uri: string }
  /** Where one's account is, when what was asked for is no longer there. */
  account?: string
}

/** Carries an answer to the client's address by a form (response_mode=form_post). */
export type ReturnPage = { action: string; fields: Readonly<Record<string, string>>; app?: AppOnPage }

export type LogoutPage = {
  action: string
  xsrf: string
  /** The apps that will be signed out too. */
  apps?: AppOnPage[]
  account?: { email: string }
}

export type LogoutAppsPage = {
  /** Where the browser was going. */
  target: string
  /** The addresses that sign the person out of their apps when they are loaded. */
  frames: { name: string; src: string }[]
}

export type LoggedOutPage = {
  /** Where "Sign in again" leads. */
  signIn?: { name: string; uri: string }
}

export type SetupPage = {
  action: string
  /** The one-time token once it was found to be right; else the page asks for it. */
  token?: string
  /** The token there was is wrong, used or too old. */
  over?: boolean
  /** What the token is for: the first administrator's account, or a password for an account that is there. */
  purpose?: 'claim' | 'set_password'
  email?: string
  name?: string
  minLength: number
  strength?: PasswordStrength
  errors?: PageError[]
}

export type SetupDonePage = {
  email: string
  purpose: 'claim' | 'set_password'
}

export type DevMail = { id: string; to: string; subject: string; text: string; html: string; at: string }

export type DevMailPage = { mails: DevMail[] }

/** Every page by the name of its file in views/. */
/** The management API, as its declarations tell it. */
export type ApiPage = {
  /** Where all paths begin. */
  base: string
  document: string
  groups: ApiGroup[]
  /** What several answers hold, as JSON Schema. */
  schemas: { name: string; text: string }[]
}
export type ApiGroup = { name: string; operations: ApiOperation[] }
export type ApiOperation = {
  id: string
  method: string
  path: string
  summary: string
  who: string
  scope: string
  parameters: { name: string; place: string; required: boolean; kind: string }[]
  /** JSON Schema. */
  body: string | undefined
  status: number
  answer: string | undefined
}

export type Pages = {
  'interaction/identifier': IdentifierPage
  'interaction/password': PasswordPage
  'interaction/sign-in': SignInPage
  'interaction/consent': ConsentPage
  'interaction/no-access': NoAccessPage
  'interaction/choose': ChoosePage
  'interaction/code': MailCodePage
  'interaction/link-sent': MailCodePage
  'interaction/link': LinkPage
  'interaction/link-code': LinkCodePage
  'interaction/sign-up': AddressPage
  'interaction/recover': AddressPage
  'interaction/new-password': NewPasswordPage
  'interaction/recovered': RecoveredPage
  'interaction/profile': NewcomerPage
  'interaction/expired': ExpiredPage
  'interaction/return': ReturnPage
  'logout/question': LogoutPage
  'logout/apps': LogoutAppsPage
  'logout/done': LoggedOutPage
  error: ErrorPage
  'setup/start': SetupPage
  'setup/done': SetupDonePage
  'dev/mail': DevMailPage
  'dev/api': ApiPage
} & AccountPages &
  AskPages &
  DevicePages &
  InvitationPages &
  JoinPages &
  TeamPages

export type PageName = keyof Pages

/** Sentences about input say what to do, not what failed. */
export const say = {
  emailMissing: (): PageError => ({ field: 'email', text: { key: 'interaction.identifier_missing' } }),
  passwordMissing: (): PageError => ({ field: 'password', text: { key: 'interaction.password_missing' } }),
  /** Unknown person and wrong password alike. */
  wrongPassword: ({ emailMethods = false } = {}): PageError => ({
    field: 'password',
    text: { key: emailMethods ? 'interaction.no_match_mail' : 'interaction.no_match' },
    beside: { key: 'interaction.no_match_beside' },
  }),
  tooManyTries: (): PageError => ({ text: { key: 'interaction.too_many_tries' } }),
  busy: (): PageError => ({ text: { key: 'interaction.busy' } }),
  nameMissing: (): PageError => ({ field: 'name', text: { key: 'error.field.name_missing' } }),
  nameInvalid: (): PageError => ({ field: 'name', text: { key: 'account.invalid_text' } }),
  emailInvalid: (): PageError => ({ field: 'email', text: { key: 'error.field.email_invalid' } }),
  passwordTooShort: (minLength: number): PageError => ({
    field: 'password',
    text: { key: 'error.field.password_too_short', values: { minLength } },
  }),
  passwordTooLong: (maxLength: number): PageError => ({
    field: 'password',
    text: { key: 'error.field.password_too_long', values: { maxLength } },
  }),
  codeMissing: (): PageError => ({ field: 'code', text: { key: 'interaction.code_missing' } }),
  codeWrong: (): PageError => ({
    field: 'code',
    text: { key: 'interaction.code_wrong' },
    beside: { key: 'interaction.code_wrong_beside' },
  }),
  resendTooEarly: (): PageError => ({ text: { key: 'interaction.resend_too_early' } }),
  newPasswordMissing: (): PageError => ({
    field: 'password',
    text: { key: 'interaction.new_password_missing' },
  }),
  setupTokenWrong: (): PageError => ({
    field: 'token',
    text: { key: 'setup.token_wrong' },
    beside: { key: 'setup.token_wrong_beside' },
  }),
} as const
