// Owns what each page needs to know: one type per page, and the sentences that more than one caller says.
// How a page looks is in views/ and public/; when it is shown is for the features and src/oidc to decide.

/** The app a page is about, as its owner registered it. */
export type AppOnPage = {
  name: string
  /** Where the app starts (`client_uri`), once checked to be http or https. */
  uri?: string
}

/** What the person should mend. `field` is the id of the input (`email`, `password`, …) it is about. */
export type PageError = {
  text: string
  field?: string
  /** Shorter words to show beside the field; the full text stands in the summary. */
  beside?: string
}

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

/** One thing an app learns about the person; without a value it is something the app may do. */
export type ConsentItem = { title: string; value?: string }

export type ConsentApi = { name: string; scopes: { name: string; description: string }[] }

export type ConsentPage = {
  action: string
  app: AppOnPage
  /** Host, or scheme for native apps, that the person is sent back to. */
  redirectHost: string
  account: { email: string; name?: string }
  items: ConsentItem[]
  apis?: ConsentApi[]
  /** The app registered itself, or nobody has vouched for it. */
  unverified?: boolean
}

/** A page that can no longer be used. With `action` it is started anew, else the person leaves by `backTo`. */
export type ExpiredPage = {
  app?: AppOnPage
  action?: string
  backTo?: { name: string; uri: string }
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

export type LoggedOutPage = {
  /** Where "Sign in again" leads. */
  signIn?: { name: string; uri: string }
}

export type SetupPage = {
  action: string
  /** The one-time token once it was found to be right; else the page asks for it. */
  token?: string
  /** What the token is for: the first administrator's account, or a password for an account that is there. */
  purpose?: 'claim' | 'set_password'
  email?: string
  name?: string
  minLength: number
  errors?: PageError[]
}

export type SetupDonePage = {
  email: string
  purpose: 'claim' | 'set_password'
  next?: { name: string; uri: string }
}

export type DevMail = { id: string; to: string; subject: string; text: string; html: string; at: string }

export type DevMailPage = { mails: DevMail[] }

/** Every page by the name of its file in views/. */
export type Pages = {
  'interaction/identifier': IdentifierPage
  'interaction/password': PasswordPage
  'interaction/sign-in': SignInPage
  'interaction/consent': ConsentPage
  'interaction/expired': ExpiredPage
  'interaction/return': ReturnPage
  'logout/question': LogoutPage
  'logout/done': LoggedOutPage
  error: ErrorPage
  'setup/start': SetupPage
  'setup/done': SetupDonePage
  'dev/mail': DevMailPage
}

export type PageName = keyof Pages

/** Sentences about input say what to do, not what failed. */
export const say = {
  emailMissing: (): PageError => ({ field: 'email', text: 'Enter your email address or username.' }),
  passwordMissing: (): PageError => ({ field: 'password', text: 'Enter your password.' }),
  /** Unknown person and wrong password alike. */
  wrongPassword: ({ emailMethods = false } = {}): PageError => ({
    field: 'password',
    text: emailMethods
      ? 'That email and password do not match: check both, or have a link or a code mailed to you.'
      : 'That email and password do not match: check the address, or type the password again.',
    beside: 'Type your password again.',
  }),
  tooManyTries: (): PageError => ({
    text: 'Too many tries. Nothing is lost: wait a little, then sign in as usual.',
  }),
  busy: (): PageError => ({ text: 'Foyer is very busy right now. Try again in a few seconds.' }),
  nameMissing: (): PageError => ({ field: 'name', text: 'Enter your name.' }),
  emailInvalid: (): PageError => ({
    field: 'email',
    text: 'Enter an email address such as name@example.com.',
  }),
  passwordTooShort: (minLength: number): PageError => ({
    field: 'password',
    text: `Choose a password of at least ${minLength} characters.`,
  }),
  passwordTooLong: (maxLength: number): PageError => ({
    field: 'password',
    text: `Choose a password of at most ${maxLength} characters.`,
  }),
  setupTokenWrong: (): PageError => ({
    field: 'token',
    text: 'Copy the newest set-up token from the log: this one is not valid, or has been used.',
    beside: 'Copy the token from the log again.',
  }),
  offlineAccess: (): ConsentItem => ({
    title: 'Keep working when you are not signed in, until you remove it',
  }),
} as const
