// Owns one example of every page about one's own account, in every state that looks different.
import { say } from '../../src/web/views.ts'
import type { of } from './page-samples.ts'

const email = 'ada@example.test'
const since = new Date('2026-02-01T08:15:00Z')
const seen = new Date('2026-03-01T14:30:00Z')
const languages = [
  { tag: 'en', name: 'English' },
  { tag: 'ar', name: 'العربية' },
]
const inputs = [
  'name username locale given_name family_name middle_name nickname profile picture website gender birthdate',
  'zoneinfo phone_number street_address locality region postal_code country',
]
const values = Object.fromEntries(
  inputs
    .join(' ')
    .split(' ')
    .map((name) => [name, name === 'name' ? 'Ada King Lovelace' : '']),
)
const here = {
  id: 'here',
  browser: 'Firefox',
  system: 'Linux',
  address: '203.0.113.7',
  since,
  seen,
  current: true,
}
const phone = { ...here, id: 'phone', browser: 'Safari', system: 'iOS', current: false }
const program = { ...phone, id: 'program', browser: null, system: null, address: null }
const quests = {
  id: 'quests',
  name: 'Acme Quests',
  start: 'https://quests.example/login?iss=https%3A%2F%2Fid.example',
  words: [{ key: 'consent.know_you' as const }, { key: 'consent.claim.email' as const }],
  apiScopes: ['quests:read'],
  since,
  seen,
}

export const accountSamples = (sample: typeof of) => ({
  profile: sample('account/profile', { email, values, languages, done: { key: 'account.done_saved' } }),
  'profile, error': sample('account/profile', {
    email,
    values,
    languages,
    errors: [
      { field: 'username', text: { key: 'account.username_taken' } },
      { field: 'birthdate', text: { key: 'account.invalid_birthdate' } },
    ],
  }),
  'sign-in methods': sample('account/sign-in', {
    email,
    verified: true,
    hasPassword: true,
    mayRemove: true,
    minLength: 15,
  }),
  'sign-in methods, no password': sample('account/sign-in', {
    email,
    verified: false,
    hasPassword: false,
    mayRemove: false,
    minLength: 15,
  }),
  'sign-in methods, error': sample('account/sign-in', {
    email,
    verified: true,
    hasPassword: true,
    mayRemove: true,
    minLength: 15,
    strength: 'too_short',
    errors: [{ field: 'current', text: { key: 'account.current_wrong' } }, say.passwordTooShort(15)],
  }),
  'sign-in methods, too many tries': sample('account/sign-in', {
    email,
    verified: true,
    hasPassword: true,
    mayRemove: true,
    minLength: 15,
    retryAt: seen,
    retryAfterSeconds: 240,
  }),
  'new address': sample('account/email', { email }),
  'new address, error': sample('account/email', { email, typed: 'nobody', errors: [say.emailInvalid()] }),
  'new address, code': sample('account/email-code', { email, typed: 'ada@new.example', flow: 'sample' }),
  'new address, code, error': sample('account/email-code', {
    email,
    typed: 'ada@new.example',
    flow: 'sample',
    errors: [say.codeWrong()],
  }),
  devices: sample('account/sessions', { email, sessions: [here, phone, program] }),
  'devices, this one alone': sample('account/sessions', { email, sessions: [here] }),
  apps: sample('account/apps', { email, apps: [quests] }),
  'apps, none': sample('account/apps', { email, apps: [] }),
  'one’s data': sample('account/data', { email }),
  deletion: sample('account/delete', { email }),
  'deletion, error': sample('account/delete', {
    email,
    typed: 'nobody',
    errors: [{ field: 'confirm', text: { key: 'account.delete_not_confirmed' } }],
  }),
  deleted: sample('account/deleted', { email, until: seen }),
  'way back': sample('account/restore', { token: 'foyer_link_sample' }),
  'way back, taken': sample('account/restored', { email }),
  'account, not signed in': sample('account/signed-out', {}),
})
