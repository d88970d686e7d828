// Owns which claims an account has, under the names of OIDC Core §5.1. Which of them a client sees is src/oidc.
import { dateOf } from '../../kernel/time.ts'
import type { Profile } from './schema.ts'

/** An account as the view `account_snapshot` shows it. */
export type ClaimsSource = {
  id: string
  email: string
  email_verified: boolean
  username: string | null
  profile: Profile | Record<string, unknown>
  roles: readonly string[]
  teams: readonly { id: string; slug: string; name: string; role: string }[] | null
  updated_at: string | Date
}

export type Claims = { sub: string; [claim: string]: unknown }

/** Every claim of the account; what it has no value for is left out (OIDC Core §5.3.2). */
export function claimsOf(account: ClaimsSource): Claims {
  const { username, profile } = account
  return {
    // A phone number that nobody checked is not verified by being silent about it.
    ...('phone_number' in profile ? { phone_number_verified: false } : {}),
    ...profile,
    ...(username === null ? {} : { preferred_username: username }),
    // After the profile, so that nothing in it takes the place of what Foyer vouches for (CVE-2024-29892).
    email: account.email,
    email_verified: account.email_verified,
    updated_at: epochSeconds(account.updated_at),
    roles: [...account.roles],
    teams: (account.teams ?? []).map(({ id, slug, name, role }) => ({ id, slug, name, role })),
    sub: account.id,
  }
}

const epochSeconds = (time: string | Date): number =>
  Math.floor((typeof time === 'string' ? dateOf(time) : time).getTime() / 1000)
