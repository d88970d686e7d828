// Owns what an invitation or a join code is worth when it is used: no more than whoever stands behind it could give at
// that moment. Pure.
import { may, mayGrant, type Permission, type Role, type Standing, teamRole } from './policy.ts'

export type Offer = {
  /** Without which there is no offer any more. */
  permission: Permission
  role: string
  /** What that role is in the team today; nothing when the team has taken it away. */
  worth: Role | undefined
  /** What the inviter is in the team today. */
  inviter: Standing
  /** Since it was sent, the inviter's account may have changed hands: whoever sent it, it was not surely they. */
  inviterChanged: boolean
}

/** The role that is joined with, or null when the invitation is void. */
export function roleOffered({ permission, role, worth, inviter, inviterChanged }: Offer): string | null {
  if (!may(inviter, permission, { grants: teamRole('member') })) return null
  return worth && !inviterChanged && mayGrant(inviter, worth) ? role : 'member'
}
