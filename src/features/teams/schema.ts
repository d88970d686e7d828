// Owns the shape of teams and members: what callers may hand in and what they get.
import { z } from 'zod'
import type { PageOptions } from '../../kernel/pages.ts'

export type Team = {
  id: string
  slug: string
  name: string
  description: string | null
  createdAt: Date
  /** Of the team itself: members come and go without it. */
  updatedAt: Date
}

/** A team as one of its members sees it. */
export type Membership = { id: string; slug: string; name: string; role: string }

export type Member = { accountId: string; name: string | null; role: string; joinedAt: Date }

const Slug = z.string().max(64)
const Name = z.string().max(400)
const Description = z.string().max(4000)

/** Slug, name and description have rules of their own in the service. */
export const CreateTeam = z.strictObject({ slug: Slug, name: Name, description: Description.optional() })
export type CreateTeam = z.output<typeof CreateTeam>

/** What is absent stays; a description that is null goes. */
export const ChangeTeam = z.strictObject({
  slug: Slug.optional(),
  name: Name.optional(),
  description: Description.nullable().optional(),
})
export type ChangeTeam = z.output<typeof ChangeTeam>

/** The name of a built-in role, or of one of the team's own. */
export const RoleName = z.string().max(40)

export type OfTeam = { teamId: string }
export type OfMember = OfTeam & { accountId: string }
export type WithRole = OfMember & { role: string }
export type ListTeams = PageOptions & { search?: string }
export type ListMembers = OfTeam & PageOptions

/** Who is asked to join, as what. The address has rules of its own in the service. */
export type Invite = OfTeam & { email: string; role: string }
export const Invite = z.strictObject({ email: z.string().max(320), role: RoleName.default('member') })

/** A role beside the token is overheard rather than refused: it is nothing that the invited choose (security class R). */
export const AcceptInvitation = z
  .strictObject({ token: z.string().max(200), role: z.unknown().optional() })
  .transform(({ token }) => ({ token }))
export type AcceptInvitation = z.output<typeof AcceptInvitation>

export type OfInvitation = OfTeam & { invitationId: string }

export type Invitation = {
  id: string
  email: string
  role: string
  state: 'pending' | 'expired' | 'accepted' | 'revoked' | 'void'
  createdAt: Date
  expiresAt: Date
}

/** As its reader sees it, who may be signed in as somebody else. */
export type SeenInvitation = Pick<Invitation, 'role' | 'state' | 'expiresAt'> & {
  team: string
  emailMasked: string
  /** Whether it was sent to the address of whoever reads it, proved or not. */
  isForReader: boolean
}

/** Where a role counts: in this team, else in the whole installation. */
export type RoleHome = { teamId?: string | undefined }
export type OfRole = RoleHome & { name: string }

/** Of which version a change may start; of any when nothing is said. */
export type Expected = { expected?: readonly Date[] | undefined }

/** A role that is not built in. */
export type StoredRole = OwnRole & { updatedAt: Date }
export type OwnRole = { name: string; description: string | null; permissions: string[] }
/** Built-in ones never change and have no version. */
export type ListedRole = OwnRole & { builtIn: boolean; updatedAt?: Date }

const PermissionNames = z.array(z.string().max(100)).max(100)

/** Names have rules of their own in the service. */
export const DefineRole = z.strictObject({
  name: RoleName,
  permissions: PermissionNames.optional(),
  description: Description.nullable().optional(),
})
export type DefineRole = z.output<typeof DefineRole>

/** What is absent stays. */
export const ChangeRole = DefineRole.omit({ name: true })
export type ChangeRole = z.output<typeof ChangeRole>

export type Assignment = { accountId: string; role: string }

/** Times and numbers have rules of their own in the service. */
export type CreateJoinCode = OfTeam & { role?: string; maxUses: number; expiresAt: Date }
export type OfJoinCode = OfTeam & { joinCodeId: string }

export type JoinCode = {
  id: string
  code: string
  role: string
  uses: number
  maxUses: number
  state: 'open' | 'used_up' | 'expired' | 'revoked'
  createdAt: Date
  expiresAt: Date
}

/** As it is for somebody who was told the code. `member`: they are in the team already. */
export type SeenJoinCode = {
  team: string
  state: JoinCode['state'] | 'member'
  expiresAt: Date
}

export const UseJoinCode = z.strictObject({ code: z.string().max(40) })
export type UseJoinCode = z.output<typeof UseJoinCode>
