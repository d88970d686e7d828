// Owns one example of every page in every state that looks different: what the page tests walk through.
import type Koa from 'koa'
import type { Renderer } from '../../src/web/render.ts'
import { type PageName, type Pages, say } from '../../src/web/views.ts'
import { accountSamples } from './account-samples.ts'
import { askSamples } from './ask-samples.ts'
import { deviceSamples } from './device-samples.ts'
import { invitationSamples } from './invitation-samples.ts'
import { joinSamples } from './join-samples.ts'
import { teamSamples } from './team-samples.ts'

const app = { name: 'Acme Quests', uri: 'https://quests.acme.test/' }
const action = '/interaction/sample'
const email = 'ada@example.test'
const demoPeople = [
  { name: 'Ada', email, password: 'analytical-engine-1843' },
  { name: 'Grace', email: 'grace@example.test', password: 'nanoseconds-per-foot-11' },
  { name: 'Admin', email: 'admin@example.test', password: 'difference-engine-1822' },
]

const maskedEmail = 'a•••@example.test'
const mailed = {
  action,
  app,
  email: maskedEmail,
  sentAt: new Date('2026-03-01T14:30:00Z'),
  expiresAt: new Date('2026-03-01T14:40:00Z'),
  resendAt: new Date('2026-03-01T14:30:30Z'),
  mayResend: false,
  open: true,
  otherWaysFirst: false,
}

const reference = '0197c0de-7a3f-7c51-9d20-4f1b6a8e2c33'

/** Keeps a page's name and its view model together for the type checker. */
export const of = <Name extends PageName>(page: Name, view: Pages[Name]) => ({
  page,
  view,
  show: (renderer: Renderer, ctx: Koa.Context, lang?: string) =>
    renderer.page(ctx, page, view, lang === undefined ? {} : { lang }),
})

export const samples: Record<string, ReturnType<typeof of>> = {
  identifier: of('interaction/identifier', { action, app, demoPeople }),
  'identifier, error': of('interaction/identifier', { action, app, email: '', errors: [say.emailMissing()] }),
  password: of('interaction/password', { action, app, email, emailMethods: true }),
  'password, error': of('interaction/password', { action, app, email, errors: [say.wrongPassword()] }),
  'password, too many tries': of('interaction/password', {
    action,
    app,
    email,
    retryAt: new Date('2026-03-01T14:32:00Z'),
    retryAfterSeconds: 240,
  }),
  'sign-in': of('interaction/sign-in', { action, app, demoPeople }),
  'sign-in, every way': of('interaction/sign-in', { action, app, emailMethods: true }),
  'sign-in, error': of('interaction/sign-in', {
    action,
    app,
    email,
    emailMethods: true,
    errors: [say.wrongPassword({ emailMethods: true })],
  }),
  'sign-in, no app': of('interaction/sign-in', { action }),
  'sign-in, an app with a policy and terms': of('interaction/sign-in', {
    action,
    app: {
      ...app,
      logo: 'data:image/gif;base64,R0lGODlhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs=',
      policy: 'https://shop.example/privacy',
      terms: 'https://shop.example/terms',
    },
  }),
  'sign-in, the longest name': of('interaction/sign-in', { action, app: { name: 'Quest'.repeat(40) } }),
  'sign-in, ways beside': of('interaction/sign-in', {
    action,
    app,
    emailMethods: true,
    recover: '/interaction/sample/recover',
    signUp: '/interaction/sample/sign-up',
  }),
  code: of('interaction/code', { ...mailed, via: 'code' }),
  'code, error': of('interaction/code', { ...mailed, via: 'sign_up', errors: [say.codeWrong()] }),
  'code, too many tries': of('interaction/code', {
    ...mailed,
    via: 'recovery',
    retryAt: new Date('2026-03-01T14:32:00Z'),
    retryAfterSeconds: 60,
  }),
  'code, over': of('interaction/code', {
    ...mailed,
    via: 'code',
    open: false,
    mayResend: true,
    otherWaysFirst: true,
  }),
  'link sent': of('interaction/link-sent', { ...mailed, via: 'link', mayResend: true }),
  link: of('interaction/link', { action: '/link', token: 'a-token-of-chance', email: maskedEmail, app }),
  'link, elsewhere': of('interaction/link-code', { email: maskedEmail, code: '123456', app }),
  'link, for a program': of('interaction/link-code', {
    email: maskedEmail,
    action: '/link',
    token: 'a-token-of-chance',
  }),
  'sign-up': of('interaction/sign-up', { action, back: action, app }),
  'sign-up, error': of('interaction/sign-up', {
    action,
    back: action,
    email: 'nobody',
    errors: [say.emailInvalid()],
  }),
  'sign-up, closed': of('interaction/sign-up', { action, back: action, app, closed: true }),
  recover: of('interaction/recover', { action, back: action, app, email }),
  'new password': of('interaction/new-password', { action, app, email, minLength: 15 }),
  'new password, error': of('interaction/new-password', {
    action,
    email: maskedEmail,
    minLength: 15,
    strength: 'too_short',
    errors: [say.passwordTooShort(15)],
  }),
  newcomer: of('interaction/profile', { action, app }),
  'newcomer, error': of('interaction/profile', {
    action,
    app,
    name: 'Ada\u200f',
    errors: [say.nameInvalid()],
  }),
  recovered: of('interaction/recovered', { account: '/account' }),
  'link expired': of('interaction/expired', { app, action, over: 'link_expired' }),
  'link used': of('interaction/expired', { over: 'link_used', account: '/account' }),
  'reset expired': of('interaction/expired', { over: 'reset_expired', account: '/account' }),
  'reset used': of('interaction/expired', { app, action, over: 'reset_used' }),
  return: of('interaction/return', {
    action: '/callback',
    fields: { code: 'a-code', state: 'a-state' },
    app,
  }),
  'consent to nothing': of('interaction/consent', {
    action,
    app,
    redirectHost: 'quests.acme.test',
    account: { email },
    items: [],
  }),
  consent: of('interaction/consent', {
    action,
    app,
    redirectHost: 'quests.acme.test',
    account: { email, name: 'Ada Lovelace' },
    items: [
      { title: 'Your name', value: 'Ada Lovelace' },
      { title: 'Your email', value: email },
      { title: 'Keep working when you are not signed in, until you remove it' },
    ],
  }),
  'consent, unverified with APIs': of('interaction/consent', {
    action,
    app: { name: 'Definitely Trustworthy' },
    redirectHost: 'localhost:3001',
    account: { email },
    items: [],
    apis: [
      {
        name: 'Quests',
        scopes: [
          { name: 'quests:read', description: 'See your quests' },
          { name: 'quests:write', description: 'Start and finish quests' },
        ],
      },
    ],
    unverified: true,
  }),
  'consent, from a document': of('interaction/consent', {
    action,
    app: { name: 'Definitely Trustworthy' },
    redirectHost: '127.0.0.1:53682',
    account: { email },
    items: [],
    unverified: true,
    documentHost: 'agents.acme.test',
  }),
  'no access': of('interaction/no-access', { action, app, email, contacts: [] }),
  'no access, whom to ask': of('interaction/no-access', {
    action,
    app,
    email,
    contacts: ['quests@acme.test', 'desk@acme.test'],
  }),
  choose: of('interaction/choose', {
    action,
    app,
    accounts: [
      { id: 'ada', email, name: 'Ada Lovelace', current: true },
      { id: 'grace', email: 'grace@example.test', current: false },
    ],
  }),
  expired: of('interaction/expired', { app, action }),
  'expired, elsewhere': of('interaction/expired', { backTo: { name: 'your account', uri: '/account' } }),
  error: of('error', {
    status: 400,
    title: 'This link does not belong to the app',
    explanation: 'The app asked to send you to an address that it has not registered.',
    fault: 'app',
    advice: 'Go back to it and try again, or tell the people who run it.',
    error: 'invalid_redirect_uri',
    errorDescription: "redirect_uri did not match any of the client's registered redirect_uris",
    reference,
    backTo: { name: 'Acme Quests', uri: 'https://quests.acme.test/' },
  }),
  'error, nothing there': of('error', {
    status: 404,
    title: 'There is nothing here',
    explanation: 'Check the address. What it named may have been removed.',
    fault: 'you',
    advice: 'Go back to where you came from.',
    error: 'not_found',
    reference,
    account: '/account',
  }),
  'error, ours': of('error', {
    status: 503,
    title: 'Foyer cannot answer right now',
    explanation: 'Something it depends on is down.',
    fault: 'us',
    advice: 'Try again in a minute.',
    error: 'temporarily_unavailable',
    reference,
  }),
  'sign-out question': of('logout/question', {
    action: '/oauth2/logout/confirm',
    xsrf: 'a-value-of-chance',
    apps: [app, { name: 'Wiki' }],
    account: { email },
  }),
  'signed out of apps': of('logout/apps', { target: '/callback', frames: [] }),
  'signed out': of('logout/done', { signIn: { name: 'Acme Quests', uri: app.uri } }),
  'set-up': of('setup/start', { action: '/setup', token: 'foyer_setup_sample', minLength: 15 }),
  'set-up, error': of('setup/start', {
    action: '/setup',
    email: 'nobody',
    minLength: 15,
    errors: [say.setupTokenWrong(), say.emailInvalid(), say.nameMissing(), say.passwordTooShort(15)],
  }),
  'set-up, weak password': of('setup/start', {
    action: '/setup',
    token: 'foyer_setup_sample',
    purpose: 'set_password',
    email,
    minLength: 15,
    strength: 'weak',
    errors: [{ field: 'password', text: { key: 'error.field.password_common' } }],
  }),
  'set-up, over': of('setup/start', { action: '/setup', over: true, minLength: 15 }),
  'set-up, over, typed': of('setup/start', {
    action: '/setup',
    over: true,
    minLength: 15,
    errors: [say.setupTokenWrong()],
  }),
  'set-up done': of('setup/done', {
    purpose: 'claim',
    email: 'admin@example.test',
  }),
  'password set': of('setup/done', { email, purpose: 'set_password' }),
  mails: of('dev/mail', {
    mails: [
      {
        id: 'm1',
        to: email,
        subject: '123456 is your Acme code',
        text: 'Your code is 123456.\n\nOr open http://localhost:3000/link?token=sample\n',
        html: '<p>Your code is <strong>123456</strong>.</p>',
        at: '2026-03-01T14:32:00.000Z',
      },
    ],
  }),
  'mails, none': of('dev/mail', { mails: [] }),
  'management API': of('dev/api', {
    base: 'http://localhost:3000/api/v1',
    document: '/api/v1/openapi.json',
    schemas: [{ name: 'User', text: '{ "type": "object" }' }],
    groups: [
      {
        name: 'users',
        operations: [
          {
            id: 'get_users',
            method: 'GET',
            path: '/users',
            summary: 'People.',
            who: 'Administrators and clients.',
            scope: 'users:read',
            parameters: [{ name: 'limit', place: 'query', required: false, kind: 'integer' }],
            body: undefined,
            status: 200,
            answer: '{ "type": "object" }',
          },
          {
            id: 'patch_users_id',
            method: 'PATCH',
            path: '/users/{id}',
            summary: 'One person.',
            who: 'Administrators and clients; everybody for their own account.',
            scope: 'users:write',
            parameters: [],
            body: '{ "type": "object" }',
            status: 204,
            answer: undefined,
          },
        ],
      },
    ],
  }),
  ...accountSamples(of),
  ...askSamples(of),
  ...deviceSamples(of),
  ...invitationSamples(of),
  ...joinSamples(of),
  ...teamSamples(of),
}
