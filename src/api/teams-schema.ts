// Owns what the management API takes and shows of teams. What the values must be beyond that is said by the services.
import { z } from 'zod'
import { type Invitation, type Member, RoleName, type Team } from '../features/teams/schema.ts'
import { Id } from './route.ts'

const moment = z.iso.datetime()

export const TeamFilters = z.object({ search: z.string().min(1).max(100).optional() })

export const TeamShown = z.object({
  id: z.uuid(),
  slug: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  created_at: moment,
  updated_at: moment,
})

export const presentTeam = ({
  id,
  slug,
  name,
  description,
  createdAt,
  updatedAt,
}: Team): z.input<typeof TeamShown> => ({
  id,
  slug,
  name,
  description,
  created_at: createdAt.toISOString(),
  updated_at: updatedAt.toISOString(),
})

export const ByMember = z.strictObject({ id: Id, user_id: Id })
export const NewMember = z.strictObject({ user_id: Id, role: RoleName.default('member') })
export const NewRole = z.strictObject({ role: RoleName })
export const NewOwner = z.strictObject({ user_id: Id })

export const MemberShown = z.object({
  user_id: z.uuid(),
  name: z.string().nullable(),
  role: z.string(),
  joined_at: moment,
})

export const presentMember = ({ accountId, name, role, joinedAt }: Member): z.input<typeof MemberShown> => ({
  user_id: accountId,
  name,
  role,
  joined_at: joinedAt.toISOString(),
})

/** What a change of a member answers. */
export const MemberRole = z.object({ user_id: z.uuid(), role: z.string() })

export const ByInvitation = z.strictObject({ id: Id, invitation_id: Id })

export const InvitationShown = z.object({
  id: z.uuid(),
  email: z.string(),
  role: z.string(),
  state: z.enum(['pending', 'expired', 'accepted', 'revoked', 'void']),
  created_at: moment,
  expires_at: moment,
})

export const presentInvitation = ({
  createdAt,
  expiresAt,
  ...invitation
}: Invitation): z.input<typeof InvitationShown> => ({
  ...invitation,
  created_at: createdAt.toISOString(),
  expires_at: expiresAt.toISOString(),
})

export const Joined = z.object({ team: TeamShown, role: z.string() })
