// Owns the words for every code a failure can have, for people who run into one.
// A test holds this table against the codes that the source raises.

export type Words = { title: string; detail: string }

/** What each code means and what to do about it. */
export const problems: Record<string, Words> = {
  invalid_request: {
    title: 'The request is malformed',
    detail:
      'Send each name once, in UTF-8 and without control characters, in the format of its content type.',
  },
  invalid_input: {
    title: 'The input is not valid',
    detail: 'Correct the fields listed under errors and send it again.',
  },
  invalid_credentials: {
    title: 'That did not match',
    detail: 'The email address or the password is wrong. Check both, or ask for a new password.',
  },
  unauthenticated: {
    title: 'You are not signed in',
    detail: 'Sign in, or send a valid access token, and try again.',
  },
  forbidden: {
    title: 'This is not allowed',
    detail: 'Ask an administrator for the permission, or sign in with another account.',
  },
  cross_origin_request: {
    title: 'The request came from another site',
    detail: 'Open the page itself and send its form from there.',
  },
  not_found: {
    title: 'There is nothing here',
    detail: 'Check the address. What it named may have been removed.',
  },
  conflict: {
    title: 'Something else was faster',
    detail: 'What you wanted to change has changed meanwhile. Read it again and repeat your change.',
  },
  gone: {
    title: 'This has expired or was used already',
    detail: 'Start again to get a new one.',
  },
  rate_limited: {
    title: 'Too many tries',
    detail: 'Wait as long as Retry-After says and try again.',
  },
  unavailable: {
    title: 'Foyer cannot answer right now',
    detail: 'Nothing is wrong with your request. Try again in a moment.',
  },
  database_unavailable: {
    title: 'Foyer cannot answer right now',
    detail: 'Its database does not respond. Nothing was changed; try again in a moment.',
  },
  schema_outdated: {
    title: 'The database is behind this version',
    detail: 'Run foyer migrate, or start Foyer again.',
  },
  no_signing_key: {
    title: 'There is no key to sign with',
    detail: 'Start Foyer again: it makes the keys that are missing.',
  },
  mail_unavailable: {
    title: 'The mail could not be sent',
    detail: 'The mail server does not accept it right now. Try again in a few minutes.',
  },
  mail_not_configured: {
    title: 'This installation sends no mail',
    detail: 'Ask its operator to set SMTP_URL.',
  },
  busy: {
    title: 'Foyer is very busy',
    detail: 'Too many people sign in at this moment. Try again in a few seconds.',
  },
  account_not_found: {
    title: 'There is no such account',
    detail: 'Check the id or the address. The account may have been deleted.',
  },
  email_taken: {
    title: 'The address is taken',
    detail: 'An account with this email address exists. Sign in to it, or use another address.',
  },
  client_not_found: {
    title: 'There is no such client',
    detail: 'Check the client id. The client may have been deleted.',
  },
  team_not_found: {
    title: 'There is no such team',
    detail: 'Check the id. The team may have been deleted, or you do not belong to it.',
  },
  team_slug_taken: {
    title: 'The short name is taken',
    detail: 'Another team uses it in its address. Choose another one.',
  },
  already_member: {
    title: 'Already a member',
    detail: 'The account belongs to the team. Change its role instead of adding it again.',
  },
  link_spent: {
    title: 'This link was used already',
    detail: 'Each link works once. Ask for a new one.',
  },
  clock_out_of_step: {
    title: 'Foyer cannot answer right now',
    detail: 'Its clock and the clock of its database differ too much. Ask its operator to correct them.',
  },
  method_not_allowed: {
    title: 'The method is not allowed here',
    detail: 'Use one of the methods that the Allow header lists.',
  },
  request_timeout: {
    title: 'The request took too long to arrive',
    detail: 'Send it again over a faster connection.',
  },
  body_too_large: {
    title: 'The request is too large',
    detail: 'Send at most 56 KiB.',
  },
  unsupported_media_type: {
    title: 'The content type is not supported here',
    detail: 'Send a form as application/x-www-form-urlencoded and data as application/json, in UTF-8.',
  },
  misdirected_request: {
    title: 'This host is not served here',
    detail: 'Use the host of the issuer, as FOYER_ISSUER names it.',
  },
  internal_error: {
    title: 'Something went wrong on our side',
    detail: 'Nothing is wrong with your request. Quote the reference when you report it.',
  },
}
