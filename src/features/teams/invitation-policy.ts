// Owns what an invitation is worth when it is accepted: no more than its inviter could give at that moment. Pure.
import { may, mayGrant, type Role, type Standing, teamRole } from './policy.ts'

export type Offer = {
  role: string
  /** What that role is in the team today; nothing when the team has taken it away. */
  worth: Role | undefined
  /** What the inviter is in the team today. */
  inviter: Standing
  /** Since it was sent, the inviter's account may have changed hands: whoever sent it, it was not surely they. */
  inviterChanged: boolean
}

/** The role that is joined with, or null when the invitation is void. */
export function roleOffered({ role, worth, inviter, inviterChanged }: Offer): string | null {
  if (!may(inviter, 'invitations.create', { grants: teamRole('member') })) return null
  return worth && !inviterChanged && mayGrant(inviter, worth) ? role : 'member'
}
