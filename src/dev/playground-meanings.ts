// Owns what the names in tokens and their headers mean, in plain words.
import { fromSeconds } from '../kernel/time.ts'
import type { Claims } from './playground-jws.ts'

const meanings: Record<string, string> = {
  alg: 'How it is signed',
  kid: 'Which key of the JWKS signed it',
  typ: 'What kind of token it is',
  iss: 'Who issued it: Foyer',
  sub: 'Who it is about: an id that never changes, unlike an email address',
  aud: 'Whom it is meant for; anybody else must refuse it',
  exp: 'When it ends',
  iat: 'When it was issued',
  nbf: 'Not to be used before this',
  jti: 'The id of this very token',
  nonce: 'Ties it to the request that this app began with',
  at_hash: 'Ties it to the access token that came along',
  c_hash: 'Ties it to the code that came along',
  s_hash: 'Ties it to the state that came along',
  sid: 'The session at Foyer, for signing out everywhere',
  auth_time: 'When the person last proved who they are',
  acr: 'How strong that proof was',
  amr: 'The kinds of proof: pwd is a password',
  azp: 'The client it was issued to',
  client_id: 'The client it was issued to',
  scope: 'What it allows',
  active: 'Whether it is good right now',
  token_type: 'How it is presented',
  name: 'Full name',
  given_name: 'First name',
  family_name: 'Last name',
  middle_name: 'Middle name',
  nickname: 'What friends say',
  preferred_username: 'How the person likes to be called; may change',
  profile: 'Page about the person',
  picture: 'Picture of the person',
  website: 'Site of the person',
  gender: 'Gender',
  birthdate: 'Birthday',
  zoneinfo: 'Time zone',
  locale: 'Language',
  updated_at: 'When the profile last changed',
  email: 'Email address',
  email_verified: 'Whether the person proved that it is theirs',
  phone_number: 'Phone number',
  phone_number_verified: 'Whether the person proved that it is theirs',
  address: 'Postal address',
  teams: 'Teams, and the role in each',
  roles: 'Roles at Foyer itself',
  permissions: 'What the person may do at the API',
}

const times = new Set(['exp', 'iat', 'nbf', 'auth_time', 'updated_at'])

export type ClaimRow = { name: string; value: string; meaning: string }

export function explain(claims: Claims): ClaimRow[] {
  return Object.entries(claims).map(([name, value]) => ({
    name,
    value: textOf(name, value),
    meaning: Object.hasOwn(meanings, name) ? (meanings[name] ?? '') : '',
  }))
}

function textOf(name: string, value: unknown): string {
  if (times.has(name) && typeof value === 'number') return `${value} (${inWords(value)})`
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2)
}

// A Date cannot hold every number a token may carry.
function inWords(epochSeconds: number): string {
  if (Math.abs(epochSeconds) > 8.64e12) return 'no date at all'
  return fromSeconds(epochSeconds).toUTCString()
}
